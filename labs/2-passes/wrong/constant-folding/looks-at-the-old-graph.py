# asks the old graph what the operands were, and so folds only the first link of a chain
def rule(builder, node, inputs):
    operands = [graph.nodes[i] for i in node.inputs]
    if not operands or any(operand.op != "constant" for operand in operands):
        return None
    value = ir.compute(node.op, [operand.value for operand in operands], node.attrs)
    return builder.constant(value, node.dtype) if value.size <= LIMIT else None

return rewrite(graph, rule)
