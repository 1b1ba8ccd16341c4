# takes an answer of 0 for None, because 0 is false
builder = ir.Builder()
new = []
for node in graph.nodes:
    inputs = tuple(new[operand] for operand in node.inputs)
    new.append(rule(builder, node, inputs) or builder.append(replace(node, inputs=inputs)))
return builder.build(*(new[i] for i in graph.outputs))
