# writes over inputs, which are the caller's
buffer_of = {}
groups = []
for i in computed(graph):
    node = graph.nodes[i]
    group = None
    if node.op in IN_PLACE:
        for operand in node.inputs:
            dies = max([s for s, n in enumerate(graph.nodes) if operand in n.inputs]) == i and operand not in graph.outputs
            if dies and graph.nodes[operand].nbytes == node.nbytes:
                group = buffer_of.setdefault(operand, [operand])
                break
    if group is None:
        group = []
        groups.append(group)
    group.append(i)
    buffer_of[i] = group
ranges = {i: (i, i) for i in range(len(graph.nodes))} | dict(ranges)
groups += [g for o, g in buffer_of.items() if g not in groups and o == g[0]]
found = []
for group in groups:
    size = graph.nodes[group[0]].nbytes
    found.append(Buffer(tuple(group), size, ranges[group[0]][0], ranges[group[-1]][1]))
return found
