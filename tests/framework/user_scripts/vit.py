"""A vision transformer: patches by a strided convolution, a class token, learned positions, pre-norm encoder layers."""

import numpy as np
import torch
from torch import nn


class PatchEmbedding(nn.Module):
    def __init__(self, img_size=16, patch_size=4, in_channels=3, embed_dim=24):
        super().__init__()
        self.n_patches = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    def __init__(self, num_classes=4, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2.0):
        super().__init__()
        self.patch_embed = PatchEmbedding(embed_dim=embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.patch_embed.n_patches + 1, embed_dim))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        layer = nn.TransformerEncoderLayer(
            d_model=embed_dim,
            nhead=num_heads,
            dim_feedforward=int(embed_dim * mlp_ratio),
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)

    def forward(self, x):
        x = self.patch_embed(x)
        cls_token = self.cls_token.expand(x.shape[0], -1, -1)
        x = torch.cat((cls_token, x), dim=1) + self.pos_embed
        x = self.norm(self.encoder(x))
        return self.head(x[:, 0])


def warmup_cosine(step, warmup=2, total=6):
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + np.cos(np.pi * (step - warmup) / (total - warmup)))


def main():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = ViT()
    state = model.state_dict()
    for key in state:
        if state[key].dim() > 1:
            state[key] = torch.from_numpy(rng.normal(0, 0.08, tuple(state[key].shape)).astype(np.float32))
        elif key.endswith("bias"):
            state[key] = torch.zeros_like(state[key])
    missing, unexpected = model.load_state_dict(state)
    assert not missing and not unexpected

    textures = rng.normal(size=(4, 3, 16, 16))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=warmup_cosine)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

    def train_step(images, labels):
        logits = model(images)
        loss = criterion(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, logits

    losses, rates, right = [], [], 0
    for _ in range(6):
        labels = rng.integers(0, 4, 8)
        images = torch.tensor(textures[labels] + 0.5 * rng.normal(size=(8, 3, 16, 16)), dtype=torch.float32)
        labels = torch.tensor(labels)
        loss, logits = train_step(images, labels)
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
        losses.append(loss.item())
        right += (logits.argmax(dim=-1) == labels).sum().item()
    print(f"accuracy while training: {right / 48:.2%}")
    model.eval()
    with torch.inference_mode():
        probabilities = model(images).softmax(dim=-1)
    return {"losses": losses, "rates": rates, "right": right, "probabilities": probabilities, "cls": model.cls_token}


if __name__ == "__main__":
    main()
