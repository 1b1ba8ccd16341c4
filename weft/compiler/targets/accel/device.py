"""The accelerator as a device of the framework: graphs compiled to programs and run on an engine."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from weft.compiler.accuracy import ACCEL
from weft.compiler.targets.accel.capabilities import CAPABILITIES
from weft.compiler.targets.accel.compile import compile, observable, prepared
from weft.compiler.targets.accel.dram import DramArray, ProgramMemory, write
from weft.framework.device import DeviceArray, Result, Value, host
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.framework.reference import checked_value
from weft.isa.checker import check
from weft.isa.image import Bytes, copied
from weft.isa.machine import Machine, load
from weft.isa.program import Program
from weft.isa.validator import validate
from weft.sim.engines import get_engine
from weft.sim.run import Run


class AccelExecutable:
    """A compiled graph: ``program``; ``memory``, its DRAM between runs. Callable from several threads."""

    def __init__(self, device: AccelDevice, graph: Graph, program: Program) -> None:
        self.device, self.graph, self.program = device, graph, program
        self._image = program.image()
        given = {b.name: b for b in program.buffers if b.kind in ("input", "state")}
        names = [graph.nodes[i].attr("name") for i in graph.inputs]
        # One that nothing depends on has no buffer.
        self._regions = [(given.get(name), graph.nodes[i]) for name, i in zip(names, graph.inputs, strict=True)]
        made = {b.name.removesuffix(" (output)"): b for b in program.buffers if b.kind == "output"}
        self._outputs = [(made[name], graph.nodes[i]) for name, i in graph.outputs]
        self._updates = [(names.index(name), given[name], graph.nodes[i]) for name, i in graph.updates]
        self._lock = threading.Lock()
        self.memory = ProgramMemory(device, self._image, self._regions)

    def validate(self) -> None:
        """Check that the program breaks no rule of the machine, has no race, cannot deadlock. Raises ProgramError."""
        validate(self.program)
        check(self.program)

    def image(self, inputs: Mapping[str, Array]) -> Bytes:
        """A DRAM image with the given value of every input and state in place."""
        dram = copied(self._image)
        for buffer, node in self._regions:
            if buffer is not None:
                write(buffer, node, checked_value(node, inputs), dram)
        return dram

    def run(self, values: Sequence[Value]) -> list[Value]:
        """Run once on the device's engine; see ``framework.device.Executable``. What it gives stays in DRAM."""
        device = self.device
        with self._lock:
            run = device.engine.run(self.program, self.memory.filled(values), trace=device.trace)
            outputs = [DramArray.in_region(device, node, buffer, run.dram) for buffer, node in self._outputs]
            states = [DramArray.in_region(device, node, buffer, run.dram) for _, buffer, node in self._updates]
            places = [place for place, _, _ in self._updates]
            self.memory.ran(run.dram, list(zip(places, states, strict=True)), outputs)
        device.last_program, device.last_run = self.program, run
        device.total_cycles += run.cycles
        return [*outputs, *states]

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        """Run once; see ``framework.device.Executable``."""
        values = [checked_value(node, inputs).copy() for _, node in self._regions]  # the caller's may change
        results = [host(value) for value in self.run(values)]
        names = [name for name, _ in (*self.graph.outputs, *self.graph.updates)]
        split, pairs = len(self._outputs), list(zip(names, results, strict=True))
        return Result(dict(pairs[:split]), dict(pairs[split:]))


_KEPT = 256
"""Programs that a device keeps: as many as ``framework.device.compiled`` does."""


class AccelDevice:
    """Runs graphs on a simulated machine, in whose DRAM values stay until the host asks for one.

    machine: a preset's name, a TOML file's path, or a Machine. engine: "fast", "rtl", "pysim" or "interp". trace:
    whether runs keep when each instruction started and retired. tune: see ``compile``.

    After a run ``last_program`` and ``last_run`` hold it for figures; ``total_cycles`` adds up over runs.
    """

    name = "accel"
    accuracy = ACCEL
    capabilities = CAPABILITIES

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

    def put(self, array: Array) -> DramArray:
        """A handle of a copy of ``array``."""
        return DramArray(self, array)

    def get(self, handle: DeviceArray) -> Array:
        """What a handle holds, copied out of DRAM if it lies there."""
        assert isinstance(handle, DramArray)
        return handle.read()

    def __repr__(self) -> str:
        return f"accel({self.machine.name}, {self.engine.name})"
