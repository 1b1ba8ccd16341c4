"""A training as a file: written now and then while it runs, and gone on from after whatever ended it.

The file is a safetensors checkpoint of weights, optimiser, generator, place in the data and losses. Its metadata say
which training it is of, and have a checksum over everything. The file is replaced whole, so that a training killed
at any moment leaves the last one; going on from it gives the bits that an uninterrupted training gives.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from weft.base.reading import parse_json
from weft.framework import checkpoint
from weft.framework.errors import CheckpointError
from weft.framework.nesting import KEY, put_together, taken_apart
from weft.framework.primitives.base import Array
from weft.training import Session

FORMAT, SCHEMA = "weft training", 2
SIGNALS = ("SIGINT", "SIGTERM")
"""Signals at which a training ends with its checkpoint written."""


class Stopped(Exception):
    """A training that ended early, at a signal, with its checkpoint written."""

    def __init__(self, number: int, step: int, total: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step} of {total}")
        self.exit_code = 128 + number


@dataclass
class CheckpointWriter:
    """Writes ``path`` after every ``every`` steps (None: after every pass over the data) and after the last one."""

    path: Path
    session: Session
    every: int | None = None
    _signal: int = field(default=0, init=False)

    def after(self, step: int, total: int) -> None:
        """To be called after each step. Raises Stopped, with the checkpoint written, once a signal has come."""
        if step % (self.every or len(self.session.loader)) == 0 or step == total or self._signal:
            save(self.path, self.session)
        if self._signal and step < total:
            raise Stopped(self._signal, step, total)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, a signal ends the training after the step that runs; a second one ends it at once. A signal that is
        ignored stays so."""
        before: dict[int, Any] = {}

        def heard(number: int, frame: FrameType | None) -> None:
            self._signal = number
            signal.signal(number, before[number])

        for name in SIGNALS:
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, heard)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def save(path: Path, session: Session) -> None:
    """Write the training's whole state to ``path``, all or nothing. Raises CheckpointError."""
    arrays, nest = taken_apart(session.state_dict())
    about: dict[str, Any] = {"format": FORMAT, "schema": SCHEMA, "training": identity(session)}
    about["sha256"] = _checksum(about["training"], nest, arrays)
    checkpoint.save(path, arrays, {"weft": json.dumps(about, sort_keys=True, allow_nan=False), KEY: nest})


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What training the checkpoint at ``path`` is of, and its state. Raises CheckpointError for a damaged one."""
    state, metadata = checkpoint.load_with_metadata(path)
    about = description(metadata)
    if about.get("format") != FORMAT:
        raise CheckpointError(f"{path}: no checkpoint of a training; `weft train --checkpoint` writes one")
    nest = metadata.get(KEY, "")
    return _checked(path, about, nest, state), put_together(nest, state, str(path))


def _checked(path: Path, about: Mapping[str, Any], nest: str, state: Mapping[str, Array]) -> dict[str, Any]:
    """What training a checkpoint is of that says ``about`` itself. Raises CheckpointError for a damaged one."""
    if about.get("schema") != SCHEMA:
        found = about.get("schema")
        raise CheckpointError(f"{path}: a training's checkpoint of schema {found}; this weft reads schema {SCHEMA}")
    training = about.get("training")
    if not isinstance(training, dict) or _checksum(training, nest, state) != about.get("sha256"):
        raise CheckpointError(f"{path}: damaged: its checksum does not match its {len(state)} tensors; remove it")
    return training


def description(metadata: Mapping[str, str]) -> dict[str, Any]:
    """What weft says of itself in a file's metadata; nothing where that is not to be understood."""
    with suppress(ValueError, RecursionError):
        about = parse_json(metadata.get("weft", "{}"))
        if isinstance(about, dict):
            return about
    return {}


def resume(path: Path, session: Session, epochs: int) -> int:
    """Let ``session`` stand where the checkpoint at ``path`` was written; the steps done. Raises CheckpointError, with
    all that differs, for one of another training, or one that is past ``epochs``."""
    training, state = read(path)
    if different := list(_differences(training, identity(session))):
        raise CheckpointError(f"{path}: a checkpoint of another training: {'; '.join(different)}")
    try:
        session.load_state_dict(state)
    except CheckpointError as problem:
        raise CheckpointError(f"{path}: {problem}") from None
    steps, total = len(session.losses), epochs * len(session.loader)
    if steps > total:
        raise CheckpointError(f"{path}: {steps} steps are done, and {epochs} epochs are {total}; give more --epochs")
    return steps


def weights(path: Path) -> dict[str, Array]:
    """The model's weights in a checkpoint, be it one of weights alone or of a training (their mean, where the training
    keeps one). Raises CheckpointError."""
    state, metadata = checkpoint.load_with_metadata(path)
    about = description(metadata)
    if about.get("format") != FORMAT:
        return state
    _checked(path, about, metadata.get(KEY, ""), state)
    part = "mean." if any(name.startswith("mean.") for name in state) else "model."
    return {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}


def identity(session: Session) -> dict[str, Any]:
    """What decides the bits of a training: two of the same are the same, step by step."""
    device = session.device
    machine = getattr(device, "machine", None)
    return {
        "model": session.recipe.name,
        "seed": session.seed,
        "batch": session.recipe.batch,
        "device": device.name,
        "precision": getattr(device, "precision", None),
        "machine": None if machine is None else machine.to_dict(),
        "weights": {name: value.dtype.name for name, value in session.model.named_state()},
        **session.method.described(session.epochs or session.recipe.epochs),
    }


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    for key in dict.fromkeys((*here, *there)):
        a, b = there.get(key), here.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differences(a, b, f"{inside}{key}.")
        elif a != b:
            yield f"{inside}{key} is {_shown(a)} there, {_shown(b)} here"


def _shown(value: Any) -> str:
    return str(value["name"]) if isinstance(value, dict) and "name" in value else json.dumps(value, allow_nan=False)


def _checksum(training: Mapping[str, Any], nest: str, state: Mapping[str, Array]) -> str:
    found = hashlib.sha256(json.dumps(training, sort_keys=True, allow_nan=False).encode())
    found.update(nest.encode())
    for name in sorted(state):
        value = state[name]
        found.update(f"{name} {value.dtype} {list(value.shape)} ".encode())
        found.update(value.tobytes())
    return found.hexdigest()
