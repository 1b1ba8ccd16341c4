# collects a node's parts in a dictionary, so x * x hands back one part of two
cotangents = {result: tensor(1.0, result.dtype)}
for node in reversed(topological_order([result])):
    if node not in cotangents or node.op == "leaf":
        continue
    parts = dict(zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True))
    for operand, part in parts.items():
        if part is not None:
            cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
return [cotangents[x] if x in cotangents else tensor(0.0, x.dtype).broadcast(x.shape) for x in wrt]
