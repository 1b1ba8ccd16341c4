"""A hypernetwork: one network makes the weights of another, which runs through functional_call; func.grad."""

import numpy as np
import torch
import torch.nn as nn
from torch.func import functional_call


class HyperNetwork(nn.Module):
    def __init__(self, target, embedding=4, hidden=16):
        super().__init__()
        self.shapes = {name: tuple(p.shape) for name, p in target.named_parameters()}
        total = sum(p.numel() for p in target.parameters())
        self.body = nn.Sequential(nn.Linear(embedding, hidden), nn.ELU(), nn.Linear(hidden, total))

    def forward(self, task):
        flat = self.body(task)
        params, start = {}, 0
        for name, shape in self.shapes.items():
            n = int(np.prod(shape))
            params[name] = flat[start : start + n].view(shape)
            start += n
        return params


def main():
    rng = np.random.default_rng(210)
    target = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    hyper = HyperNetwork(target)
    for p in hyper.parameters():
        p.data.copy_(torch.from_numpy(rng.normal(0, 0.25, tuple(p.shape)).astype(np.float32)))
    tasks = nn.Embedding(3, 4)
    tasks.weight.data.copy_(torch.from_numpy(rng.normal(size=(3, 4)).astype(np.float32)))
    optimizer = torch.optim.Adam([*hyper.parameters(), *tasks.parameters()], lr=5e-3)

    def answers(task, x):
        return [x[:, :1] + x[:, 1:], x[:, :1] * x[:, 1:], torch.maximum(x[:, :1], x[:, 1:])][task]

    losses = []
    for step in range(9):
        task = step % 3
        x = torch.from_numpy(rng.normal(size=(16, 2)).astype(np.float32))
        params = hyper(tasks(torch.tensor(task)))
        prediction = functional_call(target, params, (x,))
        loss = nn.functional.mse_loss(prediction, answers(task, x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    # the target's own parameters have taken no part
    untouched = all(p.grad is None for p in target.parameters())
    weights = {k: v.detach() for k, v in hyper(tasks.weight[0]).items()}

    def compute_loss(params, x, y):
        return nn.functional.mse_loss(functional_call(target, params, (x,)), y)

    x = torch.from_numpy(rng.normal(size=(16, 2)).astype(np.float32))
    grads = torch.func.grad(compute_loss)(weights, x, answers(0, x))
    step, value = torch.func.grad_and_value(compute_loss)(weights, x, answers(0, x))
    output, pullback = torch.func.vjp(lambda v: functional_call(target, weights, (v,)), x)
    (cotangent,) = pullback(torch.ones_like(output))
    return {
        "losses": losses,
        "untouched": untouched,
        "grads": grads,
        "value": value,
        "cotangent": cotangent,
        "tasks": tasks.weight.detach(),
        "names": list(hyper.shapes),
    }


if __name__ == "__main__":
    main()
