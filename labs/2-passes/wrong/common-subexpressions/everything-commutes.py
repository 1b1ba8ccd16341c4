# forgets the order of the operands of every operation, of x - y too
first = {}

def rule(builder, node, inputs):
    key = replace(node, inputs=tuple(sorted(inputs)))
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
