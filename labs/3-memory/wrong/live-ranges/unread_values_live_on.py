# keeps a value that nobody reads to the end
end = {}
for i in computed(graph):
    readers = [step for step, node in enumerate(graph.nodes) if i in node.inputs]
    end[i] = max(readers, default=len(graph.nodes))
    if i in graph.outputs:
        end[i] = len(graph.nodes)
return {i: (i, end[i]) for i in end}
