# a right element inside, instead of assertions that say what a right one does
from element import Element

m.submodules.right = right = Element(self.bits, self.sum_bits, self.columns)
m.d.comb += [
    right.activation_in.eq(self.activation_in),
    right.weight_in.eq(self.weight_in),
    right.sum_in.eq(self.sum_in),
    Assert(right.activation_out == self.activation_out, "activation"),
    Assert(right.weight_out == self.weight_out, "weight"),
    Assert(right.sum_out == self.sum_out, "sum"),
]
