"""What is refused raises what a script for torch catches, ValueError or TypeError, say: mistakes of every kind."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import weft
from weft.framework.errors import FrameworkError
from weft.framework.refusals import UnknownNameError

torch = pytest.importorskip("torch", reason="torch is the oracle of its own semantics")

MISTAKES = """
nn.Dropout(1.5)
nn.Dropout(-0.1)
F.dropout(x, 2.0)
optim.SGD([w], lr=-1.0)
optim.SGD([w], lr=0.1, momentum=-1)
optim.SGD([w], lr=0.1, nesterov=True)
optim.Adam([w], betas=(1.5, 0.9))
optim.Adam([w], eps=-1.0)
optim.Adam([])
optim.SGD([{'params': [w]}, {'params': [w]}], lr=0.1)
optim.SGD([w * 2], lr=0.1)
optim.lr_scheduler.StepLR(optim.SGD([w], lr=0.1), 1, last_epoch=3)
optim.lr_scheduler.OneCycleLR(optim.SGD([w], lr=0.1), max_lr=1.0)
optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([w], lr=0.1), mode='x')
optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([w], lr=0.1), factor=1.5)
nn.Conv2d(3, 4, 3, groups=2)
nn.Conv2d(3, 4, 3, padding='full')
nn.Conv2d(3, 4, 3, padding_mode='full')
nn.Conv2d(2, 4, 3, stride=2, padding='same')
nn.GroupNorm(3, 4)
nn.LSTM(3, 0)
nn.RNN(3, 4, nonlinearity='sin')
nn.LSTM(3, 4, dropout=2.0)
nn.GELU(approximate='x')(x)
nn.HuberLoss(delta=-1.0)(x, x)
nn.SmoothL1Loss(beta=-1.0)(x, x)
nn.MSELoss(reduction='total')(x, x)
nn.CrossEntropyLoss(label_smoothing=2.0)(x, torch.tensor([0, 1]))
nn.KLDivLoss(reduction='total')(x, x)
nn.Embedding(3, 2, padding_idx=5)
nn.Upsample(scale_factor=2, mode='x')(x[None, None])
F.interpolate(x[None, None])
F.interpolate(x[None, None], size=3, scale_factor=2)
F.pad(x, (1, 1), mode='x')
F.one_hot(torch.tensor([-1]))
nn.MultiheadAttention(7, 2)
nn.Transformer(8, 3)
nn.TransformerEncoderLayer(8, 2, activation='x')
nn.init.calculate_gain('x')
nn.init.kaiming_uniform_(torch.empty(3))
nn.init.orthogonal_(torch.empty(3))
nn.init.kaiming_normal_(torch.empty(3, 3), mode='x')
torch.utils.data.DataLoader([1, 2], batch_size=0)
torch.utils.data.DataLoader([1, 2], num_workers=-1)
torch.utils.data.DataLoader([1, 2], shuffle=True, sampler=[0])
torch.utils.data.random_split([1, 2], [1, 2])
torch.utils.data.RandomSampler([1, 2], num_samples=0)
torch.utils.data.WeightedRandomSampler([1.0], 0)
torch.utils.data.BatchSampler([0], 0, False)
torch.utils.data.TensorDataset(torch.ones(2), torch.ones(3))
torch.multinomial(torch.ones(2), 3)
torch.multinomial(torch.tensor([-1.0, 1.0]), 1)
torch.randint(3, 3, (2,))
torch.arange(0, 3, -1)
torch.arange(0, 3, 0)
torch.linspace(0, 1, -1)
torch.normal(0.0, -1.0, (2,))
torch.empty(2).uniform_(2.0, 1.0)
torch.empty(2).normal_(0.0, -1.0)
torch.bernoulli(torch.tensor([2.0]))
torch.eye(-1)
x.clamp()
x.reshape(-1, -1)
x.div(x, rounding_mode='x')
x.chunk(0)
x.split(0)
x.unfold(0, 5, 1)
x.topk(5)
x.scatter_reduce(0, torch.tensor([[0, 0, 0]]), x, 'x')
x.norm('x')
torch.einsum('ij,jk', x)
torch.einsum('i->j', x[0])
torch.cat([])
torch.stack([])
torch.amp.GradScaler('cpu', growth_factor=0.5)
torch.amp.GradScaler('cpu').update()
torch.tensor([[1, 2], [3]])
torch.tensor('a')
torch.tensor([[1, 2], 3])
torch.tensor([[1], [[2]]])
torch.tensor([None])
torch.tensor({1: 2})
torch.distributions.Normal(0.0, -1.0)
torch.distributions.Bernoulli(probs=torch.tensor(2.0))
torch.distributions.Categorical(probs=x, logits=x)
torch.func.grad(lambda t: t)(x)
torch.autograd.grad(x.sum(), x)
nn.Sequential(3)
nn.ModuleList([3])
nn.Module().register_buffer('a.b', x)
nn.Module().load_state_dict({'a': x})
nn.Linear(2, 2).load_state_dict({})
nn.utils.parameters_to_vector([])
nn.Fold(3, 2)(x)
nn.Unflatten(0, (3, 5))(x)
torch.device('x')
torch.set_default_dtype(torch.int32)
""".strip().split("\n")
KINDS = (ValueError, TypeError, RuntimeError, IndexError)
BY_ASSERT = (AssertionError, NotImplementedError, KeyError)
"""What torch raises where it did not think of a script that catches it: here some mistake of the user."""


def raised(framework: Any, line: str) -> Exception | None:
    """What a line raises."""
    names = {
        "torch": framework, "nn": framework.nn, "F": framework.nn.functional, "optim": framework.optim,
        "x": framework.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), "w": framework.nn.Parameter(framework.ones(2)),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(line, names)
        except Exception as error:
            return error
    return None


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_of_torchs_kind(line: str) -> None:
    theirs, ours = raised(torch, line), raised(weft, line)
    assert theirs is not None, "torch takes it"
    assert isinstance(ours, FrameworkError), ours
    assert not isinstance(ours, UnknownNameError), ours
    kinds = [kind for kind in KINDS if isinstance(theirs, kind) and not isinstance(theirs, BY_ASSERT)]
    assert kinds or isinstance(theirs, BY_ASSERT)
    assert all(isinstance(ours, kind) for kind in kinds), (theirs, ours)
