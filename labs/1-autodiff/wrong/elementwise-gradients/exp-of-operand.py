# multiplies by exp's operand instead of its result
a, b = node.inputs[0], node.inputs[-1]
match node.op:
    case "add":
        return g, g
    case "mul":
        return g * b, g * a
    case "div":
        return g / b, -g * node / b
    case "exp":
        return (g * a,)
    case "log":
        return (g / a,)
    case "relu":
        return (g * a.step(),)
