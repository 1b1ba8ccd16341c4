"""The errors a user of the framework can meet; each carries one message: what, where, and what would be right."""

from __future__ import annotations

from weft.base.errors import WeftError
from weft.framework.tracebacks import ShortTraceback


class FrameworkError(ShortTraceback, WeftError):
    """A mistake in what the user gave; its traceback ends at the user's line."""


class OptionError(FrameworkError, ValueError, RuntimeError):
    """An option that there is not, or a call that does not fit what was done before. torch raises one or the other,
    by where it finds out."""


class ShapeError(FrameworkError, ValueError, RuntimeError):
    """Shapes that do not fit together; the message names all of them. torch raises RuntimeError here."""


class AbstractError(FrameworkError, NotImplementedError):
    """A module or optimiser without the method that says what it does."""


class PartError(FrameworkError, TypeError):
    """Something else in the place of a module's parameter, buffer or module, which would be lost."""


class RaggedError(ShapeError, TypeError):
    """A list of lists of several lengths. torch raises ValueError or TypeError, by what stands first."""


class AxisError(ShapeError, IndexError):
    """An axis or an index outside what a tensor has."""


class PlaceError(FrameworkError, IndexError, TypeError):
    """A place that a list of modules does not have."""


class DTypeError(FrameworkError, TypeError, RuntimeError):
    """An element type that an operation does not take. torch raises RuntimeError for most."""


class GraphError(FrameworkError, ValueError):
    """A graph that is malformed, or an unknown primitive, attribute, input or output."""


class GradientError(FrameworkError, RuntimeError):
    """A gradient that was asked for where there is none."""


class TraceError(FrameworkError, RuntimeError):
    """Something that a traced (``@jit``) function cannot do."""


class DeviceError(FrameworkError, RuntimeError):
    """An unknown or unavailable device, or tensors on different devices."""


class CheckpointError(FrameworkError, ValueError, RuntimeError):
    """A checkpoint file that is missing, damaged, or belongs to another model."""
