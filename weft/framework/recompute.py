"""Checkpointing: the backward pass computes what it needs of a function anew instead of keeping it.

The function runs once, in Python. Its part of the history is a graph, and the backward pass differentiates a copy of
that, whose inputs are behind barriers, so that no pass merges the copy with what the forward pass computed. Random
numbers are the same, for they depend on where they are drawn alone. After T. Chen et al., "Training Deep Nets with
Sublinear Memory Cost", 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from weft.framework.backward import GradientRule, backward, custom
from weft.framework.errors import OptionError
from weft.framework.grad_mode import GradMode, grad_enabled
from weft.framework.lazy import COUNT, CUSTOM, Expr, apply
from weft.framework.origin import user_line
from weft.framework.realising import in_order
from weft.framework.tensor import Tensor
from weft.framework.tree import map_leaves

R = TypeVar("R")


def checkpoint(
    function: Callable[..., R], *args: Any, use_reentrant: bool = False, preserve_rng_state: bool = True, **kwargs: Any
) -> R:
    """``function(*args, **kwargs)``, of which the backward pass keeps the inputs alone and computes the rest again.

    use_reentrant: there is one way to do it here, which works with every argument and closure, torch's for False.
    preserve_rng_state: random numbers are always the same again. Raises FrameworkError for ``use_reentrant=True``.
    """
    if use_reentrant:
        raise OptionError(f"{user_line()}: use_reentrant=True is not supported; give use_reentrant=False")
    start = COUNT()
    output = function(*args, **kwargs)
    found: list[Tensor] = []

    def noted(path: str, part: Any) -> Any:
        if isinstance(part, Tensor) and part.requires_grad and part._read().made > start:
            found.append(part)
        return part

    map_leaves(output, noted)
    if not (grad_enabled() and found):
        return output
    region = _Region([t._read() for t in found], start)
    rule = GradientRule("checkpoint", len(found), region.vjp)
    made = {id(t): Tensor._of(custom(e, region.inputs, rule, k)) for k, (t, e) in enumerate(region.outputs_of(found))}
    result: R = map_leaves(output, lambda path, part: made.get(id(part), part))
    return result


class _Region:
    """What a function computed: the expressions behind ``outputs`` that were made after ``start``.

    inputs: those that they read and a gradient flows to, none behind another within the region.
    """

    def __init__(self, outputs: Sequence[Expr], start: int) -> None:
        self.outputs = outputs
        self._start = start
        self._order = in_order(outputs, lambda e: e.inputs if self._is_inside(e) else ())
        self.inputs = [e for e in self._order if not self._is_inside(e) and e.requires_grad]

    def outputs_of(self, tensors: Sequence[Tensor]) -> list[tuple[Tensor, Expr]]:
        """Each tensor with its expression."""
        return list(zip(tensors, self.outputs, strict=True))

    def _is_inside(self, e: Expr) -> bool:
        return e.made > self._start and e.owner is None and bool(e.inputs)

    def vjp(self, gradients: list[Expr | None]) -> list[Expr | None]:
        """Compute the region again, and hand the gradients back through that."""
        copies, rules = dict[int, Expr](), dict[int, GradientRule]()
        arrived = next(g for g in gradients if g is not None)
        with GradMode(True):
            for e in self._order:
                copies[id(e)] = self._copy(e, copies, rules) if self._is_inside(e) else _barred(e, arrived)
        roots = [(copies[id(e)], g) for e, g in zip(self.outputs, gradients, strict=True) if g is not None]
        wanted = [copies[id(e)] for e in self.inputs]
        again = grad_enabled()  # whether what is made here may be differentiated in its turn
        return [g for _, g in backward(roots, wanted, create_graph=again, retain_graph=again, stop=True)]

    def _copy(self, e: Expr, copies: dict[int, Expr], rules: dict[int, GradientRule]) -> Expr:
        copy = Expr(
            e.operation, tuple(copies[id(source)] for source in e.inputs), e.value, e.device, e.requires_grad, e.owner,
            e.trace, e.where,
        )  # fmt: skip
        copy.attrs = e.attrs
        if e.op == CUSTOM:  # its results belong together, and not to the original's
            own = dict(e.attrs)
            rule = rules.setdefault(id(own["rule"]), replace(own["rule"]))
            copy.attrs = (("index", own["index"]), ("rule", rule))
        copy.hooks = e.hooks
        return copy


def _barred(e: Expr, after: Expr) -> Expr:
    """``e``, of which nothing is computed before ``after``: else all would be computed at once, and kept."""
    return e if e.op == "constant" else apply("barrier", e, after)
