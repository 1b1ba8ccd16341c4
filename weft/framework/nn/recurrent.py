"""Recurrent layers and cells: plain, LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho and others 2014)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

from weft.framework.autocast import narrowed
from weft.framework.axes import count
from weft.framework.control import scan
from weft.framework.device import Device
from weft.framework.dtypes import DType
from weft.framework.errors import AbstractError, OptionError, ShapeError
from weft.framework.functional import where, zeros
from weft.framework.module import Module, Parameter
from weft.framework.nn import functional as F
from weft.framework.nn.functional.dropout import probability
from weft.framework.nn.functional.taking import joined, stacked
from weft.framework.nn.packing import PackedSequence, repacked, unpacked
from weft.framework.nn.starting import UniformStart
from weft.framework.origin import user_line
from weft.framework.random import default_generator
from weft.framework.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]
"""What goes from one step to the next: (h,), of an LSTM (h, c)."""
Sequences: TypeAlias = Tensor | PackedSequence
_NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"tanh": F.tanh, "relu": F.relu}


def _nonlinearity(owner: Module, name: str) -> str:
    if not isinstance(name, str) or name not in _NONLINEARITIES:
        raise OptionError(f"{user_line()}: {type(owner).__name__}: nonlinearity is 'tanh' or 'relu', not {name!r}")
    return name


def _plain(name: str) -> Callable[[Tensor, Tensor, State], State]:
    return lambda x, h, state: (_NONLINEARITIES[name](x + h),)


def _lstm(x: Tensor, h: Tensor, state: State) -> State:
    """Gates in torch's order: input, forget, cell, output."""
    i, f, g, o = _gates(x + h, 4)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _gru(x: Tensor, h: Tensor, state: State) -> State:
    """Gates in torch's order: reset, update, new; the reset is of the product with h, bias included."""
    (xr, xz, xn), (hr, hz, hn) = _gates(x, 3), _gates(h, 3)
    z = (xz + hz).sigmoid()
    n = (xn + (xr + hr).sigmoid() * hn).tanh()
    return (n + z * (state[0] - n),)


def _gates(x: Tensor, parts: int) -> list[Tensor]:
    width = x.shape[-1] // parts
    return [x[..., i * width : (i + 1) * width] for i in range(parts)]


