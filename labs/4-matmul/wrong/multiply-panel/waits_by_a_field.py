# writes the wait as a field: ValueError
code.emit("matmul", type="int8", a=sp(layout.a(place)), w=sp(layout.b(place)), d=acc(0), wait=("s0",))
