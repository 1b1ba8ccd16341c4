"""Trees of hardware loops over instructions: built nested, peeled where needed, flattened for a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from weft.isa.encoding import Instruction, make
from weft.isa.fields import LOOP_LEVELS
from weft.isa.operands import OPERANDS


@dataclass(frozen=True)
class HardwareLoop:
    """``body`` ``count`` times; each iteration adds ``step[operand]`` bytes to that address of every instruction."""

    count: int
    body: tuple[Node, ...]
    step: Mapping[str, int]


Node: TypeAlias = "Instruction | HardwareLoop"


def change(instruction: Instruction, **values: int) -> Instruction:
    """The instruction with some field values replaced (not range checked: masks, addresses, increments)."""
    return Instruction(
        instruction.name, MappingProxyType({**instruction.fields, **values}), instruction.source
    )


def shift(node: Node, step: Mapping[str, int], times: int = 1) -> Node:
    """The node with every address moved by ``times`` steps."""
    if times == 0 or not any(step.values()):
        return node
    if isinstance(node, HardwareLoop):
        return HardwareLoop(node.count, tuple(shift(child, step, times) for child in node.body), node.step)
    moved = {o: node[o] + times * step[o] for o in (p.field for p in OPERANDS[node.name]) if step.get(o)}
    return change(node, **moved)


def _iteration(loop: HardwareLoop, index: int) -> tuple[Node, ...]:
    return tuple(shift(node, loop.step, index) for node in loop.body)


def _rest(loop: HardwareLoop, first: int, count: int) -> tuple[Node, ...]:
    """``count`` iterations from ``first`` on."""
    if count <= 0:
        return ()
    body = _iteration(loop, first)
    return body if count == 1 else (HardwareLoop(count, body, loop.step),)


def peel_first(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The same work with an instruction outside all loops at the front."""
    head, *tail = nodes
    if isinstance(head, Instruction):
        return tuple(nodes)
    return (*peel_first(_iteration(head, 0)), *_rest(head, 1, head.count - 1), *tail)


def peel_last(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The same work with an instruction outside all loops at the end."""
    *front, last = nodes
    if isinstance(last, Instruction):
        return tuple(nodes)
    return (*front, *_rest(last, 0, last.count - 1), *peel_last(_iteration(last, last.count - 1)))


def leaves(
    nodes: Sequence[Node], around: tuple[HardwareLoop, ...] = ()
) -> Iterator[tuple[Instruction, tuple[HardwareLoop, ...]]]:
    """Every instruction with the loops around it, outermost first."""
    for node in nodes:
        if isinstance(node, HardwareLoop):
            yield from leaves(node.body, (*around, node))
        else:
            yield node, around


def executed(nodes: Sequence[Node]) -> int:
    """Instructions that run, each as often as it does."""
    return sum(node.count * executed(node.body) if isinstance(node, HardwareLoop) else 1 for node in nodes)


def flatten(nodes: Sequence[Node], buffer: int, depth: int = 0) -> list[Instruction]:
    """Instructions with ``loop`` and ``end``; a loop that saves nothing, does not fit the loop buffer of ``buffer``
    instructions or would nest too deep is written out."""
    result: list[Instruction] = []
    for node in nodes:
        if isinstance(node, Instruction):
            result.append(node)
            continue
        body = flatten(node.body, buffer, depth + 1) if depth < LOOP_LEVELS else []
        if depth >= LOOP_LEVELS or node.count * len(body) <= len(body) + 2 or len(body) + 1 > buffer:
            for index in range(node.count):
                result += flatten(_iteration(node, index), buffer, depth)
            continue
        result.append(make("loop", count=node.count))
        result += [_looped(instruction, node.step, depth) for instruction in body]
        result.append(make("end"))
    return result


def _looped(instruction: Instruction, step: Mapping[str, int], depth: int) -> Instruction:
    """The instruction with the increments that a loop at ``depth`` makes."""
    values: dict[str, int] = {}
    for operand in (o.field for o in OPERANDS.get(instruction.name, ())):
        if not step.get(operand):
            continue
        if f"{operand}_level" in instruction.fields:
            values |= {f"{operand}_inc": step[operand], f"{operand}_level": depth}
        else:
            values[f"{operand}_inc{depth}"] = step[operand]
    return change(instruction, **values) if values else instruction
