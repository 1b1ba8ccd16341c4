# the sum leaves in the cycle in which it comes in
m.d.comb += self.sum_out.eq(Mux(self.activation_in.active, total, self.sum_in))
