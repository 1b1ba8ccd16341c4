# stops as soon as one pass finds nothing, while others still would
changed = []
for _ in range(rounds):
    for optimise in passes:
        found = optimise(graph)
        if found == graph:
            return graph, changed
        changed.append(optimise.__name__)
        try:
            ir.validate(found)
        except ir.GraphError as error:
            raise ir.GraphError(f"after {optimise.__name__}: {error}") from error
        graph = found
raise ir.GraphError(f"no fixed point after {rounds} rounds: {', '.join(changed[-len(passes):])}")
