# a row that is not active repeats its last sum
with m.If(self.activation_in.active):
    m.d.sync += self.sum_out.eq(total)
