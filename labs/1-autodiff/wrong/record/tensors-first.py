# puts the tensors in front, so that 1 - x is recorded as x - 1
tensors = [operand for operand in operands if isinstance(operand, Tensor)]
numbers = [tensor(operand, tensors[0].dtype) for operand in operands if not isinstance(operand, Tensor)]
inputs = tensors + numbers
if op in ELEMENTWISE_BINARY:
    common = np.broadcast_shapes(*(x.shape for x in inputs))
    inputs = [x if x.shape == common else x.broadcast(common) for x in inputs]
shape, dtype = ir.infer(op, inputs, attrs)
return Tensor(op, tuple(inputs), tuple(sorted(attrs.items())), shape, dtype)
