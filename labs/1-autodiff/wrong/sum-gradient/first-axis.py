# puts all missing axes in front, wherever they were
(a,) = node.inputs
axes = dict(node.attrs)["axes"]
kept = (1,) * len(axes) + g.shape
return (g.reshape(kept).broadcast(a.shape),)
