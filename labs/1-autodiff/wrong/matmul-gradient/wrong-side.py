# multiplies from the wrong side
a, b = node.inputs
return b.transpose() @ g, g @ a.transpose()
