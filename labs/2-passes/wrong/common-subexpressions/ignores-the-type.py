# compares operation, operands and attributes: two constants with the same bytes are the same to it, whatever their type
first = {}

def rule(builder, node, inputs):
    key = node.op, tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs, node.attrs
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
