"""What is made of an index: the settings of a stream of minibatches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from augment.errors import DataError
from augment.transforms import Intervals

__all__ = ["Recipe", "Task"]

Task = Literal["detection", "calibration", "classes"]


@dataclass(frozen=True)
class Recipe:
    """How minibatches are made of an index; small, and sent to every process that makes some.

    Attributes
    ----------
    side : int
        Rows and columns of a crop: the net's input.
    batch_size : int
        Samples in a minibatch.
    task : {'detection', 'calibration', 'classes'}
        What an epoch shows. ``'detection'``: every face once, and backgrounds beside them;
        ``'calibration'``: every face once in each of the 45 classes of `augment.calibration`, which
        are the labels; ``'classes'``: every row once, with the index's label.
    intervals : Intervals or None
        From where random changes are drawn. Of drawn background squares and of calibration crops
        the geometry is not changed, they are only mirrored. None cuts frames as they stand.
    backgrounds_per_face : float
        Ratio inside each minibatch of ``'detection'``; 0 gives faces alone.
    smallest : float
        Shortest side in pixels of a drawn background square: the smallest face that will be looked
        for.

    Raises
    ------
    DataError
        If a value is not as said.
    """

    side: int
    batch_size: int
    task: Task = "detection"
    intervals: Intervals | None = field(default_factory=Intervals)
    backgrounds_per_face: float = 1.0
    smallest: float = 20.0

    def __post_init__(self) -> None:
        for name in ("side", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise DataError(f"Recipe.{name} must be a whole number above 0; got {value!r}")
        if self.task not in get_args(Task):
            raise DataError(f"Recipe.task must be one of {get_args(Task)!r}; got {self.task!r}")
        if not self.backgrounds_per_face >= 0:
            raise DataError(
                "Recipe.backgrounds_per_face must not be negative; "
                f"got {self.backgrounds_per_face!r}"
            )
        if not self.smallest > 0:
            raise DataError(f"Recipe.smallest must be positive; got {self.smallest!r}")
        if self.task == "detection" and self.faces_in_batch < 1:
            raise DataError(
                f"a batch of {self.batch_size!r} with {self.backgrounds_per_face!r} backgrounds "
                "per face has no face; make it larger"
            )

    @property
    def faces_in_batch(self) -> int:
        """Faces in each minibatch of ``'detection'``; they come first."""
        return round(self.batch_size / (1 + self.backgrounds_per_face))

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        values = {name: value for name, value in asdict(self).items() if name != "intervals"}
        intervals = None if self.intervals is None else self.intervals.as_dict()
        return {**values, "intervals": intervals}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The settings that `as_dict` gave."""
        intervals = values["intervals"]
        known = None if intervals is None else Intervals.from_dict(intervals)
        return cls(**{**values, "intervals": known})
