# divides by the number of elements, as a mean would
(a,) = node.inputs
axes = dict(node.attrs)["axes"]
kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(a.shape))
count = 1
for axis in axes:
    count *= a.shape[axis]
return (g.reshape(kept).broadcast(a.shape) / count,)
