"""One graph on one device for several steps: every node judged, then the fused program against the judged values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weft.compiler.check import check_nodes, flushed
from weft.compiler.errors import CompileError, InternalError
from weft.compiler.fuzz.drift import apart, drift
from weft.compiler.fuzz.subjects import Subject
from weft.framework.graph import Graph
from weft.framework.primitives.base import Array
from weft.framework.reference import operands, reference_node

STEPS = 3


@dataclass(frozen=True)
class Mismatch:
    """Something that must not be. ``kind``: "node" (beyond its bound), "fused" (a result differs from the judged
    value), "refusal" (one that does not say which node), "crash" (no clean refusal). ``values``: what it met."""

    device: str
    kind: str
    text: str
    step: int
    values: Mapping[str, Array]


@dataclass(frozen=True)
class Verdict:
    """What became of a graph on a device: a problem, a clean refusal, or (neither) all right. ``nodes``: judged."""

    device: str
    problem: Mismatch | None = None
    refusal: str | None = None
    nodes: int = 0


def reason(text: str) -> str:
    """A refusal without its node and its numbers, to be counted by."""
    text = re.sub(r"^.*?the accelerator cannot run this: ", "", text, flags=re.S)
    text = re.sub(r"^%\d+ [^:]*: ", "", text)
    text = re.sub(r"\[[\d, ]*\]", "[…]", text)
    text = re.sub(r"\b\d+\b", "n", text)
    return text.split("; nearest")[0].split(" of […]")[0] if "does not fit" in text else text.split("; nearest")[0]


def judge(subject: Subject, graph: Graph, values: Mapping[str, Array], steps: int = STEPS) -> Verdict:
    """Run ``steps`` steps, each from the states that the device itself made, and judge all of them."""
    current, nodes, step = dict(values), 0, 0
    try:
        prepared = subject.prepared(graph)
        for step in range(steps):
            found = subject.observe(prepared, current)
            nodes += len(found) - len(prepared.inputs)
            errors = check_nodes(prepared, found, subject.accuracy)
            if errors:
                text = f"{errors[0].text} ({errors[0].ratio:.3g} bounds)"
                return Verdict(subject.name, Mismatch(subject.name, "node", text, step, current))
            result = subject.run(graph, current)
            text = _difference(prepared, subject, found, result.outputs, result.state)
            if text:
                return Verdict(subject.name, Mismatch(subject.name, "fused", text, step, current))
            current |= result.state
    except InternalError as error:
        return Verdict(subject.name, Mismatch(subject.name, "crash", str(error), step, current))
    except CompileError as error:
        if not re.search(r"%\d+ |needs \d+ bytes of DRAM", str(error)):
            return Verdict(subject.name, Mismatch(subject.name, "refusal", f"names no node: {error}", step, current))
        return Verdict(subject.name, refusal=str(error))
    except Exception as error:  # whatever it is, a user would meet it
        text = f"{type(error).__name__}: {error}"
        return Verdict(subject.name, Mismatch(subject.name, "crash", text, step, current))
    return Verdict(subject.name, nodes=nodes)


def _difference(
    graph: Graph, subject: Subject, found: dict[int, Array], outputs: Mapping[str, Array], state: Mapping[str, Array]
) -> str:
    """How the results of the fused program differ from the judged values; "" if they do not."""
    known = dict(found)
    for index, node in enumerate(graph.nodes):
        sources = operands(graph, index)
        if index not in known and not node.further and all(i in known for i in sources):
            known[index] = reference_node(graph, index, [known[i] for i in sources], float64=False)
    allowed = drift(graph, known, subject.accuracy)
    for kind, pairs, results in (("output", graph.outputs, outputs), ("state", graph.updates, state)):
        for name, index in pairs:
            if index not in known:
                continue
            got, seen = np.asarray(results[name]), known[index]
            node = graph.nodes[index]
            if got.shape != node.shape or got.dtype != node.dtype.numpy:
                return f"{kind} {name} is {got.dtype}{list(got.shape)}, %{index} is {node.type_text}"
            # Where numbers below 2**-126 may become zero anywhere, one that was only moved may or may not have.
            compared = flushed([got, seen]) if subject.accuracy.flushes else [got, seen]
            wrong = apart(compared[0], compared[1], allowed[index])
            if wrong.any():
                at = np.unravel_index(int(wrong.argmax()), wrong.shape)
                return (
                    f"{kind} {name} = %{index}: element {list(map(int, at))} is {got[at]}; handed out alone it is "
                    f"{seen[at]} (allowed: {np.broadcast_to(allowed[index], wrong.shape)[at]:.3g})"
                )
    return ""
