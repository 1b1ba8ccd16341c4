"""The accelerator as a device of the framework: graphs compiled to programs and run on an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from weft.compiler.accuracy import ACCEL
from weft.compiler.targets.accel.compile import compile, observable, prepared
from weft.framework.device import Result
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.framework.reference import checked_value
from weft.isa.checker import check
from weft.isa.image import copied
from weft.isa.machine import Machine, load
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.engines import get_engine
from weft.sim.run import Run


class AccelExecutable:
    """A compiled graph: ``program``; ``run_on`` shows the whole machine after one run."""

    def __init__(self, device: AccelDevice, graph: Graph, program: Program) -> None:
        self.device, self.graph, self.program = device, graph, program
        self._updated = {name for name, _ in graph.updates}
        self._image = program.image()

    def validate(self) -> None:
        """Check that the program breaks no rule of the machine, has no race, cannot deadlock. Raises ProgramError."""
        validate(self.program)
        check(self.program)

    def image(self, inputs: Mapping[str, Array]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """A DRAM image with the given value of every input and state in place."""
        dram = copied(self._image)
        for buffer in self.program.buffers:
            if buffer.kind in ("input", "state"):
                node = self.graph.nodes[self.graph.input_names[buffer.name]]
                value = checked_value(node, inputs)
                stored = -value.astype(np.int8) if node.dtype.kind == "bool" else value
                buffer.write(dram, stored)
        return dram

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        """Run once on the device's engine (see ``framework.device.Executable``)."""
        run = self.device.engine.run(self.program, self.image(inputs), trace=self.device.trace)
        self.device.last_program, self.device.last_run = self.program, run
        self.device.total_cycles += run.cycles
        outputs = {name: self._read(name, i, "output", run) for name, i in self.graph.outputs}
        return Result(outputs, {name: self._read(name, i, "state", run) for name, i in self.graph.updates})

    def _read(self, name: str, index: int, kind: str, run: Run) -> Array:
        buffer = next(
            b for b in self.program.buffers
            if (b.kind == "output") == (kind == "output") and b.name in (name, f"{name} (output)")
        )  # fmt: skip
        value = buffer.read(run.dram)
        return value != 0 if self.graph.nodes[index].dtype.kind == "bool" else value


_KEPT = 256
"""Programs that a device keeps: as many as ``framework.device.compiled`` does."""


class AccelDevice:
    """Runs graphs on a simulated machine.

    machine: a preset's name, a TOML file's path, or a Machine. engine: "fast", "rtl", "pysim" or "interp". trace:
    whether runs keep when each instruction started and retired. tune: see ``compile``.

    After a run ``last_program`` and ``last_run`` hold it for figures; ``total_cycles`` adds up over runs.
    """

    name = "accel"
    accuracy = ACCEL

    def __init__(
        self, machine: str | Path | Machine = "edu", engine: str = "fast", trace: bool = True, tune: bool = True
    ) -> None:
        self.machine = machine if isinstance(machine, Machine) else load(machine)
        self.engine = get_engine(engine)
        self.trace, self.tune = trace, tune
        self.last_program: Program | None = None
        self.last_run: Run | None = None
        self.total_cycles = 0
        self._compiled: dict[str, AccelExecutable] = {}

    def prepared(self, graph: Graph) -> Graph:
        """The graph that is lowered."""
        return prepared(graph)

    def observable(self, graph: Graph) -> list[int]:
        """The nodes of a prepared graph whose values can be handed out: all that are not just other ways of reading."""
        return observable(graph)

    def compile(self, graph: Graph) -> AccelExecutable:
        """The executable of ``graph``, compiled once for equal graphs. Raises CompileError."""
        key = graph.digest()
        if key not in self._compiled:
            if len(self._compiled) >= _KEPT:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[key] = AccelExecutable(self, graph, compile(graph, self.machine, tune=self.tune))
        return self._compiled[key]

    def __repr__(self) -> str:
        return f"accel({self.machine.name}, {self.engine.name})"
