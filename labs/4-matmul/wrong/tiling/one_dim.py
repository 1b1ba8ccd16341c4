# pieces of DIM: correct everywhere, and every instruction does next to nothing
dim = machine.dim
return Tiling(dim, dim, dim)
