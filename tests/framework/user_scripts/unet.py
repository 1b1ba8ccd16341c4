"""A U-Net that segments bright discs: down by pooling, up by transposed convolution or bilinearly, Dice loss."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class DoubleConv(nn.Module):
    """(convolution => [BN] => ReLU) * 2"""

    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels + out_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels // 2 + out_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diff_y = x2.size()[2] - x1.size()[2]
        diff_x = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diff_x // 2, diff_x - diff_x // 2, diff_y // 2, diff_y - diff_y // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, bilinear=False):
        super().__init__()
        self.inc = DoubleConv(n_channels, 6)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(6, 12))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(12, 24))
        self.up1 = Up(24, 12, bilinear)
        self.up2 = Up(12, 6, bilinear)
        self.outc = nn.Conv2d(6, n_classes, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


def dice_loss(logits, target, eps=1e-6):
    prob = torch.sigmoid(logits)
    inter = 2 * (prob * target).sum(dim=(-1, -2))
    sets = prob.sum(dim=(-1, -2)) + target.sum(dim=(-1, -2))
    return 1 - ((inter + eps) / (sets + eps)).mean()


def discs(rng, n, size=18):
    yy, xx = np.mgrid[:size, :size]
    cy, cx, r = rng.uniform(4, size - 4, (2, n, 1, 1)), None, rng.uniform(2, 5, (n, 1, 1))
    cy, cx = cy
    mask = ((yy - cy) ** 2 + (xx - cx) ** 2 <= r**2).astype(np.float32)[:, None]
    return torch.from_numpy(mask + 0.3 * rng.standard_normal(mask.shape).astype(np.float32)), torch.from_numpy(mask)


def run(bilinear):
    rng = np.random.default_rng(5)
    net = UNet(1, 1, bilinear)
    state = {
        k: torch.from_numpy(rng.normal(scale=0.15, size=tuple(v.shape)).astype(np.float32)) if v.ndim == 4 else v
        for k, v in net.state_dict().items()
    }
    state = {k: torch.zeros_like(v) if k.endswith(("up.bias", "outc.bias")) else v for k, v in state.items()}
    net.load_state_dict(state)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9, foreach=True)
    bce = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))
    losses = []
    for _ in range(4):
        images, masks = discs(rng, 4)
        pred = net(images)
        loss = bce(pred, masks) + dice_loss(pred, masks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss))
    net.eval()
    images, masks = discs(rng, 2)
    with torch.no_grad():
        predicted = (torch.sigmoid(net(images)) > 0.5).float()
    iou = ((predicted * masks).sum() / ((predicted + masks) > 0).sum()).item()
    return {"losses": losses, "iou": iou, "outc": net.outc.weight}


def main():
    return {"transposed": run(False), "bilinear": run(True)}


if __name__ == "__main__":
    main()
