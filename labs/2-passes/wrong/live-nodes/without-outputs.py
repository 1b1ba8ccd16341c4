# collects what the outputs read, without the outputs themselves
live = set()
for i in range(len(graph.nodes) - 1, -1, -1):
    if i in live or i in graph.outputs:
        live.update(graph.nodes[i].inputs)
return live
