# makes every folded constant with the builder's default dtype
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if not operands or any(operand.op != "constant" for operand in operands):
        return None
    value = ir.compute(node.op, [operand.value for operand in operands], node.attrs)
    return builder.constant(value) if value.size <= LIMIT else None

return rewrite(graph, rule)
