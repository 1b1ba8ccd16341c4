# only the first row meets the new weight: it is not kept
shadow = Signal(self.bits)
in_use = Signal(self.bits)
with m.If(self.weight_in.valid & (self.weight_in.hops == 0)):
    m.d.sync += [shadow.eq(self.weight_in.value), in_use.eq(shadow)]
return Mux(self.activation_in.first, shadow, in_use)
