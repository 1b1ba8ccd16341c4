"""The scripts that do not leave what torch leaves, and why."""

from __future__ import annotations

from collections.abc import Mapping

SHARING = (
    "a tensor holds its own values: NumPy's memory is copied in and shown out, so that a device may keep them anywhere"
)
ADDRESSES = "a value has no address: it may be on any device, or not be computed yet"

SEEN = "numpy() is a copy to look at, of a parameter too: nobody takes it for what a gradient flows through"
UNSEEN = "values are not looked at while a graph is made: an integer by 0 is 0, on every device"

DIFFERENT: Mapping[str, str] = {
    "broadcasting: promotion of pairs of types": "uint8 and int8 make int32: there is no int16",
    "learning: a data set of dictionaries": "Python's floats are collated to float32, as `tensor` makes of them",
    "mistakes: numpy of what needs a gradient": SEEN,
    "mistakes: division of integers by zero": UNSEEN,
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
