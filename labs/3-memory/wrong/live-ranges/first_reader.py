# ends at the first reader instead of the last
end = {}
for i in computed(graph):
    readers = [step for step, node in enumerate(graph.nodes) if i in node.inputs]
    end[i] = min(readers, default=i)
    if i in graph.outputs:
        end[i] = len(graph.nodes)
return {i: (i, end[i]) for i in end}
