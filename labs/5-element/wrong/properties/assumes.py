# the inputs are assumed to be harmless, instead of asserting what holds for all
from amaranth.hdl import Assume

m.d.comb += [Assume(self.sum_in == 0), Assert(self.sum_out == 0, "no sum")]
