# weights have no skew
m.d.comb += self.weights_out.eq(self.weights)
for k in range(self.rows):
    late = self.activations[k]
    for _ in range(k):
        register = Signal.like(late)
        m.d.sync += register.eq(late)
        late = register
    m.d.comb += self.activations_out[k].eq(late)
