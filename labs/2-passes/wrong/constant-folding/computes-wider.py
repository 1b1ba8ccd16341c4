# computes in float64 "to be exact" and rounds at the end: other bits than the program would have had
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if not operands or any(operand.op != "constant" for operand in operands):
        return None
    value = ir.compute(node.op, [operand.value.astype("float64") for operand in operands], node.attrs)
    return builder.constant(value, node.dtype) if value.size <= LIMIT else None

return rewrite(graph, rule)
