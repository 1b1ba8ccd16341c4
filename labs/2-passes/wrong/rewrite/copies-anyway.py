# copies every node, also those that were replaced
builder = ir.Builder()
new = []
for node in graph.nodes:
    inputs = tuple(new[operand] for operand in node.inputs)
    found = rule(builder, node, inputs)
    copy = builder.append(replace(node, inputs=inputs))
    new.append(copy if found is None else found)
return builder.build(*(new[i] for i in graph.outputs))
