# updates each parameter with a gradient taken after the earlier ones have moved
loss = cross_entropy(logits(parameters, images), one_hot)
updated = list(parameters)
for i in range(len(updated)):
    now = cross_entropy(logits(updated, images), one_hot)
    (slope,) = gradients(now, [updated[i]])
    updated[i] = tensor((updated[i] - rate * slope).numpy(), updated[i].dtype)
return float(loss.numpy()), updated
