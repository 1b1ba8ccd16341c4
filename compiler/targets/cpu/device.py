"""The CPU device: graphs compiled to fused vector loops and BLAS calls for the processor at hand."""

from __future__ import annotations

from compiler.passes import pipeline
from compiler.targets.cpu.executable import CpuExecutable
from compiler.targets.cpu.threads import ThreadBudget
from framework.graph import Graph


class CpuDevice:
    """Compiles and runs any graph on this machine's processor.

    Attributes:
        name: "cpu".
        threads: the most threads a matrix product uses.
    """

    name = "cpu"

    def __init__(self, threads: int | None = None) -> None:
        """`threads`: None means every core this process may use. Raises DeviceError for an impossible number."""
        self._budget = ThreadBudget(threads)
        self.threads = self._budget.threads

    def compile(self, graph: Graph) -> CpuExecutable:
        """Machine code for `graph`, in its own precision: nothing is rounded that the graph does not round."""
        return CpuExecutable(pipeline.run(graph, "cpu"), self._budget)

    def __repr__(self) -> str:
        return f"cpu(threads={self.threads})"
