# divides with /, so that rows is no whole number
return Tiling(m / 2, machine.dim, machine.dim)
