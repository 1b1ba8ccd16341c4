# computes every operation behind the tensors again, known or not
for x in topological_order(tensors):
    if x.op != "leaf":
        x.value = ir.compute(x.op, [operand.value for operand in x.inputs], x.attrs)
