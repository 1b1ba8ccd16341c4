"""Model-agnostic meta-learning of sine waves: inner steps on fast weights, outer gradients through them."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Learner(nn.Module):
    """A multi-layer perceptron whose weights may be handed in."""

    def __init__(self, sizes):
        super().__init__()
        self.vars = nn.ParameterList()
        for n_in, n_out in zip(sizes, sizes[1:]):
            self.vars.append(nn.Parameter(torch.ones(n_out, n_in)))
            self.vars.append(nn.Parameter(torch.zeros(n_out)))

    def forward(self, x, vars=None):
        if vars is None:
            vars = self.vars
        for i in range(0, len(vars), 2):
            x = F.linear(x, vars[i], vars[i + 1])
            if i < len(vars) - 2:
                x = F.relu(x, inplace=True)
        return x


class SineTasks:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def sample(self, shots=6):
        amplitude, phase = self.rng.uniform(0.5, 3), self.rng.uniform(0, np.pi)
        x = self.rng.uniform(-5, 5, size=(2 * shots, 1)).astype(np.float32)
        y = amplitude * np.sin(x - phase)
        x, y = torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))
        return x[:shots], y[:shots], x[shots:], y[shots:]


class Meta:
    def __init__(self, first_order=False, update_lr=0.02, meta_lr=5e-3, update_step=2):
        self.first_order, self.update_lr, self.update_step = first_order, update_lr, update_step
        self.net = Learner([1, 16, 16, 1])
        rng = np.random.default_rng(0)
        for p in self.net.parameters():
            if p.dim() == 2:
                p.data = torch.from_numpy(rng.normal(0, p.size(1) ** -0.5, tuple(p.shape)).astype(np.float32))
        self.meta_optim = torch.optim.Adam(self.net.parameters(), lr=meta_lr)

    def adapt(self, x, y, create_graph):
        fast_weights = list(self.net.parameters())
        for _ in range(self.update_step):
            loss = F.mse_loss(self.net(x, fast_weights), y)
            grad = torch.autograd.grad(loss, fast_weights, create_graph=create_graph)
            fast_weights = [p - self.update_lr * g for p, g in zip(fast_weights, grad)]
        return fast_weights

    def outer_step(self, tasks):
        losses_q = []
        for x_spt, y_spt, x_qry, y_qry in tasks:
            fast_weights = self.adapt(x_spt, y_spt, create_graph=not self.first_order)
            losses_q.append(F.mse_loss(self.net(x_qry, fast_weights), y_qry))
        loss_q = torch.stack(losses_q).mean()
        self.meta_optim.zero_grad()
        loss_q.backward()
        norm = sum(p.grad.norm() ** 2 for p in self.net.parameters()) ** 0.5
        self.meta_optim.step()
        return loss_q.item(), norm.item()

    def finetune(self, x_spt, y_spt, x_qry, y_qry):
        fast_weights = self.adapt(x_spt, y_spt, create_graph=False)
        with torch.no_grad():
            before = F.mse_loss(self.net(x_qry), y_qry)
            after = F.mse_loss(self.net(x_qry, fast_weights), y_qry)
        return before.item(), after.item()


def main():
    results = {}
    for first_order in (False, True):
        tasks, meta = SineTasks(5), Meta(first_order)
        curve = [meta.outer_step([tasks.sample() for _ in range(3)]) for _ in range(3)]
        tested = [meta.finetune(*tasks.sample()) for _ in range(2)]
        name = "first order" if first_order else "second order"
        print(f"{name}: meta loss {curve[-1][0]:.4f}")
        results[name] = {"curve": curve, "tested": tested, "weights": list(meta.net.parameters())}
    return results


if __name__ == "__main__":
    main()
