"""A hardware engineer's loop: write a program in assembly, see when each instruction ran, check it against the RTL.

python examples/check_engines.py --engines fast,interp
python examples/check_engines.py --engines fast,rtl,interp --rows 12      (needs weftml[rtl] and g++)
"""

import argparse

import numpy as np

import weft

PROGRAM = """
.machine nano
.buffer X input  int8  {n}x4 @0x0000
.buffer W input  int8  4x4      @0x1000
.buffer Y output int32 {n}x4 @0x2000
.entry 0x4000
load   dram=0x1000 local=sp[0x800] bytes=16
load   dram=0x0000 local=sp[0x0] bytes={bytes} post=s0
matmul type=int8 a=sp[0x0] a_stride0=4 w=sp[0x800] w_stride=4 d=acc[0x0] d_stride0=16 count0={n} k=4 n=4 wait=s0 post=s1
store  dram=0x2000 local=acc[0x0] bytes=16 count0={n} dram_stride0=16 local_stride0=16 wait=s1
halt
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", default="fast,interp", help="the first is compared with each of the others")
    parser.add_argument("--rows", type=int, default=8)
    options = parser.parse_args()

    text = PROGRAM.format(n=options.rows, bytes=4 * options.rows)
    program = weft.assemble(text, "example.s")
    rng = np.random.default_rng(0)
    x, w = rng.integers(-128, 128, (options.rows, 4)), rng.integers(-128, 128, (4, 4))
    image = program.image()
    program.buffer("X").write(image, x.astype(np.int8))
    program.buffer("W").write(image, w.astype(np.int8))

    engines = [weft.get_engine(name) for name in options.engines.split(",")]
    run = engines[0].run(program, image)
    print(f"{'instruction':12} {'dispatch':>8} {'start':>6} {'retire':>6}")
    assert run.trace is not None  # only run(program, trace=False) leaves it out
    for pc, *cycles in zip(run.trace.pc, run.trace.dispatch, run.trace.start, run.trace.retire, strict=True):
        print(f"{program.instructions[pc].name:12} {cycles[0]:8} {cycles[1]:6} {cycles[2]:6}")

    right = np.array_equal(program.buffer("Y").read(run.dram), x @ w)
    comparison = weft.verify(program, engines, image)
    print(f"\n{run.cycles} cycles; the product is {'right' if right else 'WRONG'}")
    print("\n  ".join([f"{options.engines}: {'equal' if comparison.equal else 'DIFFERENT'}", *comparison.differences]))


if __name__ == "__main__":
    main()
