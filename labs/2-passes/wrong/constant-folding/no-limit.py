# folds results of any size
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if not operands or any(operand.op != "constant" for operand in operands):
        return None
    return builder.constant(ir.compute(node.op, [operand.value for operand in operands], node.attrs), node.dtype)

return rewrite(graph, rule)
