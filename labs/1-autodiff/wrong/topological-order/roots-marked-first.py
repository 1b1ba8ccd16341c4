# marks all roots as entered at the start: wrong where one root depends on another
order = []
entered = set(roots)
stack = [(root, iter(operands(root))) for root in dict.fromkeys(roots)]
while stack:
    x, remaining = stack[-1]
    for operand in remaining:
        if operand not in entered:
            entered.add(operand)
            stack.append((operand, iter(operands(operand))))
            break
    else:
        order.append(x)
        stack.pop()
return order
