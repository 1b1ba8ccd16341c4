# marks a tensor when it is pushed, not when it is entered, so a later, deeper use cannot move it forward
order = []
pushed = set(roots)
stack = [(root, False) for root in dict.fromkeys(roots)]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
        continue
    stack.append((x, True))
    for operand in operands(x):
        if operand not in pushed:
            pushed.add(operand)
            stack.append((operand, False))
return order
