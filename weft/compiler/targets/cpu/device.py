"""The CPU device: graphs compiled to fused vector loops and BLAS calls for the processor at hand."""

from __future__ import annotations

from weft.compiler.accuracy import CPU
from weft.compiler.errors import failing_at
from weft.compiler.passes import pipeline
from weft.compiler.targets.cpu.capabilities import CAPABILITIES
from weft.compiler.targets.cpu.executable import CpuExecutable
from weft.compiler.targets.cpu.threads import ThreadBudget
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph

_PIPELINES = {"own": "cpu", "bf16": "accel"}
"""What is asked for → the passes that run."""


class CpuDevice:
    """Compiles and runs any graph on this machine's processor.

    Attributes:
        name: "cpu".
        accuracy: what is stated of its functions. capabilities: what it runs in code of its own.
        threads: the most threads that a graph is computed on, the caller's among them. The results are the same to the
            bit for any number.
        precision: "own" runs a graph as it is written; "bf16" first rounds the operands of its products to bf16, by the
            same pass as the accelerator's, so that both run the same graph.
    """

    name = "cpu"
    accuracy = CPU
    capabilities = CAPABILITIES

    def __init__(self, threads: int | None = None, precision: str = "own") -> None:
        """`threads`: None means what OMP_NUM_THREADS says, or every core this process may use. Raises DeviceError for
        an impossible option."""
        if precision not in _PIPELINES:
            raise DeviceError(f"cpu: precision is {' or '.join(map(repr, _PIPELINES))}, not {precision!r}")
        self.precision = precision
        self._budget = ThreadBudget(threads)
        self.threads = self._budget.threads

    def prepared(self, graph: Graph) -> Graph:
        """The graph that is lowered: after the passes of the precision asked for."""
        return pipeline.run(graph, _PIPELINES[self.precision])

    def compile(self, graph: Graph) -> CpuExecutable:
        """Machine code for `graph`: nothing is rounded that the graph, or the precision asked for, does not round."""
        with failing_at(lambda: f"graph of {len(graph.nodes)} nodes"):
            return CpuExecutable(self.prepared(graph), self._budget)

    def __repr__(self) -> str:
        return f"cpu(threads={self.threads})"
