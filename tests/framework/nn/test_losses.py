"""Losses, as modules and as functions, against torch's: weights, reductions, ignored labels, smoothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weft
from tests.framework.nn.against_torch import Case, check, check_jitted, ids, integers, normal, signs, uniform
from weft.framework import nn
from weft.framework.errors import FrameworkError
from weft.framework.jit import jit
from weft.framework.nn import functional as F
from weft.framework.tensor import Tensor, tensor

UNTYPED: Any = F, nn
"""For arguments that no type checker would let pass."""
REDUCTIONS = ("mean", "sum", "none")
PAIR = (normal(3, 4), normal(3, 4))
W5 = np.array([0.1, 2, 0, 1, 3], np.float32)
W4 = np.array([0.5, 2, 0.1, 1], np.float32)


def classes(shape: tuple[int, ...], labels: tuple[int, ...]) -> Any:
    return (normal(*shape, scale=3), integers(*labels, below=shape[1] if len(shape) > 1 else shape[0]))


def each(layer: str, inputs: Any, *options: dict[str, Any], still: Any = ()) -> list[Case]:
    """The loss in every reduction with each of the options."""
    return [
        Case(layer, options={**given, "reduction": reduction}, inputs=inputs, still=still)
        for given in ({}, *options) for reduction in REDUCTIONS
    ]


CASES = [
    *each("MSELoss", PAIR),
    *each("L1Loss", PAIR),
    *each("SmoothL1Loss", PAIR, {"beta": 0.3}, {"beta": 2.0}, {"beta": 0.0}),
    *each("HuberLoss", PAIR, {"delta": 0.4}),
    *each("KLDivLoss", (normal(3, 4), uniform(3, 4)), {"log_target": True}),
    Case("KLDivLoss", options={"reduction": "batchmean"}, inputs=(normal(3, 4), uniform(3, 4))),
    *each("PoissonNLLLoss", (normal(3, 4), integers(3, 4, below=5)), {"full": True}),
    *each("PoissonNLLLoss", (uniform(3, 4), integers(3, 4, below=5)), {"log_input": False}),
    *each("GaussianNLLLoss", (*PAIR, uniform(3, 4, low=0.1)), {"full": True}),
    Case("GaussianNLLLoss", inputs=(*PAIR, uniform(3, 1, low=0.1))),
    Case("GaussianNLLLoss", inputs=(*PAIR, uniform(3, low=0.1))),
    *each("HingeEmbeddingLoss", (normal(3, 4), signs(3, 4)), {"margin": 0.5}, still=(1,)),
    *each("SoftMarginLoss", (normal(3, 4, scale=5), signs(3, 4)), still=(1,)),
    *each("BCELoss", (uniform(3, 4, low=0.01, high=0.99), uniform(3, 4)), {"weight": W4}, still=(1,)),
    *each("BCEWithLogitsLoss", (normal(3, 4, scale=4), uniform(3, 4)), {"weight": W4}, {"pos_weight": W4}, still=(1,)),
    *each("CosineEmbeddingLoss", (normal(3, 4), normal(3, 4), signs(3)), {"margin": 0.2}, still=(2,)),
    *each("MarginRankingLoss", (normal(3), normal(3), signs(3)), {"margin": 0.2}, still=(2,)),
    *each("TripletMarginLoss", (normal(3, 4),) * 2 + (normal(3, 4, scale=2),), {"swap": True}, {"p": 1.0}),
    Case("CosineSimilarity", inputs=(normal(3, 4, 2), normal(3, 4, 2))),
    Case("CosineSimilarity", (-1,), inputs=PAIR),
    Case("PairwiseDistance", inputs=PAIR),
    Case("PairwiseDistance", (1.0,), {"keepdim": True}, inputs=PAIR),
    *each("NLLLoss", classes((3, 5), (3,)), {"weight": W5}, {"ignore_index": 2}, {"weight": W5, "ignore_index": 1}),
    *each(
        "CrossEntropyLoss", classes((6, 5), (6,)), {"weight": W5}, {"ignore_index": 2}, {"label_smoothing": 0.1},
        {"label_smoothing": 0.2, "weight": W5}, {"label_smoothing": 0.2, "weight": W5, "ignore_index": 3},
        {"label_smoothing": 0.3, "ignore_index": 0},
    ),
    *each("CrossEntropyLoss", classes((2, 5, 3), (2, 3)), {"weight": W5}, {"ignore_index": 1}),
    *each("CrossEntropyLoss", classes((2, 5, 3, 2), (2, 3, 2)), {"label_smoothing": 0.1, "weight": W5}),
    *each("CrossEntropyLoss", classes((5,), ()), {"weight": W5}),
    *each(
        "CrossEntropyLoss", (normal(6, 5), uniform(6, 5)), {"weight": W5}, {"label_smoothing": 0.1},
        {"label_smoothing": 0.1, "weight": W5},
    ),
    *each("CrossEntropyLoss", (normal(2, 5, 3), uniform(2, 5, 3)), {"weight": W5}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:reduction")  # torch would have "batchmean" preferred
@pytest.mark.parametrize("case", ids(CASES))
def test_as_in_torch(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", ids([case for case in CASES if case.options.get("reduction") == "mean"]))
def test_jitted(case: Case) -> None:
    check_jitted(case)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_no_rows(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    x, y = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    for name, target in (("cross_entropy", y), ("mse_loss", x), ("l1_loss", x)):
        found = getattr(F, name)(tensor(x), tensor(target), reduction=reduction)
        expected = getattr(torch.nn.functional, name)(torch.tensor(x), torch.tensor(target), reduction=reduction)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_all_ignored_is_no_number() -> None:
    x = tensor([[1.0, 2.0]])
    assert np.isnan(F.cross_entropy(x, tensor([1]), ignore_index=1).item())
    assert F.cross_entropy(x, tensor([1]), ignore_index=1, reduction="sum").item() == 0


ROWS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
IGNORED = {
    "none": [0, 1, 2, 1], "some": [0, -100, 2, -100], "all": [-100] * 4,
}  # fmt: skip
"""What the labels of a batch hold of torch's default for those that do not count."""


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"weight": [1.0, 3.0, 0.5]}], ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_labels_of_minus_100_do_not_count(loss: str, options: dict[str, Any], reduction: str) -> None:
    """Whatever is known of the labels: values, those of an argument or a state of a jitted function, or nothing."""
    torch = pytest.importorskip("torch")
    if loss == "nll_loss" and "label_smoothing" in options:
        return
    state = tensor(IGNORED["none"])

    def mine(x: Tensor, y: Tensor) -> Tensor:
        given = {k: tensor(v) if k == "weight" else v for k, v in options.items()}
        result: Tensor = getattr(F, loss)(x, y, reduction=reduction, **given)
        return result

    def differentiated(of: Any) -> Any:
        def step(x: Tensor, y: Tensor) -> Any:
            leaf = x.detach().requires_grad_()
            value = of(leaf, y)
            value.sum().backward()
            return value, leaf.grad

        return step

    ways = {
        "known": differentiated(mine),
        "jitted": weft.jit(differentiated(mine)),
        "computed": differentiated(lambda x, y: mine(x, y + 0 * y.sum())),
        "computed in a step": weft.jit(differentiated(lambda x, y: mine(x, y + 0 * y.sum()))),
        "a state": weft.jit(differentiated(lambda x, y: mine(x, state))),
    }
    for _, labels in [*IGNORED.items(), *IGNORED.items()]:  # the second time replays what the first has compiled
        theirs = torch.tensor(ROWS, requires_grad=True)
        given = {k: torch.tensor(v) if k == "weight" else v for k, v in options.items()}
        value = getattr(torch.nn.functional, loss)(theirs, torch.tensor(labels), reduction=reduction, **given)
        value.sum().backward()
        state.assign(tensor(labels))
        for way, step in ways.items():
            found, gradient = step(tensor(ROWS), tensor(labels))
            np.testing.assert_allclose(found.numpy(), value.detach().numpy(), rtol=1e-5, err_msg=way)
            np.testing.assert_allclose(gradient.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6, err_msg=way)


