"""The errors a user of the instruction set can meet; each carries one clear message."""

from __future__ import annotations

from weft.base.errors import WeftError


class MachineError(WeftError):
    """A machine description that cannot be built."""


class EncodingError(WeftError):
    """A field value or a bit pattern that the instruction set does not allow."""


class AssemblyError(WeftError):
    """A line of assembly text that cannot be understood."""


class ProgramError(WeftError):
    """A program that is malformed, breaks a rule of the machine, or belongs to another machine."""


class DeadlockError(WeftError):
    """A program that can never finish, or did not finish within its cycle limit."""

    exit_code = 4
