# lets everything through relu
a, b = node.inputs[0], node.inputs[-1]
match node.op:
    case "mul":
        return g * b, g * a
    case "div":
        return g / b, -g * node / b
    case "exp":
        return (g * node,)
    case "log":
        return (g / a,)
    case "relu":
        return (g,)
return g, g
