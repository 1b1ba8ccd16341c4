# shows the rule the copy with the new inputs instead of the node of the old graph
builder = ir.Builder()
new = []
for node in graph.nodes:
    inputs = tuple(new[operand] for operand in node.inputs)
    copy = replace(node, inputs=inputs)
    found = rule(builder, copy, inputs)
    new.append(builder.append(copy) if found is None else found)
return builder.build(*(new[i] for i in graph.outputs))
