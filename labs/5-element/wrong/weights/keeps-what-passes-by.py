# a weight with hops to go is kept too
shadow = Signal(self.bits)
in_use = Signal(self.bits)
with m.If(self.weight_in.valid):
    m.d.sync += shadow.eq(self.weight_in.value)
weight = Mux(self.activation_in.first, shadow, in_use)
m.d.sync += in_use.eq(weight)
return weight
