# calls live whatever somebody reads, even if nobody needs the reader
live = set(graph.outputs)
for node in graph.nodes:
    live.update(node.inputs)
return live
