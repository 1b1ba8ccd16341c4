"""A residual network of basic blocks with batch normalisation, trained with momentum and weight decay."""

import numpy as np
import torch
from torch import nn, optim


def conv3x3(in_planes, out_planes, stride=1):
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = conv3x3(in_planes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=5):
        super().__init__()
        self.in_planes = 8
        self.conv1 = conv3x3(3, 8)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 8, layers[0])
        self.layer2 = self._make_layer(block, 16, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.in_planes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.in_planes, planes * block.expansion, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = [block(self.in_planes, planes, stride, downsample)]
        self.in_planes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.in_planes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


def main():
    rng = np.random.default_rng(0)
    model = ResNet(BasicBlock, [1, 2])
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() > 1:
                scale = (2.0 / np.prod(p.shape[1:])) ** 0.5
                p.copy_(torch.from_numpy((scale * rng.standard_normal(tuple(p.shape))).astype("float32")))
            elif "fc" in name:
                nn.init.zeros_(p)

    centres = rng.normal(size=(5, 3, 1, 1))
    labels = torch.from_numpy(rng.integers(0, 5, size=(6, 16)))
    images = torch.from_numpy((centres[labels.numpy()] + rng.normal(size=(6, 16, 3, 16, 16))).astype(np.float32))

    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[4], gamma=0.1)

    def train_step(x, y):
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        return loss, (output.argmax(1) == y).float().mean()

    model.train()
    losses, accuracies = [], []
    for x, y in zip(images, labels):
        loss, accuracy = train_step(x, y)
        losses.append(loss.item())
        accuracies.append(accuracy.item())
        scheduler.step()

    model.eval()
    with torch.no_grad():
        logits = model(images[0])
    n_params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{n_params:,} parameters, last loss {losses[-1]:.3f}")
    return {
        "losses": losses,
        "accuracies": accuracies,
        "n_params": n_params,
        "logits": logits,
        "running mean": model.bn1.running_mean,
        "running var": model.layer2[0].downsample[1].running_var,
        "batches": model.bn1.num_batches_tracked,
    }


if __name__ == "__main__":
    main()
