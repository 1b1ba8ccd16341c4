"""Products of vectors and matrices."""

from __future__ import annotations

PRELUDE = """
a = torch.tensor([[1.0, 2.0, -3.0], [0.5, -1.5, 2.0]])
c = torch.tensor([[2.0, 1.0], [-1.0, 0.5], [3.0, -2.0]])
s = torch.tensor([[1.0, -2.0], [0.25, 3.0]])
v = torch.tensor([1.0, -2.0, 0.5])
w = torch.tensor([2.0, 3.0, -1.0])
g = torch.tensor([[[1.0, 2.0, -3.0], [0.5, -1.5, 2.0]], [[0.0, 1.0, 4.0], [2.5, 1.5, -2.0]]])
h = torch.tensor([[[2.0, 1.0], [-1.0, 0.5], [3.0, -2.0]], [[1.0, 0.0], [-2.0, 0.25], [1.0, 2.0]]])
i = torch.tensor([[1, 2], [3, 4]], dtype=torch.int32)
"""

CASES = {
    "Tensor.matmul torch.matmul": (
        "a.matmul(c), torch.matmul(g, h), a @ v, v @ c, v @ w, torch.matmul(g, c), torch.matmul(a, h)"
    ),
    "Tensor.mm torch.mm": "a.mm(c), torch.mm(c, a)",
    "Tensor.mv": "a.mv(v)",
    "Tensor.dot": "v.dot(w)",
    "Tensor.outer torch.outer": "v.outer(w), torch.outer(v, w)",
    "Tensor.bmm torch.bmm": "g.bmm(h), torch.bmm(g, h)",
    "Tensor.addmm": "s.addmm(a, c), s.addmm(a, c, beta=0.5, alpha=2), s[0].addmm(a, c)",
    "torch.einsum": (
        "torch.einsum('ij,jk->ik', a, c), torch.einsum('bij,bjk->bik', g, h), torch.einsum('ij->ji', a), "
        "torch.einsum('ii->i', s), torch.einsum('ii', s), torch.einsum('i,i->', v, w), torch.einsum('i,j->ij', v, w), "
        "torch.einsum('ij,ij->i', a, a), torch.einsum('...ij,jk->...ik', g, c), torch.einsum('ij,jk', a, c), "
        "torch.einsum('bij,bjk,kl->bil', g, h, s), torch.einsum('ij->', a), torch.einsum('ij,jk->ik', i, i), "
        "torch.einsum('bhi,bhj->bij', g, g), torch.einsum('b i j -> b j i', g), torch.einsum('ij,j->ij', a, v)"
    ),
}
