# compares operation, operands and shape, and forgets the attributes
first = {}

def rule(builder, node, inputs):
    key = node.op, tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs, node.shape
    if key not in first or node.op in ("input", "constant"):
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
