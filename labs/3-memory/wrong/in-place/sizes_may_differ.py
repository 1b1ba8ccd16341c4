# takes over an operand of another size
buffer_of = {}
groups = []
for i in computed(graph):
    node = graph.nodes[i]
    group = None
    if node.op in IN_PLACE:
        for operand in node.inputs:
            dies = operand in ranges and ranges[operand][1] == i
            if dies:
                group = buffer_of[operand]
                break
    if group is None:
        group = []
        groups.append(group)
    group.append(i)
    buffer_of[i] = group
found = []
for group in groups:
    size = max(graph.nodes[v].nbytes for v in group)
    found.append(Buffer(tuple(group), size, ranges[group[0]][0], ranges[group[-1]][1]))
return found
