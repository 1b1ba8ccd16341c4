"""Running a graph on the accelerator so that every node can be judged."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from weft.compiler.accuracy import ACCEL
from weft.compiler.check import check_nodes
from weft.compiler.targets.accel.compile import compile, prepared
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.isa.checker import check
from weft.isa.machine import Machine
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.fast.engine import FastEngine
from weft.sim.run import Engine


@functools.cache
def fast() -> FastEngine:
    """One fast engine for all tests, so that its kernels compile once."""
    return FastEngine()


def image(program: Program, values: Mapping[str, Array]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """A DRAM image with inputs and states in place."""
    dram = program.image()
    for buffer in program.buffers:
        if buffer.kind in ("input", "state"):
            value = values[buffer.name]
            buffer.write(dram, -value.astype(np.int8) if value.dtype == np.bool_ else value)
    return dram


def sound(program: Program) -> Program:
    """The program, which breaks no rule, has no race and cannot deadlock."""
    validate(program)
    check(program)
    return program


def observe(
    graph: Graph, machine: Machine, values: Mapping[str, Array], engine: Engine | None = None
) -> dict[int, Array]:
    """The value of every node of the prepared graph that is computed, by index, inputs included."""
    program = sound(compile(graph, machine, keep="all"))
    run = (engine or fast()).run(program, image(program, values), trace=False)
    seen = prepared(graph)
    found: dict[int, Array] = {index: values[name] for name, index in seen.input_names.items()}
    for buffer in program.buffers:
        if buffer.kind == "output" and buffer.name.startswith("%"):
            value = buffer.read(run.dram)
            index = int(buffer.name[1:])
            found[index] = value != 0 if seen.nodes[index].dtype.kind == "bool" else value
    return found


def judged(graph: Graph, machine: Machine, values: Mapping[str, Array], engine: Engine | None = None) -> int:
    """Check every node of a graph against float64; how many there were."""
    found = observe(graph, machine, values, engine)
    errors = check_nodes(prepared(graph), found, ACCEL)
    assert not errors, "\n".join(f"{e.text} ({e.ratio:.3g} bounds)" for e in errors[:5])
    return len(found)





def results(graph: Graph, machine: Machine, values: Mapping[str, Array]) -> dict[str, Array]:
    """Outputs and updated states by name of the program as users get it, everything fused."""
    program = sound(compile(graph, machine))
    run = fast().run(program, image(program, values), trace=False)
    kinds = {name: graph.nodes[i].dtype.kind for name, i in (*graph.outputs, *graph.updates)}
    names = {b.name.removesuffix(" (output)"): b for b in program.buffers if b.kind in ("output", "state")}
    found = {name: names[name].read(run.dram) for name in kinds}
    return {name: value != 0 if kinds[name] == "bool" else value for name, value in found.items()}
