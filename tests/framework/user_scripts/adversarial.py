"""Adversarial examples: the fast gradient sign method, projected gradient descent, and training against them."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def fgsm_attack(image, epsilon, data_grad):
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, 0, 1)


def pgd_linf(model, X, y, start, epsilon=0.1, alpha=0.03, num_iter=4):
    delta = torch.zeros_like(X, requires_grad=True)
    delta.data = start
    for _ in range(num_iter):
        loss = nn.CrossEntropyLoss()(model(X + delta), y)
        loss.backward()
        delta.data = (delta + alpha * delta.grad.detach().sign()).clamp(-epsilon, epsilon)
        delta.data = torch.min(torch.max(delta.data, -X), 1 - X)
        delta.grad.zero_()
    return delta.detach()


def pgd_l2(model, X, y, epsilon=0.5, alpha=0.2, num_iter=3):
    delta = torch.zeros_like(X).requires_grad_()
    for _ in range(num_iter):
        loss = F.cross_entropy(model(X + delta), y, reduction="sum")
        (grad,) = torch.autograd.grad(loss, [delta])
        with torch.no_grad():
            norm = grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1).clamp_min(1e-12)
            delta += alpha * grad / norm
            length = delta.view(len(X), -1).norm(dim=1)
            factor = torch.minimum(torch.ones_like(length), epsilon / (length + 1e-12))
            delta *= factor.view(-1, 1, 1, 1)
    return delta.detach()


def blobs(rng, n):
    labels = rng.integers(0, 4, n)
    corner = np.zeros((n, 1, 8, 8))
    for i, label in enumerate(labels):
        r, c = divmod(label, 2)
        corner[i, 0, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4] = 0.5
    return torch.from_numpy(np.clip(corner + rng.random((n, 1, 8, 8)) * 0.5, 0, 1)).float(), torch.from_numpy(labels)


def epoch_adversarial(model, rng, opt, batches=3):
    total_loss, total_err, seen = 0.0, 0.0, 0
    for _ in range(batches):
        X, y = blobs(rng, 12)
        start = torch.from_numpy(rng.uniform(-0.1, 0.1, X.shape).astype(np.float32))
        delta = pgd_linf(model, X, y, start)
        yp = model(X + delta)
        loss = nn.CrossEntropyLoss()(yp, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total_err += (yp.max(dim=1)[1] != y).sum().item()
        total_loss += loss.item() * X.shape[0]
        seen += X.shape[0]
    return total_err / seen, total_loss / seen


def main():
    rng = np.random.default_rng(41)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(6 * 4 * 4, 16), nn.ReLU(), nn.Linear(16, 4),
    )
    for p in model.parameters():
        p.data = torch.from_numpy(rng.normal(0, 0.2, tuple(p.shape))).to(torch.float32)
    opt = torch.optim.SGD(model.parameters(), lr=1e-1)
    curve = [epoch_adversarial(model, rng, opt) for _ in range(2)]
    print(*(f"{i:.6f}" for i in curve[-1]), sep="\t")

    examples, flips = [], 0
    for epsilon in [0.0, 0.05, 0.2]:
        data, target = blobs(rng, 1)
        data.requires_grad = True
        output = model(data)
        init_pred = output.max(1, keepdim=True)[1]
        loss = F.nll_loss(F.log_softmax(output, dim=1), target)
        model.zero_grad()
        loss.backward()
        perturbed = fgsm_attack(data, epsilon, data.grad.data)
        final_pred = model(perturbed).max(1, keepdim=True)[1]
        flips += int(init_pred.item() != final_pred.item())
        examples.append(perturbed.squeeze().detach().cpu().numpy())
    X, y = blobs(rng, 5)
    delta = pgd_l2(model, X, y)
    return {"curve": curve, "examples": examples, "flips": flips, "delta": delta, "w": model.state_dict()}


if __name__ == "__main__":
    main()
