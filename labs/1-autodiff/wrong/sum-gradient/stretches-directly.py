# broadcasts without putting the summed axes back first: NumPy aligns the last axes, which may be others
return (g.broadcast(node.inputs[0].shape),)
