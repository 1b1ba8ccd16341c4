"""Derivatives of tensors by tensors: ``grad`` returns them, ``backward`` adds them up in ``.grad``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from weft.framework import backward as expressions
from weft.framework.anomaly import is_anomaly_enabled
from weft.framework.errors import DTypeError, GradientError, OptionError
from weft.framework.hooks import Registrations
from weft.framework.lazy import Expr
from weft.framework.origin import user_line
from weft.framework.realising import realize
from weft.framework.tracing import current_trace

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

Tensors: TypeAlias = "Tensor | Iterable[Tensor]"
Cotangents: TypeAlias = "Tensor | Iterable[Tensor | None] | None"


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The derivatives of the sum of ``outputs`` by each of ``inputs``, of their shapes and dtypes; ``.grad`` stays.

    outputs, inputs: tensors, or one. inputs: leaves or not. grad_outputs: a cotangent for each output, of its shape and
    dtype; None for 1, if the output has one element. create_graph: the result has history, so that it can be
    differentiated. retain_graph: keep the history of the outputs (by default as create_graph). only_inputs: True.
    allow_unused: an input that the outputs do not depend on gets None (zeros with materialize_grads) and is no error.
    Raises GradientError.
    """
    if not only_inputs:
        raise OptionError(f"{user_line()}: only_inputs is always so; call backward() to fill .grad of the others")
    if is_grads_batched:
        raise OptionError(
            f"{user_line()}: is_grads_batched is not supported; call grad() once for each cotangent, or func.jacrev"
        )
    if materialize_grads and allow_unused is False:
        raise GradientError(f"{user_line()}: materialize_grads allows unused inputs; leave out allow_unused=False")
    given, wanted = _listed(outputs), _listed(inputs)
    roots = _roots(given, grad_outputs)
    for i, x in enumerate(wanted):
        if not x.requires_grad:
            raise GradientError(f"{user_line()}: input {i} does not require a gradient: {x.dtype}{list(x.shape)}")
    found = expressions.backward(
        roots, [x._read() for x in wanted], retain_graph=_retained(retain_graph, create_graph),
        create_graph=create_graph,
    )  # fmt: skip
    result: list[Any] = []  # None among them only if the caller allowed it
    for i, (x, (_, gradient)) in enumerate(zip(wanted, found, strict=True)):
        if gradient is None and not (allow_unused or materialize_grads):
            raise GradientError(
                f"{user_line()}: the outputs do not depend on input {i} ({x.dtype}{list(x.shape)}); give "
                "allow_unused=True if that is meant"
            )
        made = x.detach() * 0 if gradient is None and materialize_grads else None
        result.append(made if gradient is None else x._of(gradient))
    return tuple(result)


def backward(
    tensors: Tensors,
    grad_tensors: Cotangents = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the derivative of the sum of ``tensors`` to ``.grad`` of every leaf that they were computed from.

    grad_tensors, retain_graph, create_graph: as in ``grad``. inputs: only to ``.grad`` of these. Raises GradientError.
    """
    roots = _roots(_listed(tensors), grad_tensors)
    wanted = None if inputs is None else _listed(inputs)
    if wanted is not None and not wanted:
        raise GradientError(f"{user_line()}: inputs of backward() is empty; leave it out for all leaves")
    _watch_hooks()
    found = expressions.backward(
        roots, None if wanted is None else [x._read() for x in wanted],
        retain_graph=_retained(retain_graph, create_graph), create_graph=create_graph,
    )  # fmt: skip
    if is_anomaly_enabled() and current_trace() is None:
        realize([value for _, value in found if value is not None])
    for i, (source, value) in enumerate(found):
        owner = wanted[i] if wanted is not None else source.owner() if source.owner is not None else None
        kept = wanted is not None and owner is not None and owner.retains_grad  # its hook has added it
        if owner is not None and value is not None and not kept:
            owner._accumulate(value, create_graph)


def _listed(tensors: Any) -> list[Tensor]:
    """One tensor, or several. Raises DTypeError for anything else (but None among several)."""
    found = [tensors] if hasattr(tensors, "_storage") or not isinstance(tensors, Iterable) else list(tensors)
    wrong = next((x for x in found if x is not None and not hasattr(x, "_storage")), None)
    if wrong is not None:
        raise DTypeError(f"{user_line()}: gradients are of tensors and by tensors, not of a {type(wrong).__name__}")
    return found


def _retained(retain_graph: bool | None, create_graph: bool) -> bool:
    return create_graph if retain_graph is None else retain_graph


def _roots(outputs: Sequence[Tensor], cotangents: Cotangents) -> list[tuple[Expr, Expr | None]]:
    """Each output's expression with its cotangent's. Raises GradientError for what does not fit."""
    seeds: Sequence[Tensor | None] = [None] * len(outputs) if cotangents is None else _listed(cotangents)
    if len(seeds) != len(outputs):
        raise GradientError(f"{user_line()}: {len(outputs)} outputs need as many gradients, not {len(seeds)}")
    roots: list[tuple[Expr, Expr | None]] = []
    for output, seed in zip(outputs, seeds, strict=True):
        expression, shown = output._read(), f"{output.dtype}{list(output.shape)}"
        if not expression.requires_grad:
            raise GradientError(
                f"{user_line()}: backward() on a tensor that was computed from none with requires_grad (what a jitted "
                "function returns has no history: call backward() in it)"
            )
        if seed is None and output.numel() != 1:
            raise GradientError(
                f"{user_line()}: backward() without a gradient needs one element; this is {shown}; reduce it with "
                ".sum() or .mean()"
            )
        if seed is not None and (seed.shape, seed.dtype) != (output.shape, output.dtype):
            raise GradientError(f"{user_line()}: the gradient must be {shown}, as the tensor is")
        roots.append((expression, None if seed is None else seed._read()))
    return roots


def _watch_hooks() -> None:
    """A trace in progress holds as long as no hook is registered or removed: it has run those that there are."""
    trace = current_trace()
    if trace is not None:
        trace.reads.number("the hooks of tensors", lambda: Registrations.count)
