"""How products pack and tile: columns of pixels in runs, whatever vectors a processor has, and registers counted."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt
import pytest

from tests.compiler.cpu.test_contractions import close, computed, numbers
from weft.compiler.targets.cpu import contraction, microkernels, native
from weft.compiler.targets.cpu.contraction import plan, tile_shape
from weft.compiler.targets.cpu.loops import AccessWindow

PROCESSORS = {"512 bits": (16, 32), "256 bits": (8, 16), "128 bits": (4, 16)}
"""Floats of a vector, and vectors that there are."""


@pytest.fixture(params=PROCESSORS)
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Tilings for such a processor."""
    found = PROCESSORS[request.param]
    monkeypatch.setattr(contraction, "vector_lanes", lambda: found)
    plan.cache_clear(), tile_shape.cache_clear()
    yield found
    plan.cache_clear(), tile_shape.cache_clear()


def windows_product(width: int, step: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Windows of 2 · 3 that go over rows of so many places, as the right operand; and what they give exactly. A
    negative step goes from the last pixel to the first."""
    rows, span = 5, (width - 1) * abs(step) + 3
    image, weights = numbers(3, rows + 1, span), numbers(4, 3, 2, 3)
    seen = np.lib.stride_tricks.sliding_window_view(image, (2, 3), (1, 2))[:, :, :: abs(step)].astype(np.float64)
    wanted = np.einsum("cxyij,ocij->oxy", seen[:, :, ::-1] if step < 0 else seen, weights)
    plane = (rows + 1) * span
    last = (width - 1) * abs(step) if step < 0 else 0
    found = computed(
        (), (4,), (rows, width), (3, 2, 3), (weights, (18, 6, 3, 1)),
        (image.reshape(-1)[last:], (plane, span, 1, span, step)), 1,
    )  # fmt: skip
    return found.reshape(wanted.shape), wanted


@pytest.mark.parametrize("step", [1, 2, 3, -1, -2])
@pytest.mark.parametrize("width", [1, 3, 5, 7, 14, 16, 17, 33])
def test_windows_of_pixels_are_packed_as_they_lie(width: int, step: int, processor: tuple[int, int]) -> None:
    """Of one run and several, of every second pixel, of those that no vectors show; and with gaps that shrink."""
    found, wanted = windows_product(width, step)
    assert close(found, wanted, 18)


def test_columns_whose_gaps_shrink(processor: tuple[int, int]) -> None:
    """Places that lie behind each other, then before all of them: no vector may be read from there on."""
    right = numbers(7, 300)
    left = numbers(5, 7)
    found = computed((), (5,), (3, 12), (7,), (left, (7, 1)), (right.reshape(-1)[100:], (300, -40, 1)), 1)
    seen = np.stack([right[:, 100 - 40 * n : 112 - 40 * n] for n in range(3)], axis=1).astype(np.float64)
    assert close(found, np.einsum("mk,kxy->mxy", left, seen).reshape(5, 36), 7)


PLANTS = {
    "nothing": "",
    "runs that do not fit": "runs.fit = lambda self, most: self.grows",
    "a lane too far": "read = runs._read; runs._read = lambda self, at: read(self, self.b.add(at, i64(1)))",
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_in_packing_is_seen(plant: str) -> None:
    """In a process of its own: kernels of this one call the right code by its name."""
    script = textwrap.dedent(f"""
        from tests.compiler.cpu.test_contractions import close
        from tests.compiler.cpu.test_packing import windows_product
        from weft.compiler.targets.cpu import microkernels, native, packing
        from weft.compiler.targets.cpu.emit import i64
        microkernels.native_module = lambda *names, make: native.compile_module(make())
        runs = packing._Runs
        {PLANTS[plant]}
        print(close(*windows_product(14, 1), 18))
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{plant == 'nothing'}\n"), done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is protected by Linux's mprotect")
def test_nothing_is_read_beyond_the_last_pixel_or_before_the_first() -> None:
    """An image that ends where memory ends, and one that starts where it starts, in a process that may crash."""
    script = textwrap.dedent("""
        import ctypes, mmap
        import numpy as np
        from tests.compiler.cpu.test_contractions import computed, numbers
        libc, page = ctypes.CDLL(None, use_errno=True), mmap.PAGESIZE
        memory = mmap.mmap(-1, 4 * page)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for first in (0, 3):
            assert libc.mprotect(ctypes.c_void_p(base + first * page), page, 0) == 0
        free = np.frombuffer(memory, np.float32)[page // 4 : 3 * page // 4]
        weights = numbers(4, 3, 2, 3)
        for width, step in ((7, 1), (14, 1), (14, 2), (16, 2), (33, 1)):
            span = (width - 1) * step + 3
            size = 3 * 6 * span
            for image in (free[:size], free[-size:]):
                image[:] = 1
                strides = (6 * span, span, 1, span, step)
                found = computed((), (4,), (5, width), (3, 2, 3), (weights, (18, 6, 3, 1)), (image, strides), 1)
                assert np.isfinite(found).all()
        print("fine")
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", (done.returncode, done.stderr)


@pytest.mark.parametrize("by_table", [False, True])
def test_a_tile_fits_into_the_registers(by_table: bool, processor: tuple[int, int]) -> None:
    lanes, registers = processor
    for m, n, k in ((1, 1, 1), (6, 784, 25), (64, 512, 512), (512, 49, 4608), (3136, 64, 576), (10, 64, 512)):
        rows, vectors = tile_shape(m, n, k, by_table)
        assert rows * vectors + vectors + 1 <= registers
        assert rows + (5 if by_table else 3) <= 15, "addresses, of the processors that have fewest"
        tiles = -(-m // rows) * -(-n // (lanes * vectors))
        assert tiles * rows * vectors * lanes >= m * n
    assert 6 % tile_shape(6, 10_000, 100, by_table)[0] == 0, "no rows are summed that nobody asked for"
    narrow = tile_shape(10_000, lanes, 100, by_table)
    assert narrow[1] == 1


@pytest.mark.skipif(not llvm.get_default_triple().startswith("x86_64"), reason="reads x86-64 assembly")
@pytest.mark.parametrize("kind", ["sum", "sum1", "sums"])
@pytest.mark.parametrize(("cpu", "lanes", "tile"), [
    ("skylake-avx512", 16, (10, 2)), ("skylake-avx512", 16, (8, 3)), ("skylake-avx512", 16, (6, 4)),
    ("haswell", 8, (6, 2)), ("haswell", 8, (4, 3)),
])  # fmt: skip
def test_sums_stay_in_registers(kind: str, cpu: str, lanes: int, tile: tuple[int, int]) -> None:
    """No vector goes to the stack and back: a sum that does takes twice as long."""
    assert spilled(kind, cpu, lanes, tile) == 0


@pytest.mark.skipif(not llvm.get_default_triple().startswith("x86_64"), reason="reads x86-64 assembly")
def test_sums_that_leave_the_registers_are_seen() -> None:
    assert spilled("sum", "skylake-avx512", 16, (14, 2)) > 20


def spilled(kind: str, cpu: str, lanes: int, tile: tuple[int, int]) -> int:
    """Instructions that move a vector to or from the stack."""
    native._initialised()
    name = f"weft.{kind}.{lanes}.{tile[0]}.{tile[1]}"
    module = llvm.parse_assembly(str(microkernels._module(name, kind, lanes, *tile)))
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features="", opt=3)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    return sum("rsp" in line and "mm" in line for line in machine.emit_assembly(module).splitlines())


@pytest.mark.parametrize(("images", "size", "run", "depth", "blocks"), [
    (64, 28, 784, 784, 64), (64, 10, 100, 1000, 7), (2, 40, 1600, 800, 4), (1, 8, 64, 64, 1),
])  # fmt: skip
def test_k_is_cut_where_columns_have_gaps(images: int, size: int, run: int, depth: int, blocks: int) -> None:
    """Of the gradient of a kernel: within an image the columns lie along k, from image to image they do not. Several
    images are summed at a time, or pieces of one."""
    plane, wide = size * size, size + 4
    strides = (4 * wide * wide, wide, 1), (5 * plane, size, 1)
    a, b = (AccessWindow(0, "float32", (), (wide * wide, wide, 1, *strides[0])),
            AccessWindow(1, "float32", (), (*strides[1], plane)))  # fmt: skip
    k = (images, size, size)
    tiling = plan((), (4, 5, 5), (5,), k, a, b)
    assert (tiling.transposes, tiling.run, tiling.depth, tiling.blocks) == (True, run, depth, blocks)
    image, gradient = numbers(images, 4, wide, wide), numbers(images, 5, size, size)
    found = computed((), (4, 5, 5), (5,), k, (image, a.strides), (gradient, b.strides), 1)
    seen = np.lib.stride_tricks.sliding_window_view(image, (size, size), (2, 3)).astype(np.float64)
    assert close(found, np.einsum("ncabxy,noxy->cabo", seen, gradient).reshape(100, 5), images * plane)
