"""Where graphs run: the device protocol, the registry of devices, and the NumPy reference device.

A device plugs in through the entry-point group ``weft.devices``: a name, and a class with the methods of ``Device``.
It is imported when first asked for. "numpy" is always there. Values are the device's affair: NumPy arrays where it
works in the host's memory, handles of its own (``DeviceArray``) where it does not. A dependency engine that runs
independent graphs of several devices in parallel belongs between ``launch`` and its callers (``framework.lazy``,
``framework.jit``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from weft.base.plain import array, outline
from weft.framework import reference
from weft.framework.errors import DeviceError
from weft.framework.graph import Graph
from weft.framework.origin import user_line
from weft.framework.primitives.base import Array, Shape
from weft.framework.recent import Recent

GROUP = "weft.devices"
"""The entry-point group that devices register in."""


_SHOWN = 2
"""So many arrays of each kind are in a result's repr."""


@dataclass(frozen=True, repr=False)
class Result:
    """What a run of a graph gives: ``outputs`` by output name, and ``state`` by state name for every update."""

    outputs: Mapping[str, Array]
    state: Mapping[str, Array]

    def to_dict(self) -> dict[str, Any]:
        """Plain data: by name ``dtype``, ``shape`` and ``values``, nested lists in which numbers that JSON has not are
        the texts "NaN", "Infinity" and "-Infinity"."""
        return {
            "outputs": {name: array(value) for name, value in self.outputs.items()},
            "state": {name: array(value) for name, value in self.state.items()},
        }

    def __repr__(self) -> str:
        told = "; ".join(
            f"{kind}: " + (", ".join(f"{name} {outline(value)}" for name, value in [*held.items()][:_SHOWN]) or "none")
            + (f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else "")
            for kind, held in (("outputs", self.outputs), ("state", self.state))
        )  # fmt: skip
        return f"Result({told})"


class Executable(Protocol):
    """A compiled graph. One that holds much memory says so in an attribute ``nbytes``.

    One that keeps values where they are also has ``run(values)``: it takes a value for every input and state in the
    order of ``graph.inputs``, NumPy arrays or handles of any device, writes to none, and gives the values of
    ``graph.results`` as its device keeps them. It reads handles of another device through ``host``. Where there is no
    ``run``, ``launch`` brings every value to the host and calls the executable.
    """

    def __call__(self, inputs: Mapping[str, Array]) -> Result:
        """Run once. ``inputs`` has an array for every input and state of the graph (more are ignored), not written to.

        The arrays of the result belong to the caller. A state's name is that of its ``input`` node.
        """
        ...


@runtime_checkable
class Device(Protocol):
    """Something that compiles graphs. Construction options are the device's own: ``get_device("accel", machine=…)``."""

    name: str

    def __hash__(self) -> int: ...

    def compile(self, graph: Graph) -> Executable:
        """Compile ``graph``; raises an error naming the node for whatever the device cannot run."""
        ...


@runtime_checkable
class MemoryDevice(Device, Protocol):
    """A device with a memory of its own, whose values are handles."""

    def put(self, array: Array) -> DeviceArray:
        """A handle of a copy of ``array`` on this device."""
        ...

    def get(self, handle: DeviceArray) -> Array:
        """What a handle of this device holds, in the host's memory. The caller does not write to it."""
        ...


class DeviceArray(Protocol):
    """An array in a device's memory: a handle, of which the device alone knows more than this.

    What it holds never changes: a device that updates state in place first saves what a living handle shows.
    """

    @property
    def device(self) -> MemoryDevice: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def nbytes(self) -> int: ...


Value: TypeAlias = Array | DeviceArray
"""What a tensor's value is: an array in the host's memory, or a handle. Nobody writes to it."""


def host(value: Value) -> Array:
    """``value`` in the host's memory; not to be written to."""
    return value if isinstance(value, np.ndarray) else value.device.get(value)


def placed(value: Value, device: Device | None) -> Value:
    """``value`` where ``device`` keeps its values (None, and a device without a memory of its own: with the host)."""
    if not isinstance(device, MemoryDevice):
        return host(value)
    if not isinstance(value, np.ndarray) and value.device is device:
        return value
    return device.put(host(value))


