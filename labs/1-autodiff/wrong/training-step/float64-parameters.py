# makes the new parameters with the default dtype, whatever the old ones had
loss = cross_entropy(logits(parameters, images), one_hot)
updated = [p - rate * g for p, g in zip(parameters, gradients(loss, parameters), strict=True)]
realise(loss, *updated)
return float(loss.numpy()), [tensor(p.numpy()) for p in updated]
