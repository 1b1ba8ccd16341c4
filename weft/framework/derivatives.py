"""Derivatives of functions at given inputs, as ``torch.autograd.functional`` has them: a tensor or a tuple of them in,
what belongs to each out. The results have history only with ``create_graph``.

v, in products: of the shapes that it is multiplied with; it may be left out where that is one element. strict: a result
that does not depend on an input is an error, and not zeros. Each raises GradientError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from weft.framework import func as transforms
from weft.framework.errors import GradientError
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor
from weft.framework.tree import map_leaves

Inputs: TypeAlias = "Tensor | tuple[Tensor, ...]"


def jacobian(
    func: Callable[..., Any], inputs: Inputs, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:
    """The derivatives of what ``func(*inputs)`` gives: of a tensor by a tensor one ``[*result, *input]``; for a
    tuple of inputs a tuple of these, for a tuple of results a tuple of that.

    strategy: "reverse-mode", or "forward-mode" (which cannot be strict). vectorize changes nothing.
    """
    if strategy not in ("reverse-mode", "forward-mode") or (strict and strategy == "forward-mode"):
        raise GradientError(
            f"{user_line()}: strategy is 'reverse-mode', or 'forward-mode' without strict=True, not {strategy!r}"
        )
    return _kept(_by_all("jacobian", func, inputs, strict, strategy), create_graph)


def hessian(
    func: Callable[..., Any], inputs: Inputs, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of the scalar that ``func(*inputs)`` gives: ``[*input, *input]``, or for a tuple of inputs
    a tuple of tuples of these, by the first input and then by the second. The arguments are those of ``jacobian``."""
    single = isinstance(inputs, Tensor)

    def first(*given: Tensor) -> Any:
        slopes = _slopes("hessian", func, given)
        return slopes[0] if single else slopes

    return _kept(_by_all("hessian", first, inputs, strict, outer_jacobian_strategy), create_graph)


def vjp(
    func: Callable[..., Any], inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, and the product of ``v``, of its shape, with the Jacobian, of the inputs'."""
    given, single = _several(inputs)
    output, pull = transforms.vjp(func, *given)
    if strict:
        _by_all("vjp", func, inputs, True)
    pulled = pull(_ones("vjp", (output,))[0] if v is None else v)
    return _kept(output, create_graph), _kept(pulled[0] if single else pulled, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """What ``func(*inputs)`` gives, and the product of the Jacobian with ``v``, of the inputs' shapes."""
    given, _ = _several(inputs)
    along = _ones("jvp", given) if v is None else _several(v)[0]
    if strict:
        _by_all("jvp", func, inputs, True)
    output, pushed = transforms.jvp(func, given, along)
    return _kept(output, create_graph), _kept(pushed, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The scalar that ``func(*inputs)`` gives, and the product of its second derivatives with ``v``, both of the shapes
    of the inputs."""
    given, single = _several(inputs)
    along = _ones("hvp", given) if v is None else _several(v)[0]
    if strict:
        _by_all("hvp", lambda *inner: _slopes("hvp", func, inner), inputs, True)
    _, pushed = transforms.jvp(lambda *inner: _slopes("hvp", func, inner), given, along)
    return _kept(func(*given), create_graph), _kept(pushed[0] if single else pushed, create_graph)


def vhp(
    func: Callable[..., Any], inputs: Inputs, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """As ``hvp``, the product taken from the other side, which is the same, and cheaper: one more pass back."""
    given, single = _several(inputs)
    along = _ones("vhp", given) if v is None else _several(v)[0]
    if strict:
        _by_all("vhp", lambda *inner: _slopes("vhp", func, inner), inputs, True)
    _, pull = transforms.vjp(lambda *inner: _slopes("vhp", func, inner), *given)
    pulled = pull(along)
    return _kept(func(*given), create_graph), _kept(pulled[0] if single else pulled, create_graph)


def _by_all(
    name: str, function: Callable[..., Any], inputs: Inputs, strict: bool, strategy: str = "reverse-mode"
) -> Any:
    """The derivatives by all inputs."""
    given, single = _several(inputs)
    argnums: int | tuple[int, ...] = 0 if single else tuple(range(len(given)))
    made = transforms.jacobian_of(name, function, argnums, False, forward=strategy == "forward-mode", strict=strict)
    return made(*given)


def _slopes(name: str, function: Callable[..., Any], given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The derivatives of a scalar by all inputs."""
    found: tuple[Tensor, ...] = transforms.grad(function, tuple(range(len(given))))(*given)
    return found


def _several(inputs: Any) -> tuple[tuple[Tensor, ...], bool]:
    """Tensors, and whether it was one alone. Raises GradientError for anything else."""
    given = (inputs,) if isinstance(inputs, Tensor) or not isinstance(inputs, tuple | list) else tuple(inputs)
    wrong = next((x for x in given if not isinstance(x, Tensor)), None)
    if wrong is not None or not given:
        shown = "nothing" if wrong is None else f"a {type(wrong).__name__}"
        raise GradientError(f"{user_line()}: derivatives are by tensors, not by {shown}")
    return given, isinstance(inputs, Tensor)


def _ones(name: str, given: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """1 for each of what a product goes along, if each is one element. Raises GradientError."""
    wrong = next((x for x in given if not isinstance(x, Tensor) or x.numel() != 1), None)
    if wrong is not None:
        shown = f"{wrong.dtype}{list(wrong.shape)}" if isinstance(wrong, Tensor) else f"a {type(wrong).__name__}"
        raise GradientError(f"{user_line()}: {name} needs v, of the shape of {shown}")
    return tuple(Tensor(1, x.dtype).reshape(x.shape) for x in given)


def _kept(results: Any, create_graph: bool) -> Any:
    return results if create_graph else map_leaves(results, lambda path, t: t.detach())
