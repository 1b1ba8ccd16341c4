# marks the outputs and their operands, and does not go on from there
live = set(graph.outputs)
for i in graph.outputs:
    live.update(graph.nodes[i].inputs)
return live
