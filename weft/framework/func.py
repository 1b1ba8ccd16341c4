"""Functions made of functions: gradients, products with the Jacobian and its transpose, and whole Jacobians.

What a function takes and gives is a tensor, or tensors nested in tuples, lists and dictionaries. The results have
history as far as tensors from outside require a gradient (arguments of the outer function, or parameters), so
transformations nest; they work under ``no_grad()`` and in jitted functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.framework.autograd import grad as gradients
from weft.framework.backward import is_inner, sources
from weft.framework.errors import GradientError
from weft.framework.grad_mode import enable_grad
from weft.framework.joining import stack
from weft.framework.lazy import Expr, alias, apply
from weft.framework.origin import user_line
from weft.framework.realising import in_order
from weft.framework.tensor import Tensor
from weft.framework.tracing import note_function
from weft.framework.tree import leaves, map_leaves

Argnums = int | tuple[int, ...]


def grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of ``function``, whose result is one float, by argument ``argnums``.

    argnums: one number (the result is nested as that argument) or a tuple of them (the result is a tuple).
    has_aux: ``function`` gives (result, anything else), and so does the new one. Raises GradientError.
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, _, aux = _differentiated("grad", function, argnums, has_aux, args, kwargs)
        return (found, aux) if has_aux else found

    return gradient


def grad_and_value(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """As ``grad``, giving (gradient, value), or with has_aux (gradient, (value, anything else))."""

    def both(*args: Any, **kwargs: Any) -> Any:
        found, value, aux = _differentiated("grad_and_value", function, argnums, has_aux, args, kwargs)
        return found, (value, aux) if has_aux else value

    return both


def value_and_grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """``grad_and_value`` the other way round, as jax has it: (value, gradient) or ((value, else), gradient)."""
    both = grad_and_value(function, argnums, has_aux)
    return lambda *args, **kwargs: both(*args, **kwargs)[::-1]


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The result of ``function(*primals)``, and a function that takes cotangents (as the result is nested) and gives
    a tuple of the products with the transposed Jacobian, one for each of ``primals``. has_aux: then what ``function``
    gave besides. Raises GradientError.
    """
    run = _Run("vjp", function, primals, range(len(primals)), has_aux, {})

    def product(*cotangents: Any) -> Any:
        return run.pulled(cotangents[0] if len(cotangents) == 1 else cotangents)

    output = run.closed(run.output)
    return (output, product, run.aux) if has_aux else (output, product)


def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The result of ``function(*primals)`` and the product of its Jacobian with ``tangents``, nested as the result is.

    It is the gradient, by the cotangents, of what ``vjp`` gives: that is linear in them. has_aux: then what
    ``function`` gave besides. Raises GradientError.
    """
    if len(primals) != len(tangents):
        raise GradientError(f"{user_line()}: jvp: {len(primals)} primals need as many tangents, not {len(tangents)}")
    run = _Run("jvp", function, tuple(primals), range(len(primals)), has_aux, {})
    with enable_grad():
        dummies = map_leaves(run.output, lambda path, t: _fresh(Tensor._of(alias(t._read())) * 0))
        pulled = leaves(run.pulled(dummies, closed=False))
        along = leaves(tuple(tangents))
        inner = [(g * t).sum() for (_, g), (_, t) in zip(pulled, along, strict=True) if g.requires_grad]
        asked = [t for _, t in leaves(dummies)]
        found = gradients(inner, asked, create_graph=True, allow_unused=True) if inner else [None] * len(asked)
    at = iter(found)

    def made(path: str, dummy: Tensor) -> Tensor:
        pushed = next(at)
        return dummy.detach() if pushed is None else pushed

    pushed = run.closed(map_leaves(dummies, made), [t._read() for t in asked])
    output = run.closed(run.output)
    return (output, pushed, run.aux) if has_aux else (output, pushed)


def jacrev(function: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the Jacobian of ``function``: nested as its result is, and in each place as the argument
    (of a tuple ``argnums``, a tuple of these); each part has the shape of the result and then that of the argument.

    It takes one pass back for each element of the result. has_aux: as in ``grad``. Raises GradientError.
    """
    return jacobian_of("jacrev", function, argnums, has_aux, forward=False)


