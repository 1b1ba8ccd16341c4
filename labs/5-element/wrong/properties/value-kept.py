# what is not promised is asserted: that a value stays as it was where nothing is active
activation = past(m, self.activation_in)
with m.If(~activation.active):
    m.d.comb += Assert(self.activation_out.value == past(m, self.activation_out.value), "value kept")
