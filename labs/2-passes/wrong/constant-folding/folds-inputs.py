# asks whether all operands are constants, which is also true of a node without any: KeyError at an input
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if node.op == "constant" or not all(operand.op == "constant" for operand in operands):
        return None
    value = ir.compute(node.op, [operand.value for operand in operands] or [ir.np.zeros(())], node.attrs)
    return builder.constant(value, node.dtype) if value.size <= LIMIT else None

return rewrite(graph, rule)
