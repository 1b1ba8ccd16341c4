# frees a value before its last reader runs, not after it
end = {}
for i in computed(graph):
    readers = [step for step, node in enumerate(graph.nodes) if i in node.inputs]
    end[i] = max([i, *[step - 1 for step in readers]])
    if i in graph.outputs:
        end[i] = len(graph.nodes)
return {i: (i, end[i]) for i in end}