class NumpyDevice:
    """The reference device: every node evaluated with NumPy, as its primitive's declaration says."""

    name = "numpy"

    def compile(self, graph: Graph) -> Executable:
        """Nothing to compile; the graph is walked at each call."""

        def executable(inputs: Mapping[str, Array]) -> Result:
            return Result(*reference.run(graph, inputs))

        return executable

    def __repr__(self) -> str:
        return "numpy"


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def known_devices() -> tuple[str, ...]:
    """The names of all registered devices, whether or not they can be imported."""
    return tuple(sorted({"numpy", *_entry_points()}))


def get_device(device: str | Device | None = None, **options: Any) -> Device:
    """The device called by a name; one instance for each name and set of options. None is the default device.

    Raises DeviceError that lists the known names, or says why a registered device cannot be loaded or built.
    """
    if device is None:
        return default_device()
    if not isinstance(device, str):
        if not hasattr(device, "compile"):
            raise DeviceError(f"{user_line()}: a device is a name or a Device, not a {type(device).__name__}")
        return device
    return _instance(device, tuple(sorted(options.items())))


@lru_cache(maxsize=64)
def _instance(name: str, options: tuple[tuple[str, Any], ...]) -> Device:
    factory: Callable[..., Device] = _load(name)
    signature, given = inspect.signature(factory), ", ".join(f"{key}={value!r}" for key, value in options)
    try:
        signature.bind(**dict(options))
        return factory(**dict(options))
    except TypeError as error:
        raise DeviceError(
            f"device {name!r} does not take the options {given or '(none)'}: {error}; its options are: "
            f"{', '.join(signature.parameters) or '(none)'}"
        ) from error


def _load(name: str) -> Callable[..., Device]:
    if name == "numpy":
        return NumpyDevice
    if name not in _entry_points():
        raise DeviceError(f"unknown device {name!r}; known devices: {', '.join(known_devices())}")
    try:
        loaded: Callable[..., Device] = _entry_points()[name].load()
    except (ImportError, AttributeError) as error:
        raise DeviceError(f"device {name!r} is registered but cannot be loaded: {error}") from error
    return loaded


_DEFAULT: ContextVar[Device | None] = ContextVar("default_device", default=None)


def chosen_device() -> Device | None:
    """The default device that was set; None for the built-in choice."""
    return _DEFAULT.get()


def default_device() -> Device:
    """The device of tensors that were put on none: the one set, else "cpu" if it is installed, else "numpy"."""
    return _DEFAULT.get() or _built_in()


@cache
def _built_in() -> Device:
    return get_device("cpu" if "cpu" in _entry_points() else "numpy")


def set_default_device(device: str | Device | None) -> None:
    """Choose the default device; None goes back to the built-in choice. Raises DeviceError for an unknown name."""
    _DEFAULT.set(None if device is None else get_device(device))


@contextmanager
def use_device(device: str | Device) -> Iterator[Device]:
    """Inside, ``device`` is the default."""
    chosen = get_device(device)
    token = _DEFAULT.set(chosen)
    try:
        yield chosen
    finally:
        _DEFAULT.reset(token)


def compiled(device: Device, graph: Graph) -> Executable:
    """The executable of ``graph`` on ``device``, compiled once for all equal graphs while it is among those kept."""
    return _EXECUTABLES.get((device, graph.digest()), lambda: device.compile(graph))


def launch(device: Device, graph: Graph, values: Sequence[Value]) -> Sequence[Value]:
    """Run ``graph`` on ``device``: the values of ``graph.results``, given one for each of ``graph.inputs``."""
    executable = compiled(device, graph)
    run: Callable[[Sequence[Value]], Sequence[Value]] | None = getattr(executable, "run", None)
    if run is not None:
        return run(values)
    result = executable(dict(zip(graph.input_names, map(host, values), strict=True)))
    return [*(result.outputs[name] for name, _ in graph.outputs), *(result.state[name] for name, _ in graph.updates)]


_EXECUTABLES: Recent[tuple[Device, str], Executable] = Recent(
    256, 2**30, lambda executable: getattr(executable, "nbytes", 0)
)
"""The executables used last: at most 256, and of those that say their ``nbytes`` at most a gibibyte (and one more)."""
