# keeps the tensors met in a list and searches it for each one: the work grows with the square of the nodes
order = []
entered = []
stack = [(root, False) for root in roots]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
    elif x not in entered:
        entered.append(x)
        stack.append((x, True))
        stack += [(operand, False) for operand in operands(x)]
return order
