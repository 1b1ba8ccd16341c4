# lifts numbers with the default dtype instead of the dtype of the tensors beside them
inputs = [operand if isinstance(operand, Tensor) else tensor(operand) for operand in operands]
if op in ELEMENTWISE_BINARY:
    common = np.broadcast_shapes(*(x.shape for x in inputs))
    inputs = [x if x.shape == common else x.broadcast(common) for x in inputs]
shape, dtype = ir.infer(op, inputs, attrs)
return Tensor(op, tuple(inputs), tuple(sorted(attrs.items())), shape, dtype)
