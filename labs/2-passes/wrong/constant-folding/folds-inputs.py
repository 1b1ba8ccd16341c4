# asks whether all operands are constants, which is also true of a node without any: KeyError at an input
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if node.op == "constant" or not all(operand.op == "constant" for operand in operands):
        return None
    return builder.constant(ir.compute(node.op, [operand.value for operand in operands], node.attrs), node.dtype)

return rewrite(graph, rule)
