"""Looking into a network: Grad-CAM by hooks forward and backward, saliency, integrated gradients, activations."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class GradCam:
    def __init__(self, model, target_layer):
        self.model = model
        self.gradients = None
        self.activations = None
        self.handles = [
            target_layer.register_forward_hook(self.save_activation),
            target_layer.register_full_backward_hook(self.save_gradient),
        ]

    def save_activation(self, module, input, output):
        self.activations = output.detach()

    def save_gradient(self, module, grad_input, grad_output):
        self.gradients = grad_output[0].detach()

    def __call__(self, x, class_idx=None):
        logit = self.model(x)
        if class_idx is None:
            score = logit[:, logit.max(1)[-1]].squeeze()
        else:
            score = logit[:, class_idx].squeeze()
        self.model.zero_grad()
        score.backward(retain_graph=True)
        b, k, u, v = self.gradients.size()
        alpha = self.gradients.view(b, k, -1).mean(2)
        weights = alpha.view(b, k, 1, 1)
        saliency_map = (weights * self.activations).sum(1, keepdim=True)
        saliency_map = F.relu(saliency_map)
        saliency_map = F.interpolate(saliency_map, size=x.shape[2:], mode="bilinear", align_corners=False)
        low, high = saliency_map.min(), saliency_map.max()
        saliency_map = (saliency_map - low).div(high - low + 1e-8).data
        return saliency_map, logit

    def remove(self):
        for handle in self.handles:
            handle.remove()


def saliency(model, x):
    x = x.clone().requires_grad_()
    scores = model(x)
    scores.backward(torch.ones_like(scores) / scores.numel())
    return x.grad.abs().amax(dim=1)


def integrated_gradients(model, x, target, steps=8):
    baseline = torch.zeros_like(x)
    total = torch.zeros_like(x)
    for alpha in torch.linspace(0, 1, steps):
        point = (baseline + alpha * (x - baseline)).detach().requires_grad_(True)
        output = F.softmax(model(point), dim=-1)[0, target]
        total += torch.autograd.grad(output, point)[0]
    return (x - baseline) * total / steps


def main():
    rng = np.random.default_rng(180)
    model = nn.Sequential()
    model.add_module("conv1", nn.Conv2d(3, 6, 3, padding=1))
    model.add_module("relu1", nn.ReLU())
    model.add_module("pool", nn.MaxPool2d(2))
    model.add_module("conv2", nn.Conv2d(6, 8, 3, padding=1))
    model.add_module("relu2", nn.ReLU())
    model.add_module("gap", nn.AdaptiveAvgPool2d(1))
    model.add_module("flat", nn.Flatten())
    model.add_module("fc", nn.Linear(8, 4))
    for p in model.parameters():
        p.data = torch.tensor(rng.normal(0, 0.3, size=tuple(p.shape)), dtype=torch.float)
    model.eval()
    x = torch.tensor(rng.random((1, 3, 12, 12)), dtype=torch.float)

    cam = GradCam(model, model.conv2)
    heat, logit = cam(x)
    chosen, _ = cam(x, class_idx=2)
    cam.remove()

    activation, order = {}, []

    def getActivation(name):
        def hook(model, input, output):
            activation[name] = output.detach().abs().mean().item()
            order.append(name)

        return hook

    handles = [layer.register_forward_hook(getActivation(n)) for n, layer in model.named_children() if "relu" not in n]
    pre = model.fc.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    doubled = model(x)
    pre.remove()
    for h in handles:
        h.remove()
    grads = {}
    feature = model.pool(model.relu1(model.conv1(x)))
    feature.register_hook(lambda g: grads.setdefault("feature", g.clone()))
    feature.retain_grad()
    model[3:](feature).sum().backward()
    return {
        "heat": heat,
        "chosen": chosen,
        "logit": logit,
        "saliency": saliency(model, x),
        "integrated": integrated_gradients(model, x, 1),
        "activation": activation,
        "order": order,
        "doubled": doubled,
        "hooked": torch.equal(grads["feature"], feature.grad),
    }


if __name__ == "__main__":
    main()
