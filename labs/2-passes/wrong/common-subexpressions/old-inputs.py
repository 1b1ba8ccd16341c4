# compares nodes with the inputs of the old graph, so that only the first link of a chain is merged
first = {}

def rule(builder, node, inputs):
    key = replace(node, inputs=tuple(sorted(node.inputs)) if node.op in COMMUTATIVE else node.inputs)
    if key not in first:
        first[key] = builder.append(replace(node, inputs=inputs))
    return first[key]

return rewrite(graph, rule)
