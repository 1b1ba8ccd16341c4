# loads the whole tile as one run of bytes, as if its rows followed each other in DRAM
code.emit("load", dram=matrix.address + row * matrix.pitch + column, local=sp(local), bytes=rows * columns)
