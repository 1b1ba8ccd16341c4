"""The methods that change their tensor, ``x.add_(y)``: the table of the functions that they are made of.

Each takes what its function takes and returns its tensor; the rule that all of them follow is in ``writing``. Those of
the last part show the same values under other axes, so that nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from weft.framework import (
    blending,
    elementary,
    filling,
    gathering,
    linalg,
    logic,
    powers,
    rearranging,
    rounding,
    running,
    scattering,
    selection,
)
from weft.framework.errors import GradientError, TraceError
from weft.framework.grad_mode import grad_enabled
from weft.framework.movement import Movement
from weft.framework.operators import TensorOperators
from weft.framework.origin import user_line
from weft.framework.tracing import current_trace
from weft.framework.writing import described, in_place

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor

T = TypeVar("T")
P = ParamSpec("P")


def shown(function: Callable[Concatenate[Any, P], Tensor]) -> Callable[Concatenate[T, P], T]:
    """A method that makes its tensor the view of itself that ``function`` gives.

    Raises GradientError for a leaf that requires a gradient (unless under ``no_grad()``), and TraceError for a tensor
    from outside of a jitted function.
    """

    def method(self: T, /, *args: P.args, **kwargs: P.kwargs) -> T:
        own: Any = self
        name, trace, e = f"{function.__name__}_()", current_trace(), own._read()
        if trace is not None and not trace.is_passing(own):
            raise TraceError(
                f"{user_line()}: {name} in a jitted function of a tensor from outside, which the caller would not see; "
                "write y = ... for a view"
            )
        if e.owner is not None and grad_enabled():
            raise GradientError(f"{user_line()}: {name} on a tensor that requires a gradient; use no_grad()")
        view = function(own, *args, **kwargs)._seen_as
        if view is not None and e.owner is not None:
            view.collect_gradients(e.owner)
        own._seen_as = view
        if own._storage.root is not None and own._storage.root() is own:
            own._storage.root = None  # which is a tensor that is no view
        own._await()
        return self

    return described(method, function)


def detach_(self: T) -> T:
    """In place: cut it off from its history. Raises GradientError for a view."""
    own: Any = self
    if own._seen_as is not None and own.requires_grad:
        raise GradientError(f"{user_line()}: detach_() of a view; y = x.detach() is another view, without history")
    own._seen_as = own.detach()._seen_as if own.requires_grad and own._expr.owner is None else own._seen_as
    if own._seen_as is None and own.requires_grad:
        own.requires_grad_(False)
    own._await()
    return self


class InPlace:
    """In place what each function gives."""

    add_, sub_, mul_ = in_place(TensorOperators.add), in_place(TensorOperators.sub), in_place(TensorOperators.mul)
    div_, divide_ = in_place(rounding.divide), in_place(rounding.divide)
    pow_, square_, rsqrt_ = in_place(powers.pow), in_place(powers.square), in_place(powers.rsqrt)
    neg_, abs_, reciprocal_ = (
        in_place(TensorOperators.neg), in_place(TensorOperators.abs), in_place(TensorOperators.reciprocal)
    )
    exp_, expm1_, erf_ = in_place(TensorOperators.exp), in_place(TensorOperators.expm1), in_place(TensorOperators.erf)
    log_, log1p_, sqrt_ = in_place(TensorOperators.log), in_place(TensorOperators.log1p), in_place(TensorOperators.sqrt)
    log2_, log10_, exp2_ = in_place(elementary.log2), in_place(elementary.log10), in_place(elementary.exp2)
    tan_, asin_, acos_ = in_place(elementary.tan), in_place(elementary.asin), in_place(elementary.acos)
    atan_, sinh_, cosh_ = in_place(elementary.atan), in_place(elementary.sinh), in_place(elementary.cosh)
    asinh_, acosh_, atanh_ = in_place(elementary.asinh), in_place(elementary.acosh), in_place(elementary.atanh)
    logit_, hypot_ = in_place(elementary.logit), in_place(elementary.hypot)
    nan_to_num_ = in_place(elementary.nan_to_num)
    sin_, cos_, atan2_ = in_place(TensorOperators.sin), in_place(TensorOperators.cos), in_place(TensorOperators.atan2)
    sigmoid_, tanh_ = in_place(TensorOperators.sigmoid), in_place(TensorOperators.tanh)
    relu_ = in_place(TensorOperators.relu)

    floor_, ceil_, round_ = in_place(rounding.floor), in_place(rounding.ceil), in_place(rounding.round)
    trunc_, frac_, sign_ = in_place(rounding.trunc), in_place(rounding.frac), in_place(rounding.sign)
    remainder_, fmod_ = in_place(rounding.remainder), in_place(rounding.fmod)
    floor_divide_ = in_place(rounding.floor_divide)
    clamp_, clip_ = in_place(rounding.clamp), in_place(rounding.clamp)
    clamp_min_, clamp_max_ = in_place(rounding.clamp_min), in_place(rounding.clamp_max)

    eq_, ne_ = in_place(TensorOperators.eq), in_place(TensorOperators.ne)
    lt_, le_ = in_place(TensorOperators.lt), in_place(TensorOperators.le)
    gt_, ge_ = in_place(TensorOperators.gt), in_place(TensorOperators.ge)
    logical_and_, logical_or_ = in_place(logic.logical_and), in_place(logic.logical_or)
    logical_xor_, logical_not_ = in_place(logic.logical_xor), in_place(logic.logical_not)
    bitwise_and_, bitwise_or_ = in_place(TensorOperators.bitwise_and), in_place(TensorOperators.bitwise_or)
    bitwise_xor_, bitwise_not_ = in_place(TensorOperators.bitwise_xor), in_place(TensorOperators.bitwise_not)

    addcmul_, addcdiv_, lerp_ = in_place(blending.addcmul), in_place(blending.addcdiv), in_place(blending.lerp)
    addmm_, addmv_, baddbmm_ = in_place(linalg.addmm), in_place(linalg.addmv), in_place(linalg.baddbmm)
    tril_, triu_ = in_place(linalg.tril), in_place(linalg.triu)
    cumsum_, cumprod_ = in_place(running.cumsum), in_place(running.cumprod)

    masked_fill_, masked_scatter_ = in_place(selection.masked_fill), in_place(gathering.masked_scatter)
    scatter_, scatter_add_ = in_place(gathering.scatter), in_place(gathering.scatter_add)
    scatter_reduce_ = in_place(scattering.scatter_reduce)
    index_add_, index_copy_ = in_place(gathering.index_add), in_place(gathering.index_copy)
    index_fill_, fill_diagonal_ = in_place(gathering.index_fill), in_place(filling.diagonal)

    uniform_, normal_, bernoulli_ = in_place(filling.uniform), in_place(filling.normal), in_place(filling.bernoulli)
    random_, exponential_ = in_place(filling.random), in_place(filling.exponential)
    geometric_, log_normal_ = in_place(filling.geometric), in_place(filling.log_normal)
    cauchy_ = in_place(filling.cauchy)

    t_, transpose_ = shown(rearranging.t), shown(Movement.transpose)
    swapaxes_, swapdims_ = shown(rearranging.swapaxes), shown(rearranging.swapaxes)
    squeeze_, unsqueeze_ = shown(Movement.squeeze), shown(Movement.unsqueeze)
    detach_ = detach_
