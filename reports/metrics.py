"""Every derived metric, registered once: name, unit, formula, denominator. Views show nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """``formula`` and ``denominator`` are what a reader sees when asking what a figure means."""

    name: str
    unit: str
    formula: str
    denominator: str = ""


METRICS = {
    metric.name: metric
    for metric in (
        Metric("cycles", "cycles", "cycles from start to halt, the halt's own included"),
        Metric("utilisation", "%", "useful multiply-accumulates ÷ (cycles × DIM²)", "what the whole array could do"),
        Metric("useful MACs", "MACs", "rows × columns × depth of every product of the model, without padding"),
        Metric("active", "cycles", "cycles in which at least one instruction of the operator was started, not retired"),
        Metric("wasted", "cycles", "active × (1 − utilisation)", "active cycles"),
        Metric("DRAM bytes", "bytes", "data beats × bus bytes, instruction fetch left out of an operator's figure"),
        Metric("intensity", "MACs/byte", "useful MACs ÷ DRAM bytes", "DRAM bytes"),
        Metric("busy", "%", "cycles of the unit's busy event ÷ cycles", "cycles"),
        Metric("stall", "%", "cycles of one stall cause ÷ cycles", "cycles"),
        Metric("simulation speed", "cycles/s", "simulated cycles ÷ wall-clock seconds of the engine", "seconds"),
    )
}
