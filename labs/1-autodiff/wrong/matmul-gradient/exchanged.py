# hands the operands each other's cotangent
a, b = node.inputs
return a.transpose() @ g, g @ b.transpose()
