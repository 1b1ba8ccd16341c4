"""Every metric, registered once: name, unit, formula, denominator. Views show nothing else."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = "share"
"""Unit of a part of a whole: stored as 0 to 1, shown in per cent."""


@dataclass(frozen=True)
class Metric:
    """``key`` is what results call it; ``unit`` is that of the stored value (``SHARE``: 0 to 1); ``formula`` and
    ``denominator`` are what a reader sees when asking what a figure means."""

    key: str
    name: str
    unit: str
    formula: str
    denominator: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain data, as in a result."""
        return {"name": self.name, "unit": self.unit, "formula": self.formula, "denominator": self.denominator}


METRICS = {
    metric.key: metric
    for metric in (
        Metric("cycles", "cycles", "cycles", "cycles from start to halt, the halt's own included"),
        Metric(
            "utilisation", "utilisation", SHARE,
            "useful MACs ÷ (cycles × DIM²); of an operator: ÷ (its active cycles × DIM²)",
            "multiply-accumulates that the whole array could do in those cycles",
        ),
        Metric(
            "useful_macs", "useful MACs", "MACs",
            "rows × columns × depth of every product of the model, padding left out",
        ),
        Metric("macs", "useful MACs", "MACs", "rows × columns × depth of the operator's product, padding left out"),
        Metric(
            "instructions", "instructions", "instructions",
            "load, store, matmul and vector instructions executed, each turn of a loop counted",
        ),
        Metric(
            "active", "active cycles", "cycles",
            "cycles in which at least one instruction of the operator was started and not retired; operators overlap",
        ),
        Metric("wasted", "wasted cycles", "cycles", "active cycles − floor, what it needs; at least 0"),
        Metric("dram_bytes", "DRAM bytes", "bytes", "beats of the operator's loads and stores × bus bytes"),
        Metric(
            "dram_traffic", "DRAM traffic", "bytes",
            "beats of the whole run on DRAM's data channel, loads, stores and fetched instructions × bus bytes",
        ),
        Metric("intensity", "intensity", "MACs/byte", "useful MACs ÷ DRAM bytes", "DRAM bytes"),
        Metric(
            "floor", "floor", "cycles",
            "the most of: Σ max(rows, DIM) of its tiles, beats × cycles a beat, Σ cycles of its vector passes; "
            "in no order could these same instructions take less",
        ),
        Metric("bound", "bound", "", "the resource that makes the floor: matrix, dram or vector"),
        Metric(
            "events", "event cycles", "cycles",
            "cycles that a unit counted as this event; each cycle counts as exactly one, so they add up to cycles",
            "cycles",
        ),
        Metric(
            "live_bytes", "live bytes", "bytes",
            "Σ bytes of the buffers that are live: from the start of the first instruction that touches one to the "
            "retirement of the last",
            "bytes of the memory",
        ),
        Metric(
            "bandwidth", "DRAM bandwidth", "bytes/cycle",
            "beats on DRAM's data channel in a window × bus bytes ÷ cycles of the window",
            "bus bytes ÷ cycles a beat: what the channel can do",
        ),
        Metric("rate", "rate", "MACs/cycle", "useful MACs ÷ active cycles", "active cycles"),
        Metric(
            "saving", "measured saving", "cycles",
            "cycles − those of the changed machine or program, compiled anew where the program's source is known, as "
            "the fast engine times it (÷ how often it does the same work, rounded down); savings do not add up",
        ),
        Metric(
            "concerned", "cycles concerned", "cycles",
            "the cycles that a finding counts, but no more than cycles − what the busiest of array, vector unit and "
            "DRAM channel needs for the work that a cure does not spare; nobody has tried what a cure would save",
        ),
        Metric("share", "share", SHARE, "measured saving, or cycles concerned, ÷ cycles", "cycles"),
        Metric("loss", "loss", "", "the training loss of one batch, before its update"),
        Metric("final_loss", "final loss", "", "mean loss over the batches of the last epoch"),
        Metric("test_accuracy", "test accuracy", SHARE, "test images classified right ÷ test images", "test images"),
        Metric(
            "seconds_per_step", "time per step", "s",
            "wall-clock time of one run of the same graph on this device, compiled, median of several",
        ),
        Metric(
            "break_even_hz", "break-even clock", "Hz",
            "cycles ÷ seconds a step on this device: the clock at which the accelerator is as fast",
            "seconds a step",
        ),
    )
}  # fmt: skip
"""By key."""
