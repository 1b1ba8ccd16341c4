# returns three numbers instead of a Tiling
return machine.dim, machine.dim, machine.dim
