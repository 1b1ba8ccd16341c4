# gives ranges to inputs and constants, which do not live in the arena
end = {}
for i in range(len(graph.nodes)):
    readers = [step for step, node in enumerate(graph.nodes) if i in node.inputs]
    end[i] = max([i, *readers])
    if i in graph.outputs:
        end[i] = len(graph.nodes)
return {i: (i, end[i]) for i in end}
