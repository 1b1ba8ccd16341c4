# hands back the recorded updates, which remember the whole history of training
loss = cross_entropy(logits(parameters, images), one_hot)
updated = [p - rate * g for p, g in zip(parameters, gradients(loss, parameters), strict=True)]
realise(loss, *updated)
return float(loss.numpy()), updated
