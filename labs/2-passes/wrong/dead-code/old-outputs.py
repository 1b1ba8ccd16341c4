# leaves the outputs as they were in the old graph
live = live_nodes(graph)
builder, new = ir.Builder(), {}
for i, node in enumerate(graph.nodes):
    if i in live or node.op == "input":
        new[i] = builder.append(replace(node, inputs=tuple(new[operand] for operand in node.inputs)))
return ir.Graph(tuple(builder.nodes), graph.outputs)
