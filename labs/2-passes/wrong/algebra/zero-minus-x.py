# takes 0.0 - x for x, the mirror image of x - 0.0, but it is -x
def rule(builder, node, inputs):
    if not inputs:
        return None
    a, b = inputs[0], inputs[-1]
    operand = builder.nodes[a]
    if node.op == "add" and is_all(builder, b, -0.0):
        return a
    if node.op == "add" and is_all(builder, a, -0.0):
        return b
    if node.op == "sub" and is_all(builder, b, 0.0):
        return a
    if node.op == "sub" and is_all(builder, a, 0.0):
        return b
    if node.op in ("mul", "div") and is_all(builder, b, 1.0):
        return a
    if node.op == "mul" and is_all(builder, a, 1.0):
        return b
    if node.op == "transpose" and operand.op == "transpose":
        return operand.inputs[0]
    if node.op in ("reshape", "broadcast") and node.shape == operand.shape:
        return a
    if node.op == "reshape" and operand.op == "reshape":
        return builder.apply("reshape", operand.inputs[0], shape=node.shape)
    return None

return rewrite(graph, rule)
