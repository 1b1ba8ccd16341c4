# goes by x.inputs, whatever the parameter operands says
order = []
entered = set()
stack = [(root, False) for root in roots]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
    elif x not in entered:
        entered.add(x)
        stack.append((x, True))
        stack += [(operand, False) for operand in x.inputs]
return order
