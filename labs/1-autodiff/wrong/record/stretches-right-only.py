# stretches the right operand to the left one's shape, never the other way round
dtype = next(operand.dtype for operand in operands if isinstance(operand, Tensor))
inputs = [operand if isinstance(operand, Tensor) else tensor(operand, dtype) for operand in operands]
if op in ELEMENTWISE_BINARY and inputs[0].shape != inputs[1].shape:
    inputs[1] = inputs[1].broadcast(inputs[0].shape)
shape, dtype = ir.infer(op, inputs, attrs)
return Tensor(op, tuple(inputs), tuple(sorted(attrs.items())), shape, dtype)
