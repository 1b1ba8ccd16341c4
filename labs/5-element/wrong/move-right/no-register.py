# an activation moves right in the cycle in which it comes in
m.d.comb += self.activation_out.eq(self.activation_in)
m.d.sync += [
    self.weight_out.valid.eq(self.weight_in.valid & (self.weight_in.hops != 0)),
    self.weight_out.value.eq(self.weight_in.value),
    self.weight_out.hops.eq(self.weight_in.hops - 1),
]
