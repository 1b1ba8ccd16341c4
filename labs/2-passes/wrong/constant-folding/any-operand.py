# is content with one constant operand and takes 0 for the others
def rule(builder, node, inputs):
    operands = [builder.nodes[i] for i in inputs]
    if not any(operand.op == "constant" for operand in operands):
        return None
    arrays = [o.value if o.op == "constant" else ir.np.zeros(o.shape, o.dtype) for o in operands]
    value = ir.compute(node.op, arrays, node.attrs)
    return builder.constant(value, node.dtype) if value.size <= LIMIT else None

return rewrite(graph, rule)
