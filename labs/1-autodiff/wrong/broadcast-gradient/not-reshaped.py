# sums over the right axes and forgets that a had axes of extent 1
(a,) = node.inputs
new = len(node.shape) - len(a.shape)
stretched = [axis for axis, extent in enumerate(a.shape, new) if extent != node.shape[axis]]
return (g.sum((*range(new), *stretched)),)
