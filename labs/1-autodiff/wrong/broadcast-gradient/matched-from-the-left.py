# matches the axes from the left; NumPy matches them from the right
(a,) = node.inputs
padded = a.shape + (1,) * (len(node.shape) - len(a.shape))
stretched = [axis for axis, extent in enumerate(padded) if extent != node.shape[axis]]
return (g.sum(tuple(stretched)).reshape(a.shape),)
