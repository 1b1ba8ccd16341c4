# goes back breadth first and applies a node's rule when it is first met, before its cotangent is complete
cotangents = {result: tensor(1.0, result.dtype)}
waiting, met = [result], {result}
while waiting:
    node = waiting.pop(0)
    if node.op == "leaf":
        continue
    for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
        if part is None:
            continue
        cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
        if operand not in met:
            met.add(operand)
            waiting.append(operand)
return [cotangents[x] if x in cotangents else tensor(0.0, x.dtype).broadcast(x.shape) for x in wrt]
