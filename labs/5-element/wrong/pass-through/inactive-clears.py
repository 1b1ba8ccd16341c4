# a row that is not active loses the sum
m.d.sync += self.sum_out.eq(Mux(self.activation_in.active, total, 0))
