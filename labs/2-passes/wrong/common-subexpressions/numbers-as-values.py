# compares constants by value, and 0.0 == -0.0
first = {}

def rule(builder, node, inputs):
    what = tuple(node.value.ravel().tolist()) if node.op == "constant" else node.attrs
    ordered = tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs
    key = node.op, ordered, what, node.shape, node.dtype
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
