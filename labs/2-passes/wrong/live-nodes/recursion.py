# follows the operands recursively, as deep as the graph is
live = set()

def visit(i):
    if i not in live:
        live.add(i)
        for operand in graph.nodes[i].inputs:
            visit(operand)

for i in graph.outputs:
    visit(i)
return live
