"""Weights averaged over a training: an exponential average by hand, SWA with its schedule, batch statistics renewed."""

import copy

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset


class EMA:
    def __init__(self, model, decay):
        self.model = model
        self.decay = decay
        self.shadow = {}
        self.backup = {}
        for name, param in model.named_parameters():
            if param.requires_grad:
                self.shadow[name] = param.data.clone()

    def update(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                assert name in self.shadow
                new_average = (1.0 - self.decay) * param.data + self.decay * self.shadow[name]
                self.shadow[name] = new_average.clone()

    def apply_shadow(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                self.backup[name] = param.data
                param.data = self.shadow[name]

    def restore(self):
        for name, param in self.model.named_parameters():
            if param.requires_grad:
                param.data = self.backup[name]
        self.backup = {}


class ModelEma(nn.Module):
    """A copy that follows, parameters and buffers alike."""

    def __init__(self, model, decay=0.8):
        super().__init__()
        self.module = copy.deepcopy(model)
        self.module.eval()
        self.decay = decay

    def update(self, model):
        with torch.no_grad():
            for ema_v, model_v in zip(self.module.state_dict().values(), model.state_dict().values()):
                ema_v.copy_(self.decay * ema_v + (1.0 - self.decay) * model_v)


def main():
    rng = np.random.default_rng(120)
    x = rng.normal(size=(64, 6)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:2] + 0.1 * rng.normal(size=(64, 1))).astype(np.float32)
    loader = DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=16)
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 1))
    for layer in (model[0], model[3]):
        layer.weight.data.copy_(torch.from_numpy(rng.normal(0, 0.4, tuple(layer.weight.shape)).astype(np.float32)))
        layer.bias.data.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
    swa_model, swa_start = AveragedModel(model), 2
    swa_scheduler = SWALR(optimizer, swa_lr=0.05, anneal_epochs=2)
    ema, copied = EMA(model, 0.8), ModelEma(model)
    loss_fn = nn.MSELoss()
    losses, rates = [], []
    for epoch in range(4):
        for input, target in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(input), target)
            loss.backward()
            optimizer.step()
            ema.update()
            copied.update(model)
            losses.append(loss.item())
        if epoch >= swa_start:
            swa_model.update_parameters(model)
            swa_scheduler.step()
        else:
            scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    update_bn(loader, swa_model)

    def evaluate(m):
        m.eval()
        with torch.no_grad():
            total = sum(loss_fn(m(a), b).item() for a, b in loader)
        m.train()
        return total / len(loader)

    ema.apply_shadow()
    shadow = evaluate(model)
    ema.restore()
    print(f"plain {evaluate(model):.4f} swa {evaluate(swa_model):.4f} ema {shadow:.4f}")
    return {
        "losses": losses,
        "rates": rates,
        "evaluated": [evaluate(model), shadow, evaluate(swa_model), evaluate(copied.module)],
        "averaged": int(swa_model.n_averaged),
        "running": swa_model.module[1].running_mean,
        "copied": copied.module.state_dict(),
    }


if __name__ == "__main__":
    main()
