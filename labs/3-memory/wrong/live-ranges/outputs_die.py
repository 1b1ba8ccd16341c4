# forgets that outputs are wanted after the last node
end = {}
for i in computed(graph):
    readers = [step for step, node in enumerate(graph.nodes) if i in node.inputs]
    end[i] = max([i, *readers])
return {i: (i, end[i]) for i in end}
