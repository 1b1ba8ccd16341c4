# the shadow has a sign and the weight in use has none: the choice between both is a bit too wide
shadow = Signal(Value.cast(self.weight_in.value).as_signed().shape())
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += shadow.eq(self.weight_in.value)
weight = Mux(self.activation_in.first, shadow, in_use)
m.d.sync += in_use.eq(weight)
return weight
