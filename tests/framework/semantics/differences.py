"""The scripts that do not leave what torch leaves: those that are meant not to, and those that wait to be mended."""

from __future__ import annotations

from collections.abc import Mapping

SHARING = (
    "a tensor holds its own values: NumPy's memory is copied in and shown out, so that a device may keep them anywhere"
)
ADDRESSES = "a value has no address: it may be on any device, or not be computed yet"

DIFFERENT: Mapping[str, str] = {
    "broadcasting: promotion of pairs of types": "uint8 and int8 make int32: there is no int16",
    "learning: a data set of dictionaries": "Python's floats are collated to float32, as `tensor` makes of them",
    "views: the same address or not": ADDRESSES,
    "views: strides and offsets": ADDRESSES,
    "views: is a view of the same storage": ADDRESSES,
    "views: numpy shares with the tensor": SHARING,
    "views: numpy() of a tensor": SHARING,
    "views: tensor() copies what it is given": SHARING,
    "views: reshape copies only where it must": "reshape is always a view: no strides forbid it",
    "views: view refuses what reshape copies": "view is possible whatever was transposed before, as reshape is",
    "views: a window over a row": "windows are gathered, and are no view",
}
"""Script → why weft does otherwise; such a script has to leave something else."""

OPEN: Mapping[str, str] = {
    "mistakes: a ragged list": "it is a DTypeError, which is no ValueError",
    "mistakes: numpy of what needs a gradient": "numpy() does not ask for detach()",
    "mistakes: a probability above one": "it is no ValueError",
    "mistakes: division of integers by zero": "it is taken",
}
"""Script → what it waits for; take it out when it leaves the same."""
