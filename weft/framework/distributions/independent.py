"""A batch of distributions as one of vectors: the last axes of the batch become axes of the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from weft.framework.axes import count
from weft.framework.distributions.distribution import Distribution
from weft.framework.errors import ShapeError
from weft.framework.origin import user_line
from weft.framework.tensor import Tensor


class Independent(Distribution):
    """``base_distribution`` with its last axes of the batch as axes of the event: log_prob and entropy sum over them.

    Raises ShapeError for more axes than the batch has.
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        self.base_dist, self.has_rsample = base_distribution, base_distribution.has_rsample
        number = self.reinterpreted_batch_ndims = count(reinterpreted_batch_ndims, "reinterpreted_batch_ndims", 0)
        batch = base_distribution.batch_shape
        if number > len(batch):
            raise ShapeError(f"{user_line()}: Independent: {number} axes of a batch {list(batch)}")
        split = len(batch) - number
        super().__init__(batch[:split], (*batch[split:], *base_distribution.event_shape))

    @property
    def mean(self) -> Tensor:
        """That of the base."""
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """That of the base."""
        return self.base_dist.variance

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A draw of the base."""
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A draw of the base, with history."""
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The sum over the event."""
        return summed(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        """The sum over the event."""
        return summed(self.base_dist.entropy(), self.reinterpreted_batch_ndims)


def summed(value: Tensor, number: int) -> Tensor:
    """The sum over the last axes."""
    return value.sum(tuple(range(-number, 0))) if number else value
