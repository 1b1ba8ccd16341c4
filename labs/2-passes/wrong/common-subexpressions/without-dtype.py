# forgets the dtype, and compares constants by the text of all their numbers
first = {}

def rule(builder, node, inputs):
    what = str(node.value.tolist()) if node.op == "constant" else node.attrs
    ordered = tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs
    key = node.op, ordered, what, node.shape
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
