# realises only the first of several tensors
for x in topological_order(tensors[:1], lambda x: x.inputs if x.value is None else ()):
    if x.value is None:
        x.value = ir.compute(x.op, [operand.value for operand in x.inputs], x.attrs)
