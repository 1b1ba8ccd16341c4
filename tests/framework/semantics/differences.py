"""The scripts that do not leave what torch leaves: those that are meant not to, and those that wait to be mended."""

from __future__ import annotations

from collections.abc import Mapping

SHARING = (
    "a tensor holds its own values: NumPy's memory is copied in and shown out, so that a device may keep them anywhere"
)
ADDRESSES = "a value has no address: it may be on any device, or not be computed yet"

DIFFERENT: Mapping[str, str] = {
    "broadcasting: promotion of pairs of types": "uint8 and int8 make int32: there is no int16",
    "views: the same address or not": ADDRESSES,
    "views: strides and offsets": ADDRESSES,
    "views: is a view of the same storage": ADDRESSES,
    "views: numpy shares with the tensor": SHARING,
    "views: tensor() copies what it is given": SHARING,
    "views: reshape copies only where it must": "reshape is always a view: no strides forbid it",
    "views: view refuses what reshape copies": "view is possible whatever was transposed before, as reshape is",
    "views: a window over a row": "windows are gathered, and are no view",
    "writing: changing what the backward pass needs is refused": "values are never overwritten, so "
    "the gradient is that of what was computed",
}
"""Script → why weft does otherwise; such a script has to leave something else."""

INDEX_TENSORS = "index tensors and masks in brackets are not read or written yet"

OPEN: Mapping[str, str] = {
    "broadcasting: broadcast shapes and tensors": "broadcast_shapes and broadcast_tensors are missing",
    "views: advanced indexing copies": INDEX_TENSORS,
    "views: data shares and records nothing": ".data is missing",
    "writing: writing by a mask": INDEX_TENSORS,
    "writing: writing values by a mask": INDEX_TENSORS,
    "writing: a mask of rows": INDEX_TENSORS,
    "writing: writing at places": INDEX_TENSORS,
    "writing: augmented assignment at repeated places counts once": INDEX_TENSORS,
    "writing: index_put_ with accumulate": "index_put_ is missing",
    "writing: one-hot by scatter_": INDEX_TENSORS,
    "writing: an in-place activation": "relu_ is missing",
    "writing: random filling": "uniform_, normal_ and bernoulli_ are missing",
}
"""Script → what it waits for; take it out when it leaves the same."""
