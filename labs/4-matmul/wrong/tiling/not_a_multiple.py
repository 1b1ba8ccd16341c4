# cuts columns and depth to the problem, so that they are no multiples of DIM
dim = machine.dim
rows = min(m, machine.accumulator.bank_bytes // machine.row_bytes)
return Tiling(rows, min(n, 2 * dim), min(k, 4 * dim))
