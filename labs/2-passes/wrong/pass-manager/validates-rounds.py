# validates at the end of a round: other passes have seen the illegal graph, and the last one is blamed
changed = []
for _ in range(rounds):
    before = len(changed)
    for optimise in passes:
        found = optimise(graph)
        if found != graph:
            changed.append(optimise.__name__)
            graph = found
    try:
        ir.validate(graph)
    except ir.GraphError as error:
        raise ir.GraphError(f"after {optimise.__name__}: {error}") from error
    if len(changed) == before:
        return graph, changed
raise ir.GraphError(f"no fixed point after {rounds} rounds: {', '.join(changed[before:])}")
