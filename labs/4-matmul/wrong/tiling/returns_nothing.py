# the tiling is made, and not returned
best = Tiling(machine.dim, machine.dim, machine.dim)
