# takes a graph with as many nodes as before for unchanged
changed = []
for _ in range(rounds):
    before = len(changed)
    for optimise in passes:
        found = optimise(graph)
        ir.validate(found)
        if len(found.nodes) != len(graph.nodes):
            changed.append(optimise.__name__)
        graph = found
    if len(changed) == before:
        return graph, changed
raise ir.GraphError(f"no fixed point after {rounds} rounds: {', '.join(changed[before:])}")
