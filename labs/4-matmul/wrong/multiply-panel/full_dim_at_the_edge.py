# takes k and n to be DIM at the ragged edges and multiplies what lies behind the panel
dim = code.machine.dim
a_pitch = local_pitch(code.machine, step.depth)
b_pitch = local_pitch(code.machine, step.columns)
for tile in range(-(-step.columns // dim)):
    for part in range(-(-step.depth // dim)):
        code.emit(
            "matmul",
            type="int8",
            a=sp(layout.a(place) + part * dim),
            a_stride0=a_pitch,
            w=sp(layout.b(place) + part * dim * b_pitch + tile * dim),
            w_stride=b_pitch,
            d=acc(layout.c(c_place, tile)),
            d_stride0=code.machine.row_bytes,
            count0=step.rows,
            k=dim,
            n=dim,
            accumulate="no" if step.first and part == 0 else "yes",
        )
