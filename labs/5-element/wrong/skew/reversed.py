# the lowest row comes first
for inputs, outputs in ((self.activations, self.activations_out), (self.weights, self.weights_out)):
    for k in range(self.rows):
        late = inputs[k]
        for _ in range(self.rows - 1 - k):
            register = Signal.like(late)
            m.d.sync += register.eq(late)
            late = register
        m.d.comb += outputs[k].eq(late)
