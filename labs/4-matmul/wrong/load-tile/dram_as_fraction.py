# an address with a fraction: ValueError
code.emit("load", dram=matrix.address / 1, local=sp(local), bytes=columns, count0=rows)
