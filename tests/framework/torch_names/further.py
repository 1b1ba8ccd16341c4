"""Names that are shorter, older or in place: of each what another is, and what it leaves."""

from __future__ import annotations

PRELUDE = """
import torch.nn as nn
import torch.nn.functional as F
x = torch.tensor([[0.5, -0.25, 0.75], [-0.5, 0.125, 0.9]])
y = torch.tensor([[0.25, 0.5, -0.75], [1.5, -2.0, 0.1]])
p = torch.tensor([[1.5, 2.0, 3.25], [1.25, 4.0, 2.5]])
i = torch.tensor([[5, -3, 2], [0, 7, -1]])
m = torch.tensor([[True, False, True], [False, False, True]])
line = torch.arange(24.0).reshape(2, 3, 4) / 7 - 1.5
im = torch.arange(48.0).reshape(1, 3, 4, 4) % 11 / 5 - 1
signs = torch.tensor([1.0, -1.0])
def told(*layers):
    return [layer(x) for layer in layers]
"""

CASES = {
    "torch.acos torch.asin torch.atan torch.acosh torch.asinh torch.atanh": (
        "torch.acos(x), torch.asin(x), torch.atan(x), torch.acosh(p), torch.asinh(x), torch.atanh(x)"
    ),
    "Tensor.acos Tensor.asin Tensor.atan Tensor.acosh Tensor.asinh Tensor.atanh": (
        "x.acos(), x.asin(), x.atan(), p.acosh(), x.asinh(), x.atanh()"
    ),
    "torch.cosh torch.sinh torch.tan torch.exp2 torch.expm1 torch.log2 torch.log10 torch.logit": (
        "torch.cosh(x), torch.sinh(x), torch.tan(x), torch.exp2(x), torch.expm1(x), torch.log2(p), torch.log10(p), "
        "torch.logit(p / 5), torch.logit(p / 5, eps=0.3)"
    ),
    "Tensor.cosh Tensor.sinh Tensor.tan Tensor.exp2 Tensor.log2 Tensor.log10 Tensor.logit": (
        "x.cosh(), x.sinh(), x.tan(), x.exp2(), p.log2(), p.log10(), (p / 5).logit()"
    ),
    "torch.logaddexp torch.hypot torch.fmod torch.remainder torch.frac torch.nan_to_num": (
        "torch.logaddexp(x, y), torch.hypot(x, y), torch.fmod(p, 0.7), torch.remainder(y, 0.7), torch.frac(y), "
        "torch.nan_to_num(torch.log(x), nan=2.0, neginf=-1.0)"
    ),
    "Tensor.logaddexp Tensor.hypot Tensor.fmod Tensor.frac Tensor.nan_to_num Tensor.atan2": (
        "x.logaddexp(y), x.hypot(y), p.fmod(0.7), y.frac(), (x / 0).nan_to_num(0.0, 1.0, -1.0), x.atan2(y)"
    ),
    "torch.add torch.sub torch.mul torch.div torch.neg torch.reciprocal torch.square torch.relu torch.log_softmax": (
        "torch.add(x, y, alpha=2), torch.sub(x, 1.5), torch.mul(x, y), torch.div(x, p), torch.neg(x), "
        "torch.reciprocal(p), torch.square(x), torch.relu(x), torch.log_softmax(x, 1)"
    ),
    "torch.eq torch.ne torch.lt torch.le torch.gt torch.ge torch.isclose torch.isinf": (
        "torch.eq(x, 0.5), torch.ne(x, y), torch.lt(x, y), torch.le(x, y), torch.gt(x, 0), torch.ge(x, y), "
        "torch.isclose(x, x + 1e-9), torch.isinf(x / 0)"
    ),
    "torch.bitwise_and torch.bitwise_or torch.bitwise_xor torch.bitwise_not": (
        "torch.bitwise_and(i, 6), torch.bitwise_or(i, 6), torch.bitwise_xor(i, i + 1), torch.bitwise_not(m)"
    ),
    "torch.logical_or torch.logical_xor torch.logical_not Tensor.logical_or Tensor.logical_xor": (
        "torch.logical_or(m, i), torch.logical_xor(m, i), torch.logical_not(i), m.logical_or(i), m.logical_xor(i)"
    ),
    "torch.ceil torch.floor torch.trunc torch.round torch.floor_divide": (
        "torch.ceil(y), torch.floor(y), torch.trunc(y), torch.round(y * 2), torch.round(p, decimals=1), "
        "torch.floor_divide(i, 2)"
    ),
    "torch.addcmul torch.addcdiv torch.lerp Tensor.addcmul Tensor.addcdiv Tensor.lerp": (
        "torch.addcmul(x, y, p, value=0.5), torch.addcdiv(x, y, p), torch.lerp(x, y, 0.25), x.addcmul(y, p), "
        "x.addcdiv(y, p, value=2.0), x.lerp(y, p)"
    ),
    "torch.addmm torch.addmv torch.baddbmm torch.mv torch.dot torch.tensordot Tensor.trace torch.cdist torch.dist": (
        "torch.addmm(x[:, :2], x, y.T, beta=0.5), torch.addmv(x[:, 0], x, y[0]), torch.baddbmm(line, line[:, :, :3], "
        "line, alpha=2.0), torch.mv(x, y[0]), torch.dot(x[0], y[0]), torch.tensordot(x, y, 2), (x @ y.T).trace(), "
        "torch.cdist(x, y), torch.dist(x, y)"
    ),
    "torch.cummax torch.cummin torch.cumprod torch.kthvalue torch.median torch.aminmax torch.std_mean torch.var_mean": (
        "tuple(torch.cummax(y, 1)), tuple(torch.cummin(y, 1)), torch.cumprod(y, 0), tuple(torch.kthvalue(y, 2)), "
        "torch.median(y), tuple(torch.aminmax(y)), torch.std_mean(y, 1), torch.var_mean(y)"
    ),
    "torch.bincount torch.count_nonzero torch.isin torch.bucketize torch.searchsorted": (
        "torch.bincount(i.abs().flatten()), torch.count_nonzero(i, 1), torch.isin(i, torch.tensor([7, 2])), "
        "torch.bucketize(y, torch.tensor([-1.0, 0.0, 1.0])), torch.searchsorted(torch.tensor([0.0, 1.0]), x)"
    ),
    "torch.index_add torch.index_copy torch.index_fill torch.index_select torch.take_along_dim torch.scatter_add": (
        "n = torch.tensor([1, 0])\n(torch.index_add(x, 0, n, y), torch.index_copy(x, 0, n, y), torch.index_fill(x, 0, "
        "n[:1], 9.0), torch.index_select(x, 1, n), torch.take_along_dim(x, y.argsort(1), 1), torch.scatter_add(x, 0, "
        "torch.zeros_like(i), y))"
    ),
    "torch.masked_fill torch.masked_scatter torch.narrow torch.select torch.scatter_reduce": (
        "torch.masked_fill(x, m, 2.0), torch.masked_scatter(x, m, y), torch.narrow(x, 1, 1, 2), torch.select(x, 1, 2), "
        "torch.scatter_reduce(x, 0, torch.zeros_like(i), y, 'amax')"
    ),
    "torch.movedim torch.swapaxes torch.t torch.unflatten torch.tensor_split torch.diag_embed torch.concatenate": (
        "torch.movedim(line, 0, 2), torch.swapaxes(line, 0, 1), torch.t(x), torch.unflatten(line, 2, (2, 2)), "
        "torch.tensor_split(line, 3, dim=2), torch.diag_embed(x), torch.concatenate([x, y], 1)"
    ),
    "torch.broadcast_tensors torch.broadcast_shapes torch.numel torch.is_floating_point torch.logspace": (
        "torch.broadcast_tensors(x, y[0]), tuple(torch.broadcast_shapes((2, 1), (3,))), torch.numel(x), "
        "torch.is_floating_point(i), torch.logspace(0, 2, 4)"
    ),
    "Tensor.abs_ Tensor.neg_ Tensor.sqrt_ Tensor.square_ Tensor.tanh_ Tensor.sigmoid_ Tensor.relu_ Tensor.log_": (
        "a = p.clone()\na.sqrt_().neg_().tanh_()\nb = p.clone().log_().square_().sigmoid_()\nc = y.clone().abs_()\n"
        "d = y.clone().relu_()"
    ),
    "Tensor.floor_ Tensor.ceil_ Tensor.round_ Tensor.trunc_ Tensor.frac_ Tensor.sign_ Tensor.reciprocal_ Tensor.pow_": (
        "(y.clone().floor_(), y.clone().ceil_(), y.clone().round_(), y.clone().trunc_(), y.clone().frac_(), "
        "y.clone().sign_(), p.clone().reciprocal_(), p.clone().pow_(2))"
    ),
    "Tensor.sin_ Tensor.cos_ Tensor.erf_ Tensor.expm1_ Tensor.log1p_ Tensor.rsqrt_ Tensor.lerp_ Tensor.addcmul_": (
        "(y.clone().sin_(), y.clone().cos_(), y.clone().erf_(), y.clone().expm1_(), p.clone().log1p_(), "
        "p.clone().rsqrt_(), x.clone().lerp_(y, 0.5), x.clone().addcmul_(y, p))"
    ),
    "Tensor.index_add_ Tensor.index_copy_ Tensor.index_fill_ Tensor.index_put_ Tensor.fill_diagonal_ Tensor.tril_": (
        "n = torch.tensor([1, 0])\n(x.clone().index_add_(0, n, y), x.clone().index_copy_(0, n, y), "
        "x.clone().index_fill_(0, n[:1], 3.0), x.clone().index_put_((n, n), y[0, :2]), x.clone().fill_diagonal_(4.0), "
        "x.clone().tril_())"
    ),
    "torch.nn.CELU torch.nn.GLU torch.nn.Hardshrink torch.nn.Hardsigmoid torch.nn.Hardswish torch.nn.Hardtanh": (
        "told(nn.CELU(0.5), nn.GLU(0), nn.Hardshrink(0.3), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(-0.2, 0.4))"
    ),
    "torch.nn.LogSigmoid torch.nn.Mish torch.nn.ReLU6 torch.nn.SELU torch.nn.Softmin torch.nn.Softshrink": (
        "told(nn.LogSigmoid(), nn.Mish(), nn.ReLU6(), nn.SELU(), nn.Softmin(1), nn.Softshrink(0.3))"
    ),
    "torch.nn.Softsign torch.nn.Tanhshrink torch.nn.Threshold": (
        "told(nn.Softsign(), nn.Tanhshrink(), nn.Threshold(0.1, -2.0))"
    ),
    "torch.nn.CosineEmbeddingLoss torch.nn.HingeEmbeddingLoss torch.nn.MarginRankingLoss torch.nn.SoftMarginLoss": (
        "nn.CosineEmbeddingLoss(0.1)(x, y, signs), nn.HingeEmbeddingLoss()(x, y.sign()), nn.MarginRankingLoss(0.2)("
        "x[:, 0], y[:, 0], signs), nn.SoftMarginLoss()(x, y.sign())"
    ),
    "torch.nn.GaussianNLLLoss torch.nn.PoissonNLLLoss torch.nn.TripletMarginLoss": (
        "nn.GaussianNLLLoss(full=True)(x, y, p), nn.PoissonNLLLoss()(x, p), nn.TripletMarginLoss(p=1)(x, y, p)"
    ),
    "torch.nn.CosineSimilarity torch.nn.PairwiseDistance": "nn.CosineSimilarity()(x, y), nn.PairwiseDistance(1)(x, y)",
    "torch.nn.AvgPool1d torch.nn.MaxPool1d torch.nn.AdaptiveAvgPool1d torch.nn.AdaptiveMaxPool1d": (
        "[layer(line) for layer in (nn.AvgPool1d(2), nn.MaxPool1d(2, 1), nn.AdaptiveAvgPool1d(3), "
        "nn.AdaptiveMaxPool1d(2))]"
    ),
    "torch.nn.AdaptiveMaxPool2d torch.nn.Fold torch.nn.Unfold torch.nn.UpsamplingNearest2d": (
        "nn.AdaptiveMaxPool2d(2)(im), nn.Fold(3, 2)(torch.ones(1, 8, 4)), nn.Unfold(2)(im), "
        "nn.UpsamplingNearest2d(scale_factor=2)(im)"
    ),
    "torch.nn.ReflectionPad1d torch.nn.ReplicationPad2d torch.nn.CircularPad1d torch.nn.ConstantPad2d": (
        "nn.ReflectionPad1d(1)(line), nn.ReplicationPad2d(1)(im), nn.CircularPad1d(1)(line), nn.ConstantPad2d(1, 2.5)("
        "im), nn.ReflectionPad2d((1, 0, 1, 2))(im)"
    ),
}
