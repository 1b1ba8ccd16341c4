"""A model as a table: what it consists of, how many parameters that has, and what goes out of each part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft.framework.lazy import no_grad
from weft.framework.tensor import Tensor
from weft.framework.tree import leaves

if TYPE_CHECKING:
    from weft.framework.module import Module


def summary(model: Module, inputs: tuple[Any, ...]) -> str:
    """The table as text; see ``Module.summary``."""
    made = _outputs(model, inputs) if inputs else {}
    rows = [("module", "class", "output", "parameters")]
    for path, module in model.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        rows.append((path or "(whole)", type(module).__name__, made.get(id(module), ""), f"{own:,}" if own else ""))
    kept = [column for column in range(4) if inputs or rows[0][column] != "output"]
    widths = {c: max(len(row[c]) for row in rows) for c in kept}
    lines = ["  ".join(row[c].rjust(widths[c]) if c == 3 else row[c].ljust(widths[c]) for c in kept) for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    total = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    held = sum(t.numel() * t.dtype.itemsize for _, t in model.named_state())
    lines += [lines[1], f"{total:,} parameters, {trained:,} trained; {held:,} bytes with buffers"]
    return "\n".join(line.rstrip() for line in lines)


def _outputs(model: Module, inputs: tuple[Any, ...]) -> dict[int, str]:
    """What each module gave when the model was called, by the module's id; a module called again, its last."""
    found: dict[int, str] = {}

    def note(module: Module, args: tuple[Any, ...], output: Any) -> None:
        tensors = [part for _, part in leaves(output) if isinstance(part, Tensor)]
        found[id(module)] = ", ".join(f"{t.dtype}{list(t.shape)}" for t in tensors)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
