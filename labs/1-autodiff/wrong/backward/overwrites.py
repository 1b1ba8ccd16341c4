# keeps the last cotangent that arrives instead of adding
cotangents = {result: tensor(1.0, result.dtype)}
for node in reversed(topological_order([result])):
    if node not in cotangents or node.op == "leaf":
        continue
    for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
        if part is not None:
            cotangents[operand] = part
return [cotangents[x] if x in cotangents else tensor(0.0, x.dtype).broadcast(x.shape) for x in wrt]
