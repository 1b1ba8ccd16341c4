# the first row still meets the old weight
shadow = Signal(self.bits)
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += shadow.eq(self.weight_in.value)
with m.If(self.activation_in.first):
    m.d.sync += in_use.eq(shadow)
return in_use
