# leaves the operands in a list, where the IR wants a tuple
dtype = next(operand.dtype for operand in operands if isinstance(operand, Tensor))
inputs = [operand if isinstance(operand, Tensor) else tensor(operand, dtype) for operand in operands]
if op in ELEMENTWISE_BINARY:
    common = np.broadcast_shapes(*(x.shape for x in inputs))
    inputs = [x if x.shape == common else x.broadcast(common) for x in inputs]
shape, dtype = ir.infer(op, inputs, attrs)
return Tensor(op, inputs, tuple(sorted(attrs.items())), shape, dtype)
