"""A graph convolutional network by index_add over edges, a graph attention layer by scatter, on two communities."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class GCNConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self):
        self.lin.reset_parameters()
        self.bias.data.zero_()

    def forward(self, x, edge_index):
        n = x.size(0)
        loops = torch.arange(n, dtype=torch.long).unsqueeze(0).repeat(2, 1)
        edge_index = torch.cat([edge_index, loops], dim=1)
        row, col = edge_index
        deg = torch.zeros(n, dtype=x.dtype).scatter_add_(0, col, torch.ones(col.size(0)))
        deg_inv_sqrt = deg.pow(-0.5)
        deg_inv_sqrt[deg_inv_sqrt == float("inf")] = 0
        norm = deg_inv_sqrt[row] * deg_inv_sqrt[col]
        x = self.lin(x)
        out = torch.zeros(n, x.size(1)).index_add(0, col, norm.view(-1, 1) * x[row])
        return out + self.bias


class GATConv(nn.Module):
    def __init__(self, in_channels, out_channels, heads=2, negative_slope=0.2):
        super().__init__()
        self.heads, self.out_channels, self.negative_slope = heads, out_channels, negative_slope
        self.lin = nn.Linear(in_channels, heads * out_channels, bias=False)
        self.att_src = nn.Parameter(torch.empty(1, heads, out_channels))
        self.att_dst = nn.Parameter(torch.empty(1, heads, out_channels))
        nn.init.xavier_uniform_(self.att_src)
        nn.init.xavier_uniform_(self.att_dst)

    def forward(self, x, edge_index):
        src, dst = edge_index[0], edge_index[1]
        n = x.size(0)
        h = self.lin(x).view(-1, self.heads, self.out_channels)
        alpha = (h * self.att_src).sum(-1)[src] + (h * self.att_dst).sum(-1)[dst]
        alpha = F.leaky_relu(alpha, self.negative_slope)
        index = dst.unsqueeze(-1).expand_as(alpha)
        highest = torch.full((n, self.heads), float("-inf")).scatter_reduce(0, index, alpha.detach(), reduce="amax")
        alpha = (alpha - highest[dst]).exp()
        total = torch.zeros(n, self.heads).scatter_add(0, index, alpha)
        alpha = alpha / (total[dst] + 1e-16)
        out = torch.zeros(n, self.heads, self.out_channels)
        out.index_add_(0, dst, h[src] * alpha.unsqueeze(-1))
        return out.mean(dim=1)


class Net(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.conv1 = GCNConv(features, hidden)
        self.conv2 = GATConv(hidden, classes)

    def forward(self, data):
        x = F.relu(self.conv1(data["x"], data["edge_index"]))
        return F.log_softmax(self.conv2(x, data["edge_index"]), dim=1)


def communities(rng, n=24):
    y = np.arange(n) % 2
    chance = np.where(y[:, None] == y[None], 0.35, 0.05)
    upper = np.triu(rng.random((n, n)) < chance, 1)
    edges = np.stack(np.nonzero(upper | upper.T))
    return {
        "x": torch.tensor(rng.normal(size=(n, 5)) + 0.3 * y[:, None], dtype=torch.float),
        "edge_index": torch.tensor(edges, dtype=torch.long),
        "y": torch.tensor(y),
        "train_mask": torch.tensor(rng.random(n) < 0.5),
    }


def main():
    rng = np.random.default_rng(14)
    data = communities(rng)
    model = Net(5, 8, 2)
    for p in model.parameters():
        p.data.copy_(torch.from_numpy(rng.normal(0, 0.4, tuple(p.shape)).astype(np.float32)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        out = model(data)
        loss = F.nll_loss(out[data["train_mask"]], data["y"][data["train_mask"]])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    _, pred = model(data).max(dim=1)
    correct = pred[~data["train_mask"]].eq(data["y"][~data["train_mask"]]).sum().item()
    degree = torch.bincount(data["edge_index"][0], minlength=24)
    print("Accuracy: {:.4f}".format(correct / (~data["train_mask"]).sum().item()))
    return {"losses": losses, "pred": pred, "correct": correct, "degree": degree, "w": model.state_dict()}


if __name__ == "__main__":
    main()
