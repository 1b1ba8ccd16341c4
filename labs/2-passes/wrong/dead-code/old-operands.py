# copies the nodes with the indices that their operands had in the old graph
live = live_nodes(graph)
nodes, new = [], {}
for i, node in enumerate(graph.nodes):
    if i in live or node.op == "input":
        new[i] = len(nodes)
        nodes.append(node)
return ir.Graph(tuple(nodes), tuple(new[i] for i in graph.outputs))
