# keeps the values of the tensors asked for, and throws away those on the way
values = {}
for x in topological_order(tensors, lambda x: x.inputs if x.value is None else ()):
    if x.value is not None:
        values[x] = x.value
    else:
        values[x] = ir.compute(x.op, [values[operand] for operand in x.inputs], x.attrs)
for x in tensors:
    x.value = values[x]
