# blocks one tile wide: A is read again for every DIM columns, and the bus cannot keep up
dim = machine.dim
rows = min(m, machine.accumulator.bank_bytes // machine.row_bytes)
return Tiling(rows, dim, 4 * dim)
