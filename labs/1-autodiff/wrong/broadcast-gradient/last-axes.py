# sums over the last axes instead of the new ones in front
(a,) = node.inputs
new = len(node.shape) - len(a.shape)
kept = len(node.shape) - new
stretched = [axis for axis, extent in enumerate(a.shape) if extent == 1 and node.shape[new + axis] != 1]
return (g.sum((*stretched, *range(kept, len(node.shape)))).reshape(a.shape),)
