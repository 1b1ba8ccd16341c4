# all rows but the first come a cycle late
for inputs, outputs in ((self.activations, self.activations_out), (self.weights, self.weights_out)):
    for k in range(self.rows):
        late = inputs[k]
        for _ in range(min(k, 1)):
            register = Signal.like(late)
            m.d.sync += register.eq(late)
            late = register
        m.d.comb += outputs[k].eq(late)
