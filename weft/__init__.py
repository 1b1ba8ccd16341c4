"""The front door: everything a user or a lab needs, from one import, loaded when first used."""

from __future__ import annotations

__version__ = "0.1.0"
