# compares constants by the text that is printed for them, which is rounded, and leaves the middle out
first = {}

def rule(builder, node, inputs):
    what = ir.short(node.value) if node.op == "constant" else node.attrs
    ordered = tuple(sorted(inputs)) if node.op in COMMUTATIVE else inputs
    key = node.op, ordered, what, node.shape, node.dtype
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
