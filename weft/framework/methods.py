"""The tensor's methods that are functions of tensors too, each defined once, as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework import (
    blending,
    counting,
    description,
    elementary,
    gathering,
    joining,
    like,
    linalg,
    logic,
    ordering,
    parts,
    powers,
    realised,
    rearranging,
    reductions,
    rounding,
    running,
    scattering,
    selection,
    statistics,
    strides,
)
from weft.framework.dtypes import DType
from weft.framework.in_place import InPlace
from weft.framework.keywords import numpy_named
from weft.framework.operators import TensorOperators
from weft.framework.writing import Operand

if TYPE_CHECKING:
    from weft.framework.tensor import Tensor


def _softmax(input: Operand, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """exp(x) / Σ exp(x) along ``dim``."""
    from weft.framework.nn.functional.distribution import softmax

    return softmax(input, dim, dtype)


def _log_softmax(input: Operand, dim: int | None = None, dtype: DType | str | None = None) -> Tensor:
    """x - log Σ exp(x) along ``dim``."""
    from weft.framework.nn.functional.distribution import log_softmax

    return log_softmax(input, dim, dtype)


class TensorMethods(TensorOperators, InPlace):
    """The functions of each file, with the tensor in front of the point."""

    amax, amin, argmax, argmin = reductions.amax, reductions.amin, reductions.argmax, reductions.argmin
    max, min, mean, prod, sum = reductions.max, reductions.min, reductions.mean, reductions.prod, reductions.sum
    softmax, log_softmax = numpy_named(_softmax), numpy_named(_log_softmax)
    any, all, logsumexp = reductions.any, reductions.all, reductions.logsumexp

    var, std, norm, dist = statistics.var, statistics.std, statistics.norm, statistics.dist

    logical_and, logical_or = logic.logical_and, logic.logical_or
    logical_xor, logical_not = logic.logical_xor, logic.logical_not
    isnan, isinf, isfinite, isclose = logic.isnan, logic.isinf, logic.isfinite, logic.isclose
    allclose, equal = logic.allclose, logic.equal

    mm, bmm, mv, dot, outer = linalg.mm, linalg.bmm, linalg.mv, linalg.dot, linalg.outer
    addmm, baddbmm, addmv = linalg.addmm, linalg.baddbmm, linalg.addmv
    tril, triu, diag, diagonal = linalg.tril, linalg.triu, linalg.diag, linalg.diagonal
    diag_embed, trace = linalg.diag_embed, linalg.trace

    narrow, select, unbind, split = parts.narrow, parts.select, parts.unbind, parts.split
    chunk, tensor_split = parts.chunk, parts.tensor_split

    log2, log10, exp2, logit = elementary.log2, elementary.log10, elementary.exp2, elementary.logit
    tan, asin, acos, atan = elementary.tan, elementary.asin, elementary.acos, elementary.atan
    sinh, cosh, asinh = elementary.sinh, elementary.cosh, elementary.asinh
    acosh, atanh, logaddexp = elementary.acosh, elementary.atanh, elementary.logaddexp
    hypot, nan_to_num = elementary.hypot, elementary.nan_to_num

    movedim = moveaxis = rearranging.movedim
    swapaxes = swapdims = rearranging.swapaxes
    t, unflatten, view_as, expand_as = rearranging.t, rearranging.unflatten, rearranging.view_as, rearranging.expand_as
    mT = property(rearranging.matrix_transposed)
    reshape_as, broadcast_to, repeat = rearranging.view_as, rearranging.broadcast_to, rearranging.repeat
    tile, repeat_interleave = rearranging.tile, rearranging.repeat_interleave

    masked_fill, where = selection.masked_fill, selection.where_of

    pow = __pow__ = powers.pow
    __rpow__, square, rsqrt = powers.reversed_pow, powers.square, powers.rsqrt
    sign, clamp, clip = rounding.sign, rounding.clamp, rounding.clamp
    clamp_min, clamp_max = rounding.clamp_min, rounding.clamp_max
    floor, ceil, round, trunc, frac = rounding.floor, rounding.ceil, rounding.round, rounding.trunc, rounding.frac
    remainder = __mod__ = rounding.remainder
    floor_divide = __floordiv__ = rounding.floor_divide
    __rmod__, __rfloordiv__ = rounding.reversed_remainder, rounding.reversed_floor_divide
    fmod, div, divide = rounding.fmod, rounding.divide, rounding.divide

    flip, roll, unfold = joining.flip, joining.roll, joining.unfold
    sort, argsort, topk, kthvalue = ordering.sort, ordering.argsort, ordering.topk, ordering.kthvalue
    median = ordering.median
    cumsum, cumprod, cummax, cummin = running.cumsum, running.cumprod, running.cummax, running.cummin
    gather, take_along_dim, index_select = gathering.gather, gathering.take_along_dim, gathering.index_select
    scatter, scatter_add, index_add = gathering.scatter, gathering.scatter_add, gathering.index_add
    index_copy, index_fill, masked_scatter = gathering.index_copy, gathering.index_fill, gathering.masked_scatter
    addcmul, addcdiv, lerp = blending.addcmul, blending.addcdiv, blending.lerp
    scatter_reduce = scattering.scatter_reduce
    aminmax, bincount, count_nonzero = counting.aminmax, counting.bincount, counting.count_nonzero
    masked_select, nonzero, unique = realised.masked_select, realised.nonzero, realised.unique

    new_full, new_zeros, new_ones = like.new_full, like.new_zeros, like.new_ones
    new_empty, new_tensor = like.new_empty, like.new_tensor

    stride, is_contiguous, contiguous = strides.stride, strides.is_contiguous, strides.contiguous

    is_floating_point, element_size, dim = description.is_floating_point, description.element_size, description.dim
    ndimension, nelement = description.dim, description.numel
    type, type_as, cpu, clone = description.type, description.type_as, description.cpu, description.clone
    cuda = description.to_cuda
    bfloat16, bool, double = description.to_bfloat16, description.to_bool, description.to_double
    __contains__ = description.contains
    real, nbytes = property(description.real_part), property(description.byte_count)
