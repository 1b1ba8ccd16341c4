# a row that is not active adds its product too
m.d.sync += self.sum_out.eq(total)
