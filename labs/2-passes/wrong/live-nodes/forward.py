# goes from the first node to the last, so a node is met before its readers have said that they need it
live = set(graph.outputs)
for i, node in enumerate(graph.nodes):
    if i in live:
        live.update(node.inputs)
return live
