# walks every path and drops the duplicates at the end: exponential work
order = []
stack = [(root, False) for root in roots]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
    else:
        stack.append((x, True))
        stack += [(operand, False) for operand in operands(x)]
return list(dict.fromkeys(order))
