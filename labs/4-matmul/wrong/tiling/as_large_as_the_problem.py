# takes the whole problem as one block, whether or not it fits
dim = machine.dim
return Tiling(m, -(-n // dim) * dim, -(-k // dim) * dim)
