# has nothing for a tensor that the result does not depend on
cotangents = {result: tensor(1.0, result.dtype)}
for node in reversed(topological_order([result])):
    if node not in cotangents or node.op == "leaf":
        continue
    for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
        if part is not None:
            cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
return [cotangents.get(x) for x in wrt]