def jacfwd(function: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False) -> Callable[..., Any]:
    """What ``jacrev`` gives, by one product with the Jacobian, as ``jvp`` has it, for each element of the arguments."""
    return jacobian_of("jacfwd", function, argnums, has_aux, forward=True)


def hessian(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of ``function``: the Jacobian of its Jacobian. Of a scalar of a
    tensor it has the tensor's shape twice; nested twice as ``jacrev`` nests. Raises GradientError."""
    return jacfwd(jacrev(function, argnums), argnums)


def jacobian_of(
    name: str, function: Callable[..., Any], argnums: Argnums, has_aux: bool, *, forward: bool, strict: bool = False
) -> Callable[..., Any]:
    """What ``jacrev`` gives, or ``jacfwd``; ``name`` is for errors. strict: to depend on no element is an error too."""

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = _Run(name, function, args, _chosen(name, argnums, args), has_aux, kwargs)
        found, own = run.columns() if forward else run.rows(strict)
        of_outputs = iter(found)

        def of(path: str, y: Any) -> Any:
            of_inputs = iter(next(of_outputs))
            nested = map_leaves(run.inputs, lambda path, x: next(of_inputs))
            return nested if isinstance(argnums, tuple) else nested[0]

        nested = run.closed(map_leaves(run.output, of), own)
        return (nested, run.aux) if has_aux else nested

    return jacobian


def _chosen(name: str, argnums: Argnums, args: Any) -> list[int]:
    """The numbers of arguments, from 0. Raises GradientError for those that a call has not."""
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    if any(not -len(args) <= n < len(args) for n in chosen):
        raise GradientError(f"{user_line()}: {name}: argnums {argnums} for a call with {len(args)} arguments")
    return [n % len(args) for n in chosen]


def _differentiated(
    name: str, function: Callable[..., Any], argnums: Argnums, has_aux: bool, args: Any, kwargs: Any
) -> tuple[Any, Any, Any]:
    """Gradient, value and what else the function gave."""
    run = _Run(name, function, args, _chosen(name, argnums, args), has_aux, kwargs)
    if not isinstance(run.output, Tensor) or run.output.numel() != 1 or not run.output.dtype.is_float:
        of = f"{run.output.dtype}{list(run.output.shape)}" if isinstance(run.output, Tensor) else "no tensor"
        raise GradientError(f"{user_line()}: {name}: the function must give one float; it gave {of}")
    found = run.pulled(None)
    return found if isinstance(argnums, tuple) else found[0], run.closed(run.output), run.aux


class _Run:
    """One call of a function with arguments of its own in place of those that are differentiated by.

    output: what it gave, with history to these. aux: what it gave besides.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], args: Any, chosen: Sequence[int], has_aux: bool, kwargs: Any
    ) -> None:
        note_function(function)
        self.name = name
        with enable_grad():
            self.inputs = tuple(map_leaves(args[n], self._input) for n in chosen)
            given = list(args)
            for n, own in zip(chosen, self.inputs, strict=True):
                given[n] = own
            returned = function(*given, **kwargs)
        self.flat = [t for _, t in leaves(self.inputs)]
        self.own = [t._read() for t in self.flat]
        self.output, aux = returned if has_aux else (returned, None)
        self.aux: Any = self.closed(aux)

    def _input(self, path: str, part: Any) -> Tensor:
        if not isinstance(part, Tensor) or not part.dtype.is_float:
            shown = str(part.dtype) if isinstance(part, Tensor) else type(part).__name__
            raise GradientError(f"{user_line()}: {self.name}: only float tensors have gradients, not a {shown}")
        return _fresh(part)

    def pulled(self, cotangents: Any, closed: bool = True) -> Any:
        """The cotangents of the output (None: 1) handed back to the inputs, nested as these; or zeros."""
        outputs = [t for _, t in leaves(self.output) if isinstance(t, Tensor)]
        given = [None] * len(outputs) if cotangents is None else [t for _, t in leaves(cotangents)]
        if len(given) != len(outputs):
            raise GradientError(
                f"{user_line()}: {self.name}: {len(outputs)} results need as many cotangents, not {len(given)}"
            )
        flowing = [(y, g) for y, g in zip(outputs, given, strict=True) if y.requires_grad]
        found: Sequence[Tensor | None] = [None] * len(self.flat)
        if flowing:
            with enable_grad():
                found = gradients(
                    [y for y, _ in flowing], self.flat, [g for _, g in flowing], create_graph=True, allow_unused=True
                )
        at = iter(found)

        def made(path: str, t: Tensor) -> Tensor:
            gradient = next(at)
            return t.detach() * 0 if gradient is None else gradient

        nested = map_leaves(self.inputs, made)
        return self.closed(nested) if closed else nested

    def rows(self, strict: bool = False) -> tuple[list[list[Tensor]], list[Expr]]:
        """For each tensor of the output, by each of the inputs: the derivatives, [*output, *input].

        strict: Raises GradientError for one that does not depend on an input.
        """
        found: list[list[Tensor]] = []
        with enable_grad():
            for path, y in leaves(self.output):
                self._check_output(path, y)
                basis = Tensor(np.eye(y.numel()), y.dtype).reshape(y.numel(), *y.shape)
                rows = [self._row(y, basis[k], strict) for k in range(y.numel())]
                found.append([
                    _stacked([row[i] for row in rows], x).reshape(*y.shape, *x.shape) for i, x in enumerate(self.flat)
                ])  # fmt: skip
        return found, []

    def _row(self, y: Tensor, cotangent: Tensor, strict: bool) -> list[Tensor]:
        found: Sequence[Tensor | None] = [None] * len(self.flat)
        if y.requires_grad:
            found = gradients([y], self.flat, [cotangent], create_graph=True, allow_unused=True)
        if strict and any(g is None for g in found):
            raise GradientError(f"{user_line()}: {self.name}: strict, but a result does not depend on an argument")
        return [x.detach() * 0 if g is None else g for g, x in zip(found, self.flat, strict=True)]

    def columns(self) -> tuple[list[list[Tensor]], list[Expr]]:
        """What ``rows`` gives, from the product with the transposed Jacobian, which is linear in the cotangents."""
        outputs = leaves(self.output)
        with enable_grad():
            for path, y in outputs:
                self._check_output(path, y)
            dummies = map_leaves(self.output, lambda path, t: _fresh(Tensor._of(alias(t._read())) * 0))
            asked = [t for _, t in leaves(dummies)]
            found: list[list[Tensor]] = [[] for _ in asked]
            for _, pulled in leaves(self.pulled(dummies, closed=False)):
                flat = pulled.reshape(-1)
                columns = [self._column(flat[k], asked) for k in range(pulled.numel())]
                for i, y in enumerate(asked):
                    stacked = _stacked([column[i] for column in columns], y).reshape(*pulled.shape, *y.shape)
                    n = pulled.ndim
                    found[i].append(stacked.permute(*range(n, n + y.ndim), *range(n)))
        return found, [t._read() for t in asked]

    @staticmethod
    def _column(element: Tensor, asked: Sequence[Tensor]) -> list[Tensor]:
        found: Sequence[Tensor | None] = [None] * len(asked)
        if element.requires_grad:
            found = gradients([element], asked, create_graph=True, allow_unused=True)
        return [y.detach() if g is None else g for g, y in zip(found, asked, strict=True)]

    def _check_output(self, path: str, y: Any) -> None:
        if not isinstance(y, Tensor) or not y.dtype.is_float:
            of = f"{y.dtype}{list(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
            raise GradientError(f"{user_line()}: {self.name}: only float tensors have derivatives, not {of}")

    def closed(self, results: Any, more: Sequence[Expr] = ()) -> Any:
        """The results, without history if that ends in nothing but what this run made for itself."""
        own = {id(e) for e in (*self.own, *more) if e.owner is not None}

        def cut(path: str, part: Any) -> Any:
            if not isinstance(part, Tensor) or not part.requires_grad:
                return part
            behind = in_order([part._read()], sources)
            outside = any(e.requires_grad and not is_inner(e) and id(e) not in own for e in behind)
            return part if outside else Tensor._of(alias(part._read()))

        return map_leaves(results, cut)


def _stacked(parts: Sequence[Tensor], like: Tensor) -> Tensor:
    """Tensors of the shape of ``like`` along a new first axis."""
    return stack(list(parts)) if parts else like.new_zeros((0, *like.shape))


def _fresh(t: Tensor) -> Tensor:
    """A tensor of this value to differentiate by: a leaf, or with history if it requires a gradient already."""
    e = t._read()
    if e.requires_grad:
        return Tensor._of(apply("reshape", e, shape=e.shape))
    return Tensor._of(alias(e)).requires_grad_()
