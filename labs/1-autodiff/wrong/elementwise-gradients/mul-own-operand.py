# multiplies by the operand itself in mul instead of by the other one
a, b = node.inputs[0], node.inputs[-1]
match node.op:
    case "add":
        return g, g
    case "mul":
        return g * a, g * b
    case "div":
        return g / b, -g * node / b
    case "exp":
        return (g * node,)
    case "log":
        return (g / a,)
    case "relu":
        return (g * a.step(),)
