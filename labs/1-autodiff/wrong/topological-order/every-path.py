# no set of visited tensors: what is reached over two paths is there twice
order = []
stack = [(root, False) for root in roots]
while stack:
    x, leaving = stack.pop()
    if leaving:
        order.append(x)
    else:
        stack.append((x, True))
        stack += [(operand, False) for operand in operands(x)]
return order
