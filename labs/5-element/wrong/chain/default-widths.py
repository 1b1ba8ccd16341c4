# the elements have the default widths, not those of the column
above: Value = Const(0, self.sum_bits)
for k in range(self.rows):
    m.submodules[f"element_{k}"] = element = Element()
    m.d.comb += [
        element.activation_in.eq(self.activations[k]),
        element.weight_in.eq(self.weights[k]),
        element.sum_in.eq(above),
        self.activations_out[k].eq(element.activation_out),
        self.weights_out[k].eq(element.weight_out),
    ]
    above = element.sum_out
m.d.comb += self.sum.eq(above)
