"""The error of a graph that a target cannot run."""

from __future__ import annotations

from framework.errors import FrameworkError


class CompileError(FrameworkError, ValueError):
    """A graph that a target cannot run; the message names the node, the reason and what would be right."""
