# forgets the first column: every tile comes from the left edge
code.emit(
    "load",
    dram=matrix.address + row * matrix.pitch,
    local=sp(local),
    bytes=columns,
    count0=rows,
    dram_stride0=matrix.pitch,
    local_stride0=local_pitch(code.machine, columns),
)
