# puts the axes back with extent 1 and stops there
(a,) = node.inputs
axes = dict(node.attrs)["axes"]
kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(a.shape))
return (g.reshape(kept),)
