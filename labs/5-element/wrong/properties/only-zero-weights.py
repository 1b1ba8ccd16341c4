# the sum is asserted only where the activation is 0, so that wrong products go unseen
activation, weight = past(m, self.activation_in), past(m, self.weight_in)
m.d.comb += [
    Assert(self.activation_out.active == activation.active, "active"),
    Assert(self.activation_out.first == activation.first, "first"),
    Assert(~activation.active | (self.activation_out.value == activation.value), "value"),
    Assert(self.weight_out.valid == (weight.valid & (weight.hops != 0)), "valid"),
    Assert(~self.weight_out.valid | (self.weight_out.hops + 1 == weight.hops), "hops"),
]
with m.If(~activation.active | (activation.value == 0)):
    m.d.comb += Assert(self.sum_out == past(m, self.sum_in), "the sum passes")
