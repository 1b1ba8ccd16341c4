"""A module's state as arrays by name, and back: all of it or, if asked for, as much as there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from weft.framework.checkpoint import fitted
from weft.framework.errors import CheckpointError
from weft.framework.module_parts import ModuleParts
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What a state that was loaded had too little and too much."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class ModuleState(ModuleParts):
    """The part of a module that saves and loads."""

    _unsaved: set[str]

    def _saved(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """What a state has, by dotted path: every parameter, and the buffers that are not left out."""
        for path, module in self._walk():
            for kind in ("_parameters", "_buffers"):
                for name, value in getattr(module, kind).items():
                    if kind == "_parameters" or name not in module._unsaved:
                        yield f"{prefix}{path}.{name}" if path else f"{prefix}{name}", value

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Every parameter and saved buffer by dotted path, as tensors that share its storage, without history: they
        change when the module does, so ``copy.deepcopy`` what is to stay. A shared one is under each of its names.

        prefix: put in front of every name. keep_vars: the parameters and buffers themselves.
        """
        return {name: value if keep_vars else value.detach() for name, value in self._saved(prefix)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Set every parameter and saved buffer, or none. Of a shared tensor one name is enough.

        strict: False takes what there is, and returns the names that were missing and those that nothing has.

        Raises CheckpointError for missing or unknown names if strict, other shapes, values that the element type in
        the model cannot hold, and values of a shared tensor that differ between its names.
        """
        if not isinstance(state, Mapping):
            raise CheckpointError(
                f"{user_line()}: load_state_dict takes arrays by name, as state_dict() or weft.load() gives them, "
                f"not a {type(state).__name__}"
            )
        own = dict(self._saved())
        given = {id(own[name]) for name in own.keys() & state.keys()}
        missing = [name for name, value in own.items() if id(value) not in given]
        unknown = [str(name) for name in state if name not in own]
        if strict and (missing or unknown):
            found = (("missing", sorted(missing)), ("unknown", sorted(unknown)))
            parts = [f"{word} {', '.join(names)}" for word, names in found if names]
            raise CheckpointError(f"the state does not belong to this {type(self).__name__}: {'; '.join(parts)}")
        arrays = {name: fitted(name, state[name], value) for name, value in own.items() if name in state}
        first: dict[int, str] = {}
        for name, array in arrays.items():
            other = first.setdefault(id(own[name]), name)
            if arrays[other].tobytes() != array.tobytes():
                raise CheckpointError(f"{other} and {name} are one tensor in the model, but differ in the state")
        for name in first.values():
            own[name].assign(Tensor(arrays[name], dtype=own[name].dtype))
        return IncompatibleKeys(missing, unknown)
