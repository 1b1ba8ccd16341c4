# forgets the transposes
a, b = node.inputs
return g @ b, a @ g