def test_a_step_counts_labels_from_the_first_one_on_that_it_ignores() -> None:
    """Until then its graph has nothing of them; then it is traced once more."""
    step = weft.jit(lambda x, y: F.cross_entropy(x, y))
    plain = step.lower(tensor(ROWS), tensor(IGNORED["none"]))
    counting = weft.jit(lambda x, y: F.cross_entropy(x, y, ignore_index=1))
    assert len(plain.nodes) < len(counting.lower(tensor(ROWS), tensor(IGNORED["none"])).nodes)
    for kind in ("none", "some", "none", "some", "all"):
        step(tensor(ROWS), tensor(IGNORED[kind]))
    assert step.traces == 2
    assert len(step.lower(tensor(ROWS), tensor(IGNORED["none"])).nodes) > len(plain.nodes)
    with pytest.raises(FrameworkError, match="label 7 in row 1 of 'y' is not a class"):
        step(tensor(ROWS), tensor([0, 7, 2, -100]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.cross_entropy(x, tensor([0, 3])), r"cross_entropy: label 3 in row 1 is not a class: .* 0 to 1$"),
        (lambda x: F.cross_entropy(x, tensor([0, -1])), "label -1 in row 1 is not a class"),
        (lambda x: F.cross_entropy(x, tensor([0, -100]), ignore_index=-1), "label -100 in row 1 is not a class"),
        (lambda x: UNTYPED[0].mse_loss(x, x, "sum"), "size_average is True, .*, not 'sum'; give reduction='sum'"),
        (lambda x: UNTYPED[1].L1Loss(None, "none"), "reduce is True, False or None, not 'none'; give reduction='none'"),
        (lambda x: F.l1_loss(x, x, weight=tensor([1.0])), r"one number for each loss, \[2, 2\], not \[1\]"),
        (
            lambda x: F.cross_entropy(tensor(np.zeros((1, 2, 2))), tensor([[0, 5]])),
            r"label 5 in \[0, 1\] is not a class",
        ),
        (lambda x: F.cross_entropy(x, tensor([0.0, 1.0])), "labels are class numbers, so integers, not float32"),
        (lambda x: F.cross_entropy(x, tensor([0])), r"takes logits \[rows, classes\] and labels \[rows\], not \[2"),
        (lambda x: F.nll_loss(x, tensor([0])), r"nll_loss takes logits"),
        (lambda x: F.cross_entropy(x, tensor([0, 1]), tensor([1.0])), "weight has one number for each of 2 classes"),
        (lambda x: F.cross_entropy(x, x, ignore_index=1), "ignore_index is for labels, not for probabilities"),
        (lambda x: F.cross_entropy(x, tensor([0, 1]), label_smoothing=1.5), "label_smoothing lies between 0 and 1"),
        (lambda x: F.mse_loss(x, x, reduction="avg"), "reduction is 'mean', 'sum' or 'none', not 'avg'"),
        (lambda x: nn.CrossEntropyLoss(reduction="men")(x, tensor([0, 1])), "reduction is .* not 'men'"),
        (lambda x: F.huber_loss(x, x, delta=0), "huber_loss: delta is above 0; it is 0.0"),
        (lambda x: F.smooth_l1_loss(x, x, beta=-1), "smooth_l1_loss: beta is not negative; it is -1.0"),
        (lambda x: F.l1_loss(x, x[0]), r"l1_loss: shapes \[2, 2\] and \[2\] differ"),
        (lambda x: F.normalize(x, p=3), "normalize: p is 1, 2 or infinity, not 3.0"),
        (lambda x: F.gaussian_nll_loss(x, x, tensor([1.0, 1.0, 1.0])), r"var \[3\] does not fit \[2, 2\]"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises(FrameworkError, match=rf"test_losses.py:\d+: .*{message}"):
        call(tensor([[1.0, 2.0], [3.0, 4.0]]))


@pytest.mark.parametrize(("p", "dim"), [(2.0, 1), (1.0, 0), (float("inf"), -1)])
def test_normalize(p: float, dim: int) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    x[1] = 0
    mine, theirs = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, expected = F.normalize(mine, p, dim), torch.nn.functional.normalize(theirs, p, dim)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-6)
    (found * tensor(x + 1)).sum().backward()
    (expected * torch.tensor(x + 1)).sum().backward()
    assert mine.grad is not None
    np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_weights_are_buffers() -> None:
    loss = nn.CrossEntropyLoss(weight=tensor([1.0, 2.0]), ignore_index=0)
    assert [name for name, _ in loss.named_buffers()] == ["weight"]
    assert list(loss.state_dict()) == ["weight"]
    assert nn.CrossEntropyLoss().weight is None


def test_one_hot() -> None:
    torch = pytest.importorskip("torch")
    labels = np.array([[2, 0], [1, 1]])
    found, expected = F.one_hot(tensor(labels)), torch.nn.functional.one_hot(torch.tensor(labels))
    assert (found.dtype.name, found.tolist()) == ("int64", expected.tolist())
    assert F.one_hot(tensor(labels), 5).shape == (2, 2, 5)


@pytest.mark.parametrize(("labels", "classes"), [([0, 3], 3), ([0, -1], 3), ([[0, 1], [2, 9]], 3), ([-2], -1)])
def test_one_hot_of_what_is_no_class_is_refused(labels: Any, classes: int) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError, match="lass values must be"):
        torch.nn.functional.one_hot(torch.tensor(labels), classes)
    given = tensor(labels)
    message = r"test_losses.py:\d+: (one_hot: label -?\d+ in .* is not a class|.*number of classes)"
    with pytest.raises(FrameworkError, match=message):
        F.one_hot(given, classes)
    if classes > 0:
        with pytest.raises(FrameworkError, match=message):
            jit(lambda x: F.one_hot(x, classes))(given)
