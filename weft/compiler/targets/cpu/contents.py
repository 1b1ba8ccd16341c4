"""The check of shared memory: every step reads what it should, and every result is there at the end."""

from __future__ import annotations

from weft.compiler.contents import Bytes, Contents
from weft.compiler.errors import InternalError
from weft.compiler.targets.cpu.buffers import pointwise, reads, same_place, writes
from weft.compiler.targets.cpu.contraction import Contraction
from weft.compiler.targets.cpu.lower import Lowered
from weft.compiler.targets.cpu.memory import MemoryPlan


def check_contents(before: Lowered, after: Lowered, plan: MemoryPlan) -> None:
    """Follow all steps in program order.

    before: as lowered, every value in a buffer of its own. after: the same steps in shared buffers, whose temporaries
    lie where ``plan`` says. Raises InternalError naming the step.
    """

    def place(buffer: int) -> Bytes:
        found = after.buffers[buffer]
        if found.kind != "temporary":
            return Bytes(f"{found.kind} {found.number}", 0, max(found.size, 1))
        return Bytes("arena", plan.offsets[buffer], plan.offsets[buffer] + max(found.size, 1))

    contents = Contents()
    for number, (own, shared) in enumerate(zip(before.steps, after.steps, strict=True)):
        where = f"step {number} of {len(after.steps)}"
        taken = list(zip(reads(own), reads(shared), strict=True))
        made = list(zip(writes(own), writes(shared), strict=True))
        for wanted, seen in taken:
            if after.buffers[seen.buffer].kind in ("input", "constant"):
                continue
            found = contents.at(place(seen.buffer))
            if found != wanted.buffer:
                raise InternalError(where, f"memory: it reads value {wanted.buffer} where value {found} lies")
        loop = pointwise(shared)
        whole = {store.window for store in loop.stores if not store.combine} if loop is not None else set()
        steady = {shared.a, shared.b} if isinstance(shared, Contraction) else set()  # read while results are written
        for target, out in made:
            for wanted, seen in taken:
                safe = (
                    out in whole and seen not in steady and seen.buffer == out.buffer and same_place(seen, out)
                )
                if not safe and place(seen.buffer).meets(place(out.buffer)):
                    raise InternalError(
                        where, f"memory: value {target.buffer} lies where it still reads value {wanted.buffer}"
                    )
        for target, out in made:
            contents.write(place(out.buffer), target.buffer)
    for buffer, owner in _results(before, after).items():
        if contents.at(place(buffer)) != owner:
            raise InternalError(f"result {after.buffers[buffer].number}", "memory: another value lies in its place")


def _results(before: Lowered, after: Lowered) -> dict[int, int]:
    """For each output buffer the value that it must hold at the end."""
    found: dict[int, int] = {}
    for own, shared in zip(before.steps, after.steps, strict=True):
        for target, out in zip(writes(own), writes(shared), strict=True):
            if before.buffers[target.buffer].kind == "output":
                found[out.buffer] = target.buffer
    return found
