# a weight that arrives is in use at once
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += in_use.eq(self.weight_in.value)
return in_use
