# follows the operands of tensors that have a value, and computes what nobody needs
for x in topological_order(tensors):
    if x.value is None:
        x.value = ir.compute(x.op, [operand.value for operand in x.inputs], x.attrs)
