# forgets the minus sign in the denominator's cotangent
a, b = node.inputs[0], node.inputs[-1]
match node.op:
    case "add":
        return g, g
    case "mul":
        return g * b, g * a
    case "div":
        return g / b, g * node / b
    case "exp":
        return (g * node,)
    case "log":
        return (g / a,)
    case "relu":
        return (g * a.step(),)
