# packs the rows of the tile without rounding up to beats
code.emit(
    "load",
    dram=matrix.address + row * matrix.pitch + column,
    local=sp(local),
    bytes=columns,
    count0=rows,
    dram_stride0=matrix.pitch,
    local_stride0=columns,
)
