# drops inputs that nobody reads, and with them a part of what the graph asks of its caller
live = live_nodes(graph)
builder, new = ir.Builder(), {}
for i, node in enumerate(graph.nodes):
    if i in live:
        new[i] = builder.append(replace(node, inputs=tuple(new[operand] for operand in node.inputs)))
return builder.build(*(new[i] for i in graph.outputs))
