# keeps the sums in the function, so that a second call adds to the first
if not hasattr(gradients, "kept"):
    gradients.kept = {}
cotangents = {result: tensor(1.0, result.dtype)}
for node in reversed(topological_order([result])):
    if node not in cotangents or node.op == "leaf":
        continue
    for operand, part in zip(node.inputs, RULES[node.op](node, cotangents[node]), strict=True):
        if part is not None:
            cotangents[operand] = cotangents[operand] + part if operand in cotangents else part
for x in wrt:
    part = cotangents[x] if x in cotangents else tensor(0.0, x.dtype).broadcast(x.shape)
    gradients.kept[x] = gradients.kept[x] + part if x in gradients.kept else part
return [gradients.kept[x] for x in wrt]
