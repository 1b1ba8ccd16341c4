# never shares: right, but every chance is missed
return [Buffer((i,), graph.nodes[i].nbytes, *ranges[i]) for i in computed(graph)]
