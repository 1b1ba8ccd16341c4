# recursive depth-first search: right, until the graph is deeper than the stack
order = []
entered = set()

def visit(x):
    if x not in entered:
        entered.add(x)
        for operand in operands(x):
            visit(operand)
        order.append(x)

for root in roots:
    visit(root)
return order
