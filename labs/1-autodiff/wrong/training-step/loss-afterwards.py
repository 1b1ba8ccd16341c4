# reports the loss after the step
loss = cross_entropy(logits(parameters, images), one_hot)
updated = [p - rate * g for p, g in zip(parameters, gradients(loss, parameters), strict=True)]
realise(loss, *updated)
fresh = [tensor(p.numpy(), p.dtype) for p in updated]
return float(cross_entropy(logits(fresh, images), one_hot).numpy()), fresh
