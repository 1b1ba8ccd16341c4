"""Functions with gradients of their own: a Legendre polynomial, a reversed gradient, a sign, a clipped exponential."""

import math

import numpy as np
import torch
from torch import nn
from torch.autograd import Function


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        output = grad_output.neg() * ctx.alpha
        return output, None


class BinarizeSTE(Function):
    @staticmethod
    def forward(ctx, input, threshold=1.0):
        ctx.save_for_backward(input)
        ctx.threshold = threshold
        return input.sign()

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.abs() > ctx.threshold] = 0
        if not ctx.needs_input_grad[0]:
            grad_input = None
        return grad_input, None


class ClippedExp(Function):
    @staticmethod
    def forward(i, limit):
        return torch.clamp(i, max=limit).exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        i, limit = inputs
        ctx.limit = limit
        ctx.save_for_backward(i, output)

    @staticmethod
    def backward(ctx, grad_output):
        i, result = ctx.saved_tensors
        return grad_output * result * (i < ctx.limit), None


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, BinarizeSTE.apply(self.weight) / math.sqrt(self.in_features), self.bias)


def fit_legendre():
    x = torch.linspace(-math.pi, math.pi, 100)
    y = torch.sin(x)
    a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
    learning_rate, losses = 5e-5, []
    P3 = LegendrePolynomial3.apply
    for _ in range(10):
        y_pred = a + b * P3(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for w in (a, b, c, d):
                w -= learning_rate * w.grad
                w.grad = None
    print(f"Result: y = {a.item():.4f} + {b.item():.4f} * P3({c.item():.4f} + {d.item():.4f} x)")
    return losses, [v.item() for v in (a, b, c, d)]


def domain_adversarial(rng):
    feature, label, domain = nn.Linear(5, 8), BinaryLinear(8, 2), nn.Linear(8, 2)
    modules = nn.ModuleList([feature, label, domain])
    for p in modules.parameters():
        p.data = torch.from_numpy(rng.normal(0, 0.5, tuple(p.shape)).astype(np.float32))
    optimizer = torch.optim.Adam(modules.parameters(), lr=0.01, eps=1e-4)
    losses = []
    for epoch in range(5):
        p = epoch / 5
        alpha = 2.0 / (1.0 + np.exp(-10 * p)) - 1
        source, target = (torch.from_numpy(rng.normal(m, 1, (8, 5)).astype(np.float32)) for m in (0, 0.5))
        h = torch.relu(feature(torch.cat([source, target])))
        loss_label = nn.functional.cross_entropy(label(h[:8]), (source[:, 0] > 0).long())
        where = torch.cat([torch.zeros(8), torch.ones(8)]).long()
        loss_domain = nn.functional.cross_entropy(domain(ReverseLayerF.apply(h, alpha)), where)
        optimizer.zero_grad()
        (loss_label + loss_domain).backward()
        optimizer.step()
        losses.append((loss_label.item(), loss_domain.item()))
    return losses, modules.state_dict()


def main():
    rng = np.random.default_rng(150)
    x = torch.tensor([-1.0, 0.5, 3.0], requires_grad=True)
    out = ClippedExp.apply(x, 2.0)
    (first,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    checked = torch.autograd.gradcheck(
        LegendrePolynomial3.apply, (torch.tensor([0.2, -0.7, 1.1], dtype=torch.double, requires_grad=True),)
    )
    return {
        "legendre": fit_legendre(),
        "adversarial": domain_adversarial(rng),
        "exp": (out, first, second),
        "gradcheck": checked,
        "graph": out.grad_fn is not None,
    }


if __name__ == "__main__":
    main()
