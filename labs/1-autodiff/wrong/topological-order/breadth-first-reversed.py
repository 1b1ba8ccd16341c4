# breadth first from the roots, then reversed: wrong where a short and a long way lead to the same tensor
order = []
entered = set(roots)
waiting = list(dict.fromkeys(roots))
while waiting:
    x = waiting.pop(0)
    order.append(x)
    for operand in operands(x):
        if operand not in entered:
            entered.add(operand)
            waiting.append(operand)
return order[::-1]
