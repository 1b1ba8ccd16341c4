# copies a node with the inputs it had in the old graph
builder = ir.Builder()
new = []
for node in graph.nodes:
    inputs = tuple(new[operand] for operand in node.inputs)
    found = rule(builder, node, inputs)
    new.append(builder.append(node) if found is None else found)
return builder.build(*(new[i] for i in graph.outputs))
