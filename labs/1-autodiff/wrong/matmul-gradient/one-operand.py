# differentiates the first operand alone
a, b = node.inputs
return g @ b.transpose(), None
