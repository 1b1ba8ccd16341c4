# asks the operands for their values recursively
for x in tensors:
    if x.value is None:
        realise(*x.inputs)
        x.value = ir.compute(x.op, [operand.value for operand in x.inputs], x.attrs)
