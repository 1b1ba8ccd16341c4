# hands back the loss as an array of shape [] instead of a number
loss = cross_entropy(logits(parameters, images), one_hot)
updated = [p - rate * g for p, g in zip(parameters, gradients(loss, parameters), strict=True)]
realise(loss, *updated)
return loss.numpy(), [tensor(p.numpy(), p.dtype) for p in updated]
