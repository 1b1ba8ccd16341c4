# the shadow has 8 bits, whatever the width of the numbers
shadow = Signal(8)
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += shadow.eq(self.weight_in.value)
weight = Signal(self.bits)
m.d.comb += weight.eq(Mux(self.activation_in.first, shadow, in_use))
m.d.sync += in_use.eq(weight)
return weight
