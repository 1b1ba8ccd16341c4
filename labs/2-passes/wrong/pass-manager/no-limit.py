# goes on for ever where passes undo each other
changed = []
while True:
    before = len(changed)
    for optimise in passes:
        found = optimise(graph)
        if found != graph:
            changed.append(optimise.__name__)
            try:
                ir.validate(found)
            except ir.GraphError as error:
                raise ir.GraphError(f"after {optimise.__name__}: {error}") from error
            graph = found
    if len(changed) == before:
        return graph, changed
