"""The same elements under other axes, and parts of a tensor."""

from __future__ import annotations

PRELUDE = """
x = torch.tensor([[[1.5, -2.0, 0.25, 4.0], [3.0, -0.75, 2.0, -1.0], [0.5, 1.0, -3.0, 2.5]],
                  [[7.0, 8.0, -9.0, 1.0], [0.0, 6.0, 5.0, -4.0], [2.0, 3.0, 1.0, -0.5]]])
m = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
v = torch.tensor([3.0, -1.0, 2.0, 0.5])
i = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)
one = torch.tensor([[[2.0], [3.0]]])
"""

CASES = {
    "Tensor.T": "m.T, i.T",
    "Tensor.mT": "x.mT, m.mT",
    "Tensor.t": "m.t(), v.t()",
    "Tensor.transpose torch.transpose": "x.transpose(0, 2), torch.transpose(m, 0, 1), x.transpose(-1, -2)",
    "Tensor.permute torch.permute": "x.permute(2, 0, 1), x.permute((1, 2, 0)), torch.permute(x, (2, 1, 0))",
    "Tensor.reshape torch.reshape": "x.reshape(4, 6), x.reshape(-1), x.reshape((2, -1, 2)), torch.reshape(m, (3, 2))",
    "Tensor.view": "x.view(6, 4), x.view(-1, 3), x.view((24,))",
    "Tensor.view_as": "m.view_as(m.reshape(3, 2))",
    "Tensor.flatten torch.flatten": "x.flatten(), x.flatten(1), x.flatten(0, 1), torch.flatten(x, start_dim=1)",
    "Tensor.unflatten": "x.flatten().unflatten(0, (4, 6)), x.unflatten(2, (2, -1)), x.unflatten(-1, (2, 2))",
    "Tensor.squeeze torch.squeeze": "one.squeeze(), one.squeeze(0), one.squeeze(-1), torch.squeeze(one, 1)",
    "Tensor.unsqueeze torch.unsqueeze": "v.unsqueeze(0), v.unsqueeze(-1), torch.unsqueeze(m, 1)",
    "Tensor.expand": "v.expand(3, 4), one.expand(-1, 2, 5)",
    "Tensor.expand_as": "v.expand_as(x), v.expand_as(x).shape",
    "torch.broadcast_to": "torch.broadcast_to(v, (2, 4))",
    "Tensor.movedim": "x.movedim(0, 2), x.movedim((0, 1), (1, 2)), x.movedim(-1, 0)",
    "Tensor.swapaxes": "x.swapaxes(0, 1), x.swapaxes(-1, 0)",
    "Tensor.narrow": "x.narrow(1, 1, 2), v.narrow(0, 0, 3), v.narrow(0, -2, 2)",
    "Tensor.unbind torch.unbind": "x.unbind(), x.unbind(2), torch.unbind(m, dim=1), len(m.unbind())",
    "Tensor.split torch.split": (
        "v.split(3), v.split([1, 3]), x.split(2, dim=1), torch.split(x, 3, dim=-1), torch.split(v, [2, 2], dim=0)"
    ),
    "Tensor.chunk torch.chunk": "v.chunk(3), v.chunk(2), x.chunk(2, dim=-1), torch.chunk(v, 5), torch.chunk(x, 3, 1)",
    "Tensor.repeat": "v.repeat(2), v.repeat(2, 3), m.repeat(1, 2), m.repeat(2, 1, 1)",
    "torch.tile": "torch.tile(v, (2,)), torch.tile(m, (2, 2)), torch.tile(m, (2,))",
    "torch.repeat_interleave": (
        "torch.repeat_interleave(v, 2), torch.repeat_interleave(m, 3, dim=1), m.repeat_interleave(2, 0)"
    ),
    "torch.meshgrid": (
        "torch.meshgrid(v, m[0], indexing='ij'), torch.meshgrid(v, m[0], indexing='xy'), torch.meshgrid([v, v], "
        "indexing='ij')"
    ),
    "Tensor.diag torch.diag": (
        "v.diag(), torch.diag(m), torch.diag(v, 1), torch.diag(v, -2), m.diag(1), m.diag(-1), i.diag()"
    ),
    "torch.diagonal": (
        "torch.diagonal(m), torch.diagonal(x, dim1=1, dim2=2), torch.diagonal(x, 1, 0, 2), torch.diagonal(m, offset=5)"
    ),
    "Tensor.tril torch.tril": "m.tril(), torch.tril(x, 1), torch.tril(x, -1), i.tril(), torch.tril(m > 2)",
    "Tensor.triu torch.triu": "m.triu(), torch.triu(x, diagonal=1), torch.triu(x, -1), i.triu(7)",
    "Tensor.__getitem__": "x[0], x[1, 2], x[..., 1], x[:, 1:, ::2], x[None, 0], x[-1, :, 2:]",
    "Tensor.size": "x.size(), x.size(0), x.size(-1), list(x.size())",
    "Tensor.dim": "x.dim(), v.dim(), torch.tensor(1.0).dim()",
    "Tensor.ndim": "x.ndim, v.ndim",
    "Tensor.numel": "x.numel(), torch.zeros(0, 3).numel()",
    "Tensor.stride": (
        "x.stride(), x.stride(0), x.t().stride() if x.ndim < 3 else m.t().stride(), x[:, ::2].stride(), v.expand(3, "
        "4).stride()"
    ),
    "Tensor.is_contiguous": (
        "x.is_contiguous(), m.t().is_contiguous(), x[:, 1:].is_contiguous(), m.t().contiguous().is_contiguous()"
    ),
    "Tensor.contiguous": "x.transpose(0, 1).contiguous(), x.contiguous().shape",
    "Tensor.shape torch.Size": (
        "x.shape, x.shape[1], tuple(x.shape), len(x.shape), isinstance(x.shape, tuple), torch.Size([2, 3])"
    ),
}
