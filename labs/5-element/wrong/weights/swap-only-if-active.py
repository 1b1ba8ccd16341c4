# first is ignored where there is no activation
shadow = Signal(self.bits)
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += shadow.eq(self.weight_in.value)
weight = Mux(self.activation_in.first & self.activation_in.active, shadow, in_use)
m.d.sync += in_use.eq(weight)
return weight
