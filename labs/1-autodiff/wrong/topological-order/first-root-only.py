# starts from the first root alone
order = []
entered = set()
stack = [(roots[0], False)]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
    elif x not in entered:
        entered.add(x)
        stack.append((x, True))
        stack += [(operand, False) for operand in operands(x)]
return order
