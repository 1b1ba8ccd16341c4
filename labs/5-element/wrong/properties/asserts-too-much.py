# the value of what is not active is asserted too
activation = past(m, self.activation_in)
m.d.comb += Assert(self.activation_out == activation, "all of an activation moves right")
