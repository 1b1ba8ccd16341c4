"""From data to the batches of a training loop; the names are those of ``torch.utils.data``.

In the order of processing: ``datasets`` and ``combining`` (what there is), ``samplers`` (in which order), ``fetching``
and ``collate`` (from indices to a batch), ``workers``, ``exchange`` and ``pool`` (other processes do it), ``loader``;
``position`` is where an interrupted pass goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.framework.data.collate import default_collate, default_convert
from weft.framework.data.combining import ChainDataset, ConcatDataset, StackDataset, Subset, random_split
from weft.framework.data.datasets import Dataset, IterableDataset, TensorDataset
from weft.framework.data.errors import CollateError, DataError, WorkerError
from weft.framework.data.loader import DataLoader
from weft.framework.data.samplers import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from weft.framework.data.workers import WorkerInfo, get_worker_info
from weft.framework.refusals import unknown_name

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "CollateError",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerError",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
]

if not TYPE_CHECKING:  # a type checker is to go on reporting unknown names itself
    __getattr__ = unknown_name("data", globals())
