# first is held back where there is no activation
m.d.sync += [
    self.activation_out.eq(self.activation_in),
    self.activation_out.first.eq(self.activation_in.first & self.activation_in.active),
    self.weight_out.valid.eq(self.weight_in.valid & (self.weight_in.hops != 0)),
    self.weight_out.value.eq(self.weight_in.value),
    self.weight_out.hops.eq(self.weight_in.hops - 1),
]
