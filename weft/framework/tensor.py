"""The lazy tensor: what a person who knows PyTorch writes programs with.

An operation appends an expression and computes nothing; ``.item()``, printing and ``optimizer.step()`` realise what is
pending. Promotion and broadcasting are torch's. A tensor that was put on no device goes wherever it is needed.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from weft.framework.device import Device, default_device, get_device, host
from weft.framework.differentiable import Differentiable
from weft.framework.dtypes import DTYPES, DType, as_dtype, bool_, data_dtype, float32, int32, int64, python_dtype
from weft.framework.errors import DTypeError, GradientError, RaggedError, ShapeError, TraceError
from weft.framework.lazy import Expr, alias, apply, check_alive, constant, copied, is_left_over, leaf
from weft.framework.methods import TensorMethods
from weft.framework.origin import user_line
from weft.framework.pending import realize_all, realize_pending, relieve, wait
from weft.framework.primitives.base import Array
from weft.framework.printing import printed
from weft.framework.refusals import FrameworkObject
from weft.framework.size import Size
from weft.framework.tracing import current_trace, refuse_value
from weft.framework.views import Storage, View, stepped

Number = bool | int | float


class Tensor(TensorMethods, Differentiable, FrameworkObject):
    """An n-dimensional array of one element type, with an optional gradient.

    data: a number, nested sequence, NumPy array or tensor. dtype: element type, else the data's (float64 → float32,
    and int64, which is what NumPy makes of Python's integers, → int32). device: name of a device or a Device.
    requires_grad: collect gradients in ``.grad``.
    """

    _seen_as: View | None
    STORED = 'weft.save({"x": x}, path), and weft.load(path)["x"] to read'

    def __init__(
        self,
        data: Any,
        dtype: DType | str | None = None,
        device: str | Device | None = None,
        requires_grad: bool = False,
    ) -> None:
        if isinstance(data, Tensor):
            source = data.detach() if dtype is None else data.detach().to(dtype)
            made = alias(source._read())
        else:
            array = stored(data, None if dtype is None else as_dtype(dtype))
            kind = as_dtype(array.dtype)
            fixed = not array.shape and current_trace() is not None
            made = constant(array.item(), kind) if fixed else leaf(array, kind)
        self._start(made)
        if device is not None:
            self._storage.expr = self.to(device)._expr
        if requires_grad:
            self.requires_grad_()

    def _start(self, expression: Expr) -> None:
        root = weakref.ref(self)
        self._grad, self._storage, self._seen_as = None, Storage(expression, root), None
        if expression.value is None:
            wait(root, expression)

    @property
    def _expr(self) -> Expr:
        """What it is now: the value of its storage, as the view sees it if it is one."""
        value, view = self._storage.expr, self._seen_as
        return value if view is None else view.of(value)

    @classmethod
    def _of(cls, expression: Expr) -> Tensor:
        tensor = Tensor.__new__(Tensor)
        tensor._start(expression)
        relieve(expression)
        return tensor

    @staticmethod
    def _holding(expression: Expr) -> Tensor:
        """A tensor of ``expression``, made without computing anything that waits."""
        tensor = Tensor.__new__(Tensor)
        tensor._start(expression)
        return tensor

    @classmethod
    def _as_operand(cls, value: Any, dtype: DType | None = None) -> Tensor:
        """``value``, or a tensor of it."""
        return value if isinstance(value, Tensor) else Tensor(value, dtype)

    def _view(self, op: str, **attrs: Any) -> Tensor:
        """This tensor moved by ``op``, of the same storage."""
        self._read()  # captured, if a trace runs
        seen = Tensor.__new__(Tensor)
        seen._grad, seen._storage = None, self._storage
        seen._seen_as = stepped(self._seen_as, self._storage, op, attrs)
        seen._await()
        return seen

    def _read(self) -> Expr:
        """The expression to compute with; inside a trace, a tensor from outside becomes state of the graph."""
        e, trace = self._storage.expr, current_trace()
        if trace is None and e.trace is None:
            return e if self._seen_as is None else self._seen_as.of(e)
        e = self._storage.settled()
        check_alive(e)
        if trace is not None and e.trace is not trace:
            root = self._storage.root() if self._storage.root is not None else None
            trace.capture(self._rooted() if root is None else root)
            return self._expr
        return e if self._seen_as is None else self._seen_as.of(e)

    def _settled(self) -> Expr:
        """What it is when no trace of another thread has it captured."""
        value, view = self._storage.settled(), self._seen_as
        return value if view is None else view.of(value)

    def _rooted(self) -> Tensor:
        """A tensor that is no view, for a storage that only views are left of."""
        root = Tensor.__new__(Tensor)
        root._grad, root._storage, root._seen_as = None, self._storage, None
        root._storage.root = weakref.ref(root)
        return root

    # What it is

    @property
    def shape(self) -> Size:
        """Extents."""
        return self._expr.type.size

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self._expr.dtype

    @property
    def device(self) -> Device:
        """The device it was put on, or the default device."""
        return self._expr.device or default_device()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._expr.shape)

    def numel(self) -> int:
        """Number of elements."""
        total = 1
        for extent in self.shape:
            total *= extent
        return total

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(f"{user_line()}: a tensor of shape [] has no length")
        return self.shape[0]

    def __repr__(self) -> str:
        if self._expr.trace is not None or current_trace() is not None:
            return f"tensor(traced, {self.dtype}{list(self.shape)})"
        usual = self.dtype in (float32, int32, bool_) and (self.numel() or self.dtype is float32)
        further = [*([] if usual else [f"dtype={self.dtype}"]), *["requires_grad=True"] * self.requires_grad]
        return printed("tensor", self.numpy(), further)

    def __format__(self, spec: str) -> str:
        """As the number that it is, if it has no axes: ``f"{loss:.3f}"``."""
        traced = current_trace() is not None and not spec
        return format(repr(self) if self.shape or traced else self.item(), spec)

    def _repr_html_(self) -> str:
        from weft.framework.display import array_html, text_html

        if self._expr.trace is not None or current_trace() is not None:
            return text_html(repr(self))
        grad = ", requires_grad" if self.requires_grad else ""
        return array_html(f"tensor {self.dtype}{list(self.shape)} on {self.device}{grad}", self.numpy())

    # Values

    def realize(self) -> Self:
        """Compute it now, together with everything else that is pending on its device."""
        refuse_value("realising a tensor")
        realize_all(self)
        return self

    def numpy(self) -> Array:
        """A NumPy copy. Raises TraceError inside a jitted function."""
        refuse_value(".numpy()")
        (value,) = realize_pending(self)
        return host(value).copy()

    def item(self) -> Number:
        """The Python number of a one-element tensor. Raises ShapeError, or TraceError inside a jitted function."""
        refuse_value(".item()")
        if self.numel() != 1:
            raise ShapeError(f"{user_line()}: .item() needs one element; this is {self.dtype}{list(self.shape)}")
        value = self.numpy().reshape(())
        return float(value) if self.dtype.is_float else value.item()

    def tolist(self) -> Any:
        """Nested Python lists."""
        refuse_value(".tolist()")
        return (self.numpy().astype(np.float64) if self.dtype.is_float else self.numpy()).tolist()

    def __bool__(self) -> bool:
        refuse_value("bool() (an if, while, and, or, not)")
        return bool(self.item())

    def __float__(self) -> float:
        refuse_value("float()")
        return float(self.item())

    def __int__(self) -> int:
        refuse_value("int()")
        return int(self.item())

    def __index__(self) -> int:
        refuse_value("a tensor as an index or a number of Python")
        if self.numel() != 1 or self.dtype.kind != "int":
            raise DTypeError(f"{user_line()}: one integer is an index, not {self.dtype}{list(self.shape)}")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        refuse_value("conversion to a NumPy array")
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def _await(self) -> None:
        """Its expression is another from here on."""
        e = self._expr
        wait(weakref.ref(self), e)
        relieve(e)

    def __copy__(self) -> Self:
        """Another tensor of the same storage."""
        twin = super().__copy__()
        twin._seen_as = copy.copy(self._seen_as)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A tensor of its own with this value, device and gradient. Raises GradientError for one with history."""
        if not self.is_leaf:
            raise GradientError(f"{user_line()}: a tensor that was computed has history, so copy it with .detach()")
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._start(alias(self._read()))
        twin._hooks = twin._after = None
        memo[id(self)] = twin
        if self.requires_grad:
            twin.requires_grad_()
        if self.grad is not None and not is_left_over(self.grad._expr):
            twin.grad = copy.deepcopy(self.grad, memo)
        return twin

    # Element type and place

    def to(
        self,
        target: DType | str | Device | Tensor | None = None,
        dtype: DType | str | None = None,
        *,
        device: str | Device | None = None,
        non_blocking: bool = False,
        copy: bool = False,
    ) -> Tensor:
        """This tensor as another element type, on another device (by name or as a Device), or both as another tensor.

        On another device it is a copy, as pending as this tensor is, through which gradients come back. ``copy``: a
        copy in any case. Every move is as ``non_blocking`` as it can be. Raises DTypeError or DeviceError.
        """
        if copy:
            return self.clone().to(target, dtype, device=device)
        if isinstance(target, Tensor):
            return self.to(target._expr.device, target.dtype)
        if target is None or device is not None or dtype is not None:
            moved = self if target is None else self.to(target)
            moved = moved if device is None else moved.to(device)
            return moved if dtype is None else moved.to(as_dtype(dtype))
        if isinstance(target, DType) or (isinstance(target, str) and target in DTYPES):
            wanted, e = as_dtype(target), self._read()
            return self if wanted == e.dtype else Tensor._of(apply("cast", e, dtype=wanted.name))
        device = get_device(target)
        trace = current_trace()
        if self._expr.device is device or (trace is not None and self._expr.device is None and trace.runs_on(device)):
            return self
        if trace is not None:
            raise TraceError(f"{user_line()}: a jitted function runs on one device; move tensors before calling it")
        return Tensor._of(copied(self._read(), device))

    def float(self) -> Tensor:
        """As float32."""
        return self.to(float32)

    def int(self) -> Tensor:
        """As int32."""
        return self.to(int32)

    def long(self) -> Tensor:
        """As int64."""
        return self.to(int64)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    __array_ufunc__ = None  # array + tensor is the tensor's affair


