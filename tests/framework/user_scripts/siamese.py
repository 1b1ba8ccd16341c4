"""A Siamese network for verification: triplet and contrastive losses, hardest negatives, a distance matrix."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.PReLU(), nn.MaxPool2d(2, stride=2), nn.Conv2d(6, 8, 3), nn.PReLU(), nn.AvgPool2d(2)
        )
        self.fc = nn.Sequential(nn.Linear(8 * 2 * 2, 16), nn.PReLU(), nn.Linear(16, 4))

    def forward(self, x):
        output = self.convnet(x)
        output = output.view(output.size()[0], -1)
        return self.fc(output)

    def get_embedding(self, x):
        return F.normalize(self.forward(x), p=2, dim=-1)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin
        self.eps = 1e-9

    def forward(self, output1, output2, target, size_average=True):
        distances = (output2 - output1).pow(2).sum(1)
        losses = 0.5 * (
            target.float() * distances
            + (1 + -1 * target).float() * F.relu(self.margin - (distances + self.eps).sqrt()).pow(2)
        )
        return losses.mean() if size_average else losses.sum()


def pdist(vectors):
    squares = vectors.pow(2).sum(dim=1)
    return -2 * vectors.mm(torch.t(vectors)) + squares.view(1, -1) + squares.view(-1, 1)


def hardest_triplets(embeddings, labels, margin):
    """Of each pair of a class the negative that is nearest to its anchor."""
    distances = pdist(embeddings.detach()).cpu()
    labels = labels.cpu().data.numpy()
    triplets = []
    for label in sorted(set(labels)):
        indices = np.where(labels == label)[0]
        negatives = np.where(labels != label)[0]
        for i, anchor in enumerate(indices):
            for positive in indices[i + 1 :]:
                row = torch.LongTensor(np.array([anchor]))
                values = distances[anchor, positive] - distances[row, torch.LongTensor(negatives)]
                values = (values + margin).data.cpu().numpy()
                hardest = np.argmax(values)
                if values[hardest] > 0:
                    triplets.append([anchor, positive, negatives[hardest]])
    return torch.LongTensor(np.array(triplets))


def main():
    rng = np.random.default_rng(31)
    faces = rng.normal(size=(4, 1, 14, 14))
    model = EmbeddingNet()
    for p in model.parameters():
        if p.numel() > 1:
            p.data = torch.from_numpy(rng.normal(0, 0.25, tuple(p.shape))).float()
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-2, momentum=0.9)
    triplet_loss, contrastive = nn.TripletMarginLoss(margin=1.0, p=2), ContrastiveLoss(1.0)
    losses, counts = [], []
    for step in range(4):
        labels = torch.from_numpy(np.repeat(np.arange(4), 3))
        images = faces[labels.numpy()] + 0.8 * rng.normal(size=(12, 1, 14, 14))
        embeddings = model(torch.from_numpy(images).float())
        if step % 2 == 0:
            triplets = hardest_triplets(embeddings, labels, margin=1.0)
            counts.append(len(triplets))
            anchor, positive, negative = (embeddings[triplets[:, k]] for k in range(3))
            loss = triplet_loss(anchor, positive, negative)
        else:
            perm = torch.from_numpy(rng.permutation(12))
            loss = contrastive(embeddings, embeddings[perm], labels == labels[perm])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        gallery = model.get_embedding(torch.from_numpy(faces).float())
        probe = model.get_embedding(torch.from_numpy(faces + 0.3).float())
    far = torch.cdist(probe, gallery)
    return {
        "losses": losses,
        "counts": counts,
        "far": far,
        "who": far.argmin(dim=1),
        "cosine": F.cosine_similarity(probe, gallery),
        "pairwise": F.pairwise_distance(probe, gallery),
    }


if __name__ == "__main__":
    main()
