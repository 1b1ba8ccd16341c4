# good for the three measured sizes, and pieces of DIM for all others
known = {(100, 36): Tiling(50, 8, 32), (37, 23): Tiling(37, 8, 24), (100, 200): Tiling(50, 24, 24)}
return known.get((m, n), Tiling(machine.dim, machine.dim, machine.dim))
