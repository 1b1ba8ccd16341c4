# shows the rule the operands' indices in the old graph
builder = ir.Builder()
new = []
for node in graph.nodes:
    found = rule(builder, node, node.inputs)
    inputs = tuple(new[operand] for operand in node.inputs)
    new.append(builder.append(replace(node, inputs=inputs)) if found is None else found)
return builder.build(*(new[i] for i in graph.outputs))
