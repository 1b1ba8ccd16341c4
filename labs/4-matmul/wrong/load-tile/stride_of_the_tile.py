# steps through DRAM by the width of the tile instead of the pitch of the matrix
code.emit(
    "load",
    dram=matrix.address + row * matrix.pitch + column,
    local=sp(local),
    bytes=columns,
    count0=rows,
    dram_stride0=local_pitch(code.machine, columns),
    local_stride0=local_pitch(code.machine, columns),
)