class _Recurrent(UniformStart):
    """Weights of gates side by side, uniform in ±1/√hidden_size at the start."""

    _gates_count = 1
    _states = 1
    _gives_products = True
    """Whether its state has the type of the products in it, rather than of the state before."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        self.input_size, self.hidden_size = count(input_size, "input_size", 1), count(hidden_size, "hidden_size", 1)
        self.bias = bool(bias)

    def _add(self, suffix: str, inputs: int) -> None:
        rows, hidden = self._gates_count * self.hidden_size, self.hidden_size
        source, bound = default_generator(), 1 / math.sqrt(hidden)
        shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, hidden), "bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            wanted = self.bias or name.startswith("weight")
            value = Parameter(source.uniform(shape, -bound, bound)) if wanted else None
            self.register_parameter(f"{name}{suffix}", value)

    def _bound(self) -> float:
        return 1 / math.sqrt(self.hidden_size)

    def _weights(self, suffix: str) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        return tuple(getattr(self, f"{name}{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        raise AbstractError(f"{user_line()}: {type(self).__name__} has no step of its own")

    def _checked(self, input: Tensor, ranks: tuple[int, int]) -> None:
        if input.ndim not in ranks or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{user_line()}: {type(self).__name__} takes {ranks[0]} or {ranks[1]} axes, the last of "
                f"{self.input_size}, not {list(input.shape)}"
            )

    def _given(self, hx: Any, shape: tuple[int, ...], like: Tensor) -> State:
        """The state to start from: what was given, or zeros. Raises ShapeError."""
        if hx is None:
            return tuple(zeros(shape, dtype=like.dtype) for _ in range(self._states))
        state: Sequence[Any] = (hx,) if self._states == 1 else hx
        if isinstance(state, Tensor) or len(state) != self._states or any(
            not isinstance(s, Tensor) or s.shape != shape for s in state
        ):  # fmt: skip
            shown = [list(s.shape) if isinstance(s, Tensor) else type(s).__name__ for s in state]
            raise ShapeError(
                f"{user_line()}: {type(self).__name__}: the state is {self._states} × {list(shape)}, not {shown}"
            )
        return tuple(state)


class _Layers(_Recurrent):
    """``num_layers`` recurrent layers, each over the whole sequence, in one direction or both."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, device: str | Device | None = None,
        dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self.num_layers, self.batch_first = count(num_layers, "num_layers", 1), bool(batch_first)
        self.dropout, self.bidirectional = probability(type(self).__name__, dropout), bool(bidirectional)
        self._directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(self.num_layers):
            for direction in self._directions:
                inputs = self.input_size if not layer else self.hidden_size * len(self._directions)
                self._add(f"_l{layer}{direction}", inputs)
        self._place(device, dtype)

    def _outcome(self, input: Sequences, hx: Any) -> tuple[Any, State]:
        return self._run_packed(input, hx) if isinstance(input, PackedSequence) else self._run(input, hx)

    def _run(self, input: Tensor, hx: Any) -> tuple[Tensor, State]:
        """All steps' results, and the last state of every layer and direction."""
        self._checked(input, (2, 3))
        single = input.ndim == 2
        x = input.unsqueeze(1) if single else input.transpose(0, 1) if self.batch_first else input
        state = self._first(hx, x, single)
        x, ends = self._through(x, tuple(s.unsqueeze(1) for s in state) if single else state, None)
        if single:
            return x.squeeze(1), tuple(end.squeeze(1) for end in ends)
        return (x.transpose(0, 1) if self.batch_first else x), ends

    def _run_packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, State]:
        """The same of sequences of several lengths: those that are over wait, their state as it is."""
        self._checked(packed.data, (2, 2))
        x, there = unpacked(packed)
        state = self._first(hx, x, False)
        if packed.sorted_indices is not None and hx is not None:
            state = tuple(s.index_select(1, packed.sorted_indices) for s in state)
        results, ends = self._through(x, state, there)
        if packed.unsorted_indices is not None:
            ends = tuple(end.index_select(1, packed.unsorted_indices) for end in ends)
        return repacked(results, packed), ends

    def _first(self, hx: Any, x: Tensor, single: bool) -> State:
        """The state of all layers and directions to start from."""
        many = self.num_layers * len(self._directions)
        return self._given(hx, (many, self.hidden_size) if single else (many, x.shape[1], self.hidden_size), x)

    def _through(self, x: Tensor, state: State, there: Tensor | None) -> tuple[Tensor, State]:
        """All layers over [length, batch, width]."""
        last: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = F.dropout(x, self.dropout)
            found: list[Tensor] = []
            for direction in self._directions:
                start = tuple(s[len(last)] for s in state)
                made, end = self._along(x, start, f"_l{layer}{direction}", bool(direction), there)
                found.append(made)
                last.append(end)
            x = joined(found, 2)
        return x, tuple(stacked([end[i] for end in last], 0) for i in range(self._states))

    def _along(
        self, x: Tensor, state: State, suffix: str, backwards: bool, there: Tensor | None
    ) -> tuple[Tensor, State]:
        """One layer in one direction over [length, batch, width].

        there: bool [length, batch], whether a sequence has a step; where it has none, its state stays as it is.
        """
        if not x.shape[0]:
            name = type(self).__name__
            raise ShapeError(f"{user_line()}: {name} takes sequences of one step or more, not {list(x.shape)}")
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        step, state = self._step(), narrowed(state) if self._gives_products else state

        def turn(before: State, row: tuple[Tensor, ...]) -> tuple[State, Tensor]:
            after = step(row[0], F.linear(before[0], w_hh, b_hh), before)
            if len(row) > 1:
                kept = row[1].unsqueeze(1)
                after = tuple(where(kept, new, old) for new, old in zip(after, before, strict=True))
            return after, after[0]

        rows = (F.linear(x, w_ih, b_ih), *(() if there is None else (there,)))
        last, results = scan(turn, state, rows, reverse=backwards)
        return results, last

    def extra_repr(self) -> str:
        """As torch shows it."""
        shown = [f"{self.input_size}, {self.hidden_size}"]
        shown += [f"num_layers={self.num_layers}"] * (self.num_layers != 1) + ["bias=False"] * (not self.bias)
        shown += ["batch_first=True"] * self.batch_first + [f"dropout={self.dropout}"] * bool(self.dropout)
        return ", ".join([*shown, *["bidirectional=True"] * self.bidirectional])


