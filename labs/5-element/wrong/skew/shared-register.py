# rows share one chain of registers, so that row 0 runs down the column
for inputs, outputs in ((self.activations, self.activations_out), (self.weights, self.weights_out)):
    late = inputs[0]
    m.d.comb += outputs[0].eq(late)
    for k in range(1, self.rows):
        register = Signal.like(late)
        m.d.sync += register.eq(late)
        late = register
        m.d.comb += outputs[k].eq(late)