def stored(data: Any, dtype: DType | None) -> Array:
    """``data`` as an array of an element type, copied. Raises DTypeError for numbers that an integer type lacks."""
    try:
        array = np.asarray(data)
        if array.dtype == object and all(type(number) is int for number in array.flat):
            dtype = dtype or int32  # integers beyond 64 bits
        elif dtype is None:
            dtype = python_dtype(data) if isinstance(data, Number) else data_dtype(array.dtype)
    except (ValueError, TypeError) as error:  # a ragged list, or no numbers
        kind = DTypeError if isinstance(error, TypeError) else RaggedError
        raise kind(f"{user_line()}: cannot make a tensor of {type(data).__name__}: {error}") from None
    try:
        if dtype.kind == "int" and array.size and array.dtype.kind != "b":
            _check_range(array, dtype)
        return np.array(array, dtype=dtype.numpy, order="C")
    except DTypeError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise DTypeError(f"{user_line()}: cannot make a {dtype} tensor of {type(data).__name__}: {error}") from None


def _check_range(array: Array, dtype: DType) -> None:
    """Raise DTypeError if the integer type lacks one of the numbers (fractions are cut off)."""
    numbers = array if array.dtype.kind in "iuO" else np.trunc(array.astype(np.float64))
    low, high = numbers.min(), numbers.max()
    finite = numbers.dtype.kind != "f" or bool(np.isfinite(numbers).all())

    def holds(limits: np.iinfo[Any]) -> bool:
        return finite and limits.min <= int(low) and int(high) <= limits.max

    if not holds(np.iinfo(dtype.numpy)):
        hint = "; give dtype='int64'" if holds(np.iinfo(np.int64)) else ""
        raise DTypeError(f"{user_line()}: values {low}..{high} do not fit into {dtype}{hint}")


def tensor(
    data: Any, dtype: DType | str | None = None, device: str | Device | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ``data``; see ``Tensor``."""
    return Tensor(data, dtype, device, requires_grad)
