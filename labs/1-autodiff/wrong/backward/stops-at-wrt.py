# does not go on behind a tensor that was asked for: what stands behind it misses all that comes through it
cotangents = {result: tensor(1.0, result.dtype)}
for node in reversed(topological_order([result], lambda x: () if x in wrt else x.inputs)):
    if node not in cotangents or node.op == "leaf" or node in wrt:
        continue
    for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
        if part is not None:
            cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
return [cotangents[x] if x in cotangents else tensor(0.0, x.dtype).broadcast(x.shape) for x in wrt]
