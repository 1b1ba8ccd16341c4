"""Random numbers: shapes, types, limits, and that a seed gives the same again. The numbers themselves differ."""

from __future__ import annotations

PRELUDE = """
def kind(t):
    return t.shape, t.dtype
def again(draw):
    torch.manual_seed(7)
    first = draw()
    second = draw()
    torch.manual_seed(7)
    return torch.equal(first, draw()), torch.equal(first, second), first.shape, first.dtype
def within(t, low, high):
    return bool((t >= low).all()), bool((t < high).all())
"""

CASES = {
    "torch.manual_seed": "again(lambda: torch.randn(4)), type(torch.manual_seed(1)).__name__",
    "torch.rand": "again(lambda: torch.rand(2, 3)), within(torch.rand(1000), 0, 1), kind(torch.rand((2,)))",
    "torch.randn": "again(lambda: torch.randn(2, 3)), abs(torch.randn(10000).mean().item()) < 0.1",
    "torch.randint": (
        "again(lambda: torch.randint(0, 10, (5, 2))), within(torch.randint(3, 9, (500,)), 3, 9), "
        "kind(torch.randint(9, (2,))), sorted(set(torch.randint(0, 4, (200,)).tolist()))"
    ),
    "torch.randperm": "again(lambda: torch.randperm(20)), sorted(torch.randperm(6).tolist()), kind(torch.randperm(0))",
    "torch.rand_like": "kind(torch.rand_like(torch.zeros(2, 3))), within(torch.rand_like(torch.zeros(500)), 0, 1)",
    "torch.randn_like": (
        "kind(torch.randn_like(torch.zeros(2, 3))), torch.randn_like(torch.zeros(9000)).std().item() < 1.1"
    ),
    "torch.bernoulli": (
        "torch.bernoulli(torch.tensor([0.0, 1.0, 1.0])), kind(torch.bernoulli(torch.full((3, 2), 0.5))), "
        "abs(torch.bernoulli(torch.full((9000,), 0.3)).mean().item() - 0.3) < 0.05"
    ),
    "torch.multinomial": (
        "torch.multinomial(torch.tensor([0.0, 3.0, 0.0]), 1), kind(torch.multinomial(torch.ones(2, 5), 3)), "
        "sorted(torch.multinomial(torch.ones(5), 5).tolist()), "
        "torch.multinomial(torch.tensor([0.0, 1.0]), 4, replacement=True)"
    ),
    "torch.normal": (
        "kind(torch.normal(0.0, 1.0, (2, 3))), kind(torch.normal(torch.zeros(4), torch.ones(4))), "
        "torch.normal(torch.tensor([5.0]), torch.tensor([0.0]))"
    ),
    "torch.Generator": (
        "again(lambda: torch.rand(3, generator=torch.Generator().manual_seed(3))), "
        "(lambda g: torch.equal(torch.randn(3, generator=g), torch.randn(3, generator=g)))(torch.Generator())"
    ),
    "torch.finfo": (
        "torch.finfo(torch.float32).eps, torch.finfo(torch.float32).max, torch.finfo(torch.bfloat16).max, "
        "torch.finfo().tiny, torch.finfo(torch.float32).min, torch.finfo(torch.float32).bits"
    ),
    "torch.iinfo": (
        "torch.iinfo(torch.int8).max, torch.iinfo(torch.int32).min, torch.iinfo(torch.int64).max, "
        "torch.iinfo(torch.uint8).bits"
    ),
    "torch.promote_types": (
        "torch.promote_types(torch.int32, torch.float32), torch.promote_types(torch.int8, torch.int64)"
    ),
    "torch.result_type": (
        "torch.result_type(torch.tensor([1], dtype=torch.int32), 1.0), torch.result_type(torch.tensor([1.0]), 2)"
    ),
    "torch.get_default_dtype": "torch.get_default_dtype(), torch.get_default_dtype() == torch.zeros(1).dtype",
    "torch.set_default_dtype": "torch.set_default_dtype(torch.float32)\ntorch.zeros(1).dtype",
    "torch.uint8 torch.float64": (
        "torch.tensor([1, 255]).to(torch.uint8), torch.zeros(2, dtype=torch.float64), (torch.ones(2, "
        "dtype=torch.float64) / 3)"
    ),
}
