"""Early stopping with checkpoints: the best weights are kept in a file, a training goes on where another left off."""

import os
import tempfile

import numpy as np
import torch
import torch.nn as nn


class EarlyStopping:
    def __init__(self, patience=7, verbose=False, delta=0.0, path="checkpoint.pt", trace_func=print):
        self.patience = patience
        self.verbose = verbose
        self.counter = 0
        self.best_score = None
        self.early_stop = False
        self.val_loss_min = np.inf
        self.delta = delta
        self.path = path
        self.trace_func = trace_func

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None:
            self.best_score = score
            self.save_checkpoint(val_loss, model)
        elif score < self.best_score + self.delta:
            self.counter += 1
            self.trace_func(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            if self.counter >= self.patience:
                self.early_stop = True
        else:
            self.best_score = score
            self.save_checkpoint(val_loss, model)
            self.counter = 0

    def save_checkpoint(self, val_loss, model):
        if self.verbose:
            self.trace_func(f"Validation loss decreased ({self.val_loss_min:.6f} --> {val_loss:.6f}). Saving ...")
        torch.save(model.state_dict(), self.path)
        self.val_loss_min = val_loss


def build(seed):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.normal(0, 0.5, tuple(p.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
    return model, optimizer, scheduler


def run_epochs(model, optimizer, scheduler, data, epochs, stopper=None):
    (x, y), (x_val, y_val) = data
    losses = []
    for _ in range(epochs):
        model.train()
        for xb, yb in zip(x.split(16), y.split(16)):
            optimizer.zero_grad()
            loss = nn.functional.l1_loss(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val_loss = nn.functional.mse_loss(model(x_val), y_val).item()
        scheduler.step(val_loss)
        losses.append(val_loss)
        if stopper is not None:
            stopper(val_loss, model)
            if stopper.early_stop:
                print("Early stopping")
                break
    return losses


def main():
    rng = np.random.default_rng(170)
    x = torch.from_numpy(rng.normal(size=(48, 4)).astype(np.float32))
    y = torch.sin(x.sum(1, keepdim=True)) + 0.3 * torch.from_numpy(rng.normal(size=(48, 1)).astype(np.float32))
    data = (x[:32], y[:32]), (x[32:], y[32:])
    with tempfile.TemporaryDirectory() as folder:
        best_path, resume_path = os.path.join(folder, "best.pt"), os.path.join(folder, "resume.pth")
        model, optimizer, scheduler = build(1)
        stopper = EarlyStopping(patience=2, verbose=True, path=best_path)
        losses = run_epochs(model, optimizer, scheduler, data, 12, stopper)
        model.load_state_dict(torch.load(best_path, weights_only=True))
        with torch.no_grad():
            best = nn.functional.mse_loss(model(data[1][0]), data[1][1]).item()

        # half a training, saved; the other half in objects made anew, equal to a whole one
        model, optimizer, scheduler = build(2)
        run_epochs(model, optimizer, scheduler, data, 2)
        torch.save(
            {
                "epoch": 2,
                "model_state_dict": model.state_dict(),
                "optimizer_state_dict": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
            },
            resume_path,
        )
        straight = run_epochs(model, optimizer, scheduler, data, 2)
        model, optimizer, scheduler = build(3)
        checkpoint = torch.load(resume_path, map_location="cpu")
        model.load_state_dict(checkpoint["model_state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        resumed = run_epochs(model, optimizer, scheduler, data, 2)
    return {
        "losses": losses,
        "best": best,
        "kept": best == min(losses),
        "straight": straight,
        "resumed": resumed == straight,
        "epoch": checkpoint["epoch"],
        "lr": optimizer.param_groups[0]["lr"],
        "steps": int(optimizer.state[model[0].weight]["step"]),
        "exp_avg": optimizer.state_dict()["state"][0]["exp_avg"],
    }


if __name__ == "__main__":
    main()