class RNN(_Layers):
    """h' = tanh (or relu) of W_ih x + b_ih + W_hh h + b_hh: [length, batch, input_size] → [length, batch, hidden_size ·
    directions]. batch_first: the batch first. dropout: between layers. The steps are one ``scan``."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        )
        self.nonlinearity = _nonlinearity(self, nonlinearity)

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _plain(self.nonlinearity)

    @overload
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(self, input: PackedSequence, hx: Tensor | None = None) -> tuple[PackedSequence, Tensor]: ...
    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        """All results, and the last state [layers · directions, batch, hidden_size]; hx: the first one, else zeros.

        Packed sequences (``nn.utils.rnn``) give packed results.
        """
        results, (last,) = self._outcome(input, hx)
        return results, last


class GRU(_Layers):
    """Gated recurrent units; shapes and options as ``RNN``."""

    _gates_count, _gives_products = 3, False

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _gru

    @overload
    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(self, input: PackedSequence, hx: Tensor | None = None) -> tuple[PackedSequence, Tensor]: ...
    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        """All results, and the last state [layers · directions, batch, hidden_size]; hx: the first one, else zeros.

        Packed sequences (``nn.utils.rnn``) give packed results.
        """
        results, (last,) = self._outcome(input, hx)
        return results, last


class LSTM(_Layers):
    """Long short-term memory; shapes and options as ``RNN``."""

    _gates_count, _states = 4, 2

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _lstm

    @overload
    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]: ...
    @overload
    def forward(
        self, input: PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]: ...
    def forward(
        self, input: Sequences, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Sequences, tuple[Tensor, Tensor]]:
        """All results, and the last (h, c), each [layers · directions, batch, hidden_size]; hx: the first ones.

        Packed sequences (``nn.utils.rnn``) give packed results.
        """
        results, (h, c) = self._outcome(input, hx)
        return results, (h, c)


class _Cell(_Recurrent):
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: str | Device | None = None,
        dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self._add("", self.input_size)
        self._place(device, dtype)

    def _once(self, input: Tensor, hx: Any) -> State:
        self._checked(input, (1, 2))
        state = self._given(hx, (*input.shape[:-1], self.hidden_size), input)
        w_ih, w_hh, b_ih, b_hh = self._weights("")
        return self._step()(F.linear(input, w_ih, b_ih), F.linear(state[0], w_hh, b_hh), state)

    def extra_repr(self) -> str:
        """As torch shows it."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of ``RNN``: [batch, input_size] or [input_size] and the state → the new state."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh",
        device: str | Device | None = None, dtype: DType | str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = _nonlinearity(self, nonlinearity)

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _plain(self.nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The new state; hx: the one before, else zeros."""
        return self._once(input, hx)[0]

    def extra_repr(self) -> str:
        """As torch shows it."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class GRUCell(_Cell):
    """One step of ``GRU``."""

    _gates_count = 3

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _gru

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The new state; hx: the one before, else zeros."""
        return self._once(input, hx)[0]


class LSTMCell(_Cell):
    """One step of ``LSTM``."""

    _gates_count, _states = 4, 2

    def _step(self) -> Callable[[Tensor, Tensor, State], State]:
        return _lstm

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The new (h, c); hx: the one before, else zeros."""
        h, c = self._once(input, hx)
        return h, c
