# the sum is not looked at
activation = past(m, self.activation_in)
m.d.comb += [
    Assert(self.activation_out.active == activation.active, "active"),
    Assert(self.activation_out.first == activation.first, "first"),
    Assert(~activation.active | (self.activation_out.value == activation.value), "value"),
]
