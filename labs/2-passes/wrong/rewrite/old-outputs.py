# leaves the outputs as they were in the old graph
builder = ir.Builder()
new = []
for node in graph.nodes:
    inputs = tuple(new[operand] for operand in node.inputs)
    found = rule(builder, node, inputs)
    new.append(builder.append(replace(node, inputs=inputs)) if found is None else found)
return builder.build(*graph.outputs)
