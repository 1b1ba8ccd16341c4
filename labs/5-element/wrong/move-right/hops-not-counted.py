# a weight keeps all its hops
m.d.sync += [
    self.activation_out.eq(self.activation_in),
    self.weight_out.valid.eq(self.weight_in.valid & (self.weight_in.hops != 0)),
    self.weight_out.value.eq(self.weight_in.value),
    self.weight_out.hops.eq(self.weight_in.hops),
]
