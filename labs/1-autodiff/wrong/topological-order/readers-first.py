# appends a tensor when it is entered, not when it is left
order = []
entered = set()
stack = list(roots)
while stack:
    x = stack.pop()
    if x not in entered:
        entered.add(x)
        order.append(x)
        stack += operands(x)
return order
