# outputs are compared with the inputs of the same cycle
m.d.comb += Assert(self.activation_out.active == self.activation_in.active, "active moves right")
