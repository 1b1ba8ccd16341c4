# gives the local derivatives alone, without the chain rule's factor g
a, b = node.inputs[0], node.inputs[-1]
one = a * 0.0 + 1.0
match node.op:
    case "add":
        return one, one
    case "mul":
        return b, a
    case "div":
        return one / b, -node / b
    case "exp":
        return (node,)
    case "log":
        return (one / a,)
    case "relu":
        return (a.step(),)
