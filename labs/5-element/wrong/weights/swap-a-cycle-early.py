# a weight that arrives with first is taken for this tile
shadow = Signal(self.bits)
in_use = Signal(self.bits)
arrives = self.weight_in.valid & (self.weight_in.hops == 0)
newest = Mux(arrives, self.weight_in.value, shadow)
m.d.sync += shadow.eq(newest)
weight = Mux(self.activation_in.first, newest, in_use)
m.d.sync += in_use.eq(weight)
return weight
