"""Matrix factorisation with biases, then a neural recommender: embeddings, a dataset of triples, ranking by score."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Ratings(Dataset):
    def __init__(self, users, items, ratings):
        self.users, self.items, self.ratings = users, items, ratings

    def __len__(self):
        return len(self.ratings)

    def __getitem__(self, idx):
        return self.users[idx], self.items[idx], self.ratings[idx]


class MatrixFactorization(nn.Module):
    def __init__(self, num_users, num_items, emb_size=6):
        super().__init__()
        self.user_emb = nn.Embedding(num_users, emb_size)
        self.user_bias = nn.Embedding(num_users, 1)
        self.item_emb = nn.Embedding(num_items, emb_size)
        self.item_bias = nn.Embedding(num_items, 1)
        self.offset = nn.Parameter(torch.tensor(3.0))

    def forward(self, u, v):
        U, V = self.user_emb(u), self.item_emb(v)
        b_u, b_v = self.user_bias(u).squeeze(), self.item_bias(v).squeeze()
        return (U * V).sum(1) + b_u + b_v + self.offset


class NeuMF(nn.Module):
    def __init__(self, num_users, num_items, factors=4):
        super().__init__()
        self.gmf = nn.ModuleDict({"user": nn.Embedding(num_users, factors), "item": nn.Embedding(num_items, factors)})
        self.mlp = nn.ModuleDict({"user": nn.Embedding(num_users, factors), "item": nn.Embedding(num_items, factors)})
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in [(2 * factors, 8), (8, 4)]])
        self.affine_output = nn.Linear(4 + factors, 1)

    def forward(self, users, items):
        product = torch.mul(self.gmf["user"](users), self.gmf["item"](items))
        vector = torch.cat([self.mlp["user"](users), self.mlp["item"](items)], dim=-1)
        for layer in self.layers:
            vector = nn.functional.relu(layer(vector))
        return 1 + 4 * torch.sigmoid(self.affine_output(torch.cat([vector, product], dim=-1))).squeeze(-1)


def fit(model, loader, epochs=2, lr=0.02, wd=1e-5):
    rng = np.random.default_rng(100)
    for p in model.parameters():
        if p.dim() > 1:
            p.data.copy_(torch.tensor(rng.uniform(-0.3, 0.3, tuple(p.shape))))
        else:
            p.data = p.data * 0 + 0.1
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=wd)
    criterion = nn.MSELoss()

    def train_step(users, items, ratings):
        y_hat = model(users, items)
        loss = criterion(y_hat, ratings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    model.train()
    epochs_loss = []
    for _ in range(epochs):
        total, seen = 0.0, 0
        for users, items, ratings in loader:
            loss = train_step(users, items, ratings.float())
            total += loss.item() * len(users)
            seen += len(users)
        epochs_loss.append((total / seen) ** 0.5)
    return epochs_loss


@torch.no_grad()
def recommend(model, user, seen, n_items, k=3):
    model.eval()
    items = torch.arange(n_items)
    scores = model(torch.full_like(items, user), items)
    scores[seen] = float("-inf")
    return scores.topk(k)


def main():
    rng = np.random.default_rng(9)
    n_users, n_items = 20, 15
    taste, nature = rng.normal(size=(n_users, 2)), rng.normal(size=(n_items, 2))
    cells = rng.permutation(n_users * n_items)[:160]
    users, items = cells // n_items, cells % n_items
    ratings = np.clip(np.round(3 + (taste[users] * nature[items]).sum(1)), 1, 5)
    loader = DataLoader(Ratings(users, items, ratings), batch_size=32, shuffle=False, drop_last=False)
    results = {}
    for model in (MatrixFactorization(n_users, n_items), NeuMF(n_users, n_items)):
        curve = fit(model, loader)
        best = recommend(model, 3, torch.from_numpy(items[users == 3]), n_items)
        name = type(model).__name__
        print(f"{name}: {curve[-1]:.3f}, user 3 likes {best.indices.tolist()}")
        results[name] = {"curve": curve, "best": best.indices.tolist(), "scores": best.values, "w": model.state_dict()}
    return results


if __name__ == "__main__":
    main()
