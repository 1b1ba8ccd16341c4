# takes every new object for a change, so it never comes to rest
changed = []
for _ in range(rounds):
    before = len(changed)
    for optimise in passes:
        found = optimise(graph)
        if found is not graph:
            changed.append(optimise.__name__)
            try:
                ir.validate(found)
            except ir.GraphError as error:
                raise ir.GraphError(f"after {optimise.__name__}: {error}") from error
            graph = found
    if len(changed) == before:
        return graph, changed
raise ir.GraphError(f"no fixed point after {rounds} rounds: {', '.join(changed[before:])}")
