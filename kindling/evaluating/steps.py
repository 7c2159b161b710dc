"""One picture of an evaluation, as a record that can be worked off anywhere: in this process, or in another one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kindling.core.errors import KindlingError, MissingNetError
from kindling.core.files import move_into_place, staging
from kindling.core.model import Model
from kindling.evaluating.metrics import Distance
from kindling.evaluating.scores import METHOD, Score, Settings, enhance_pair, measure_file, score_of
from kindling.photos.photo import write_photo

__all__ = ["Measured", "Step", "outcome", "outcomes"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The files that a score is of."""

    picture: Path | None
    """None for one that was written nowhere."""
    partner: Path
    dark: Path | None = None
    """None for another method's picture where no dark photo was given."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One picture to measure: of a dark photo, which is enhanced first, or another method's."""

    photo: Path
    """The dark photo, or the other method's picture: what errors name."""
    partner: Path
    image: str
    dark: Path | None = None
    """None for another method's picture where no dark photo was given."""
    method: str = METHOD
    target: Path | None = None
    """Where the enhanced picture goes; None to write nothing."""

    @property
    def files(self) -> Measured:
        """What its score is of."""
        return Measured(
            picture=self.target if self.method == METHOD else self.photo, partner=self.partner, dark=self.dark
        )

    def score(self, model: Model | None, settings: Settings, distance: Distance | None) -> Score:
        """Make the picture, measure it, write it. Raises KindlingError for what cannot be read or has another size."""
        if self.method != METHOD:
            return measure_file(self.photo, self.partner, self.image, self.method, settings.gt_mean, distance)
        assert model is not None  # measure() refuses pairs without one
        try:
            picture, ratio, truth = enhance_pair(self.photo, self.partner, model, settings)
        finally:
            model.rest()
        figures = score_of(picture, truth, settings.gt_mean, distance)
        if self.target:
            with staging(self.target.parent) as folder:
                write_photo(folder / self.target.name, picture)
                move_into_place(folder / self.target.name, self.target)
        protocol, gt_mean = settings.protocol, settings.gt_mean
        mode, taken = ("none", None) if model.family.ratio is None else (settings.ratio_mode, ratio)
        return Score(image=self.image, ratio_mode=mode, ratio=taken, protocol=protocol, gt_mean=gt_mean, **figures)


def outcome(step: Step, model: Model | None, settings: Settings, distance: Distance | None) -> Score | str:
    """The score, or the sentence that says why there is none. Raises MissingNetError, which concerns all pictures."""
    try:
        return step.score(model, settings, distance)
    except MissingNetError:
        raise
    except MemoryError:
        return f"{step.photo}: there is not enough memory for it"
    except KindlingError as error:
        return str(error) if str(step.photo) in str(error) else f"{step.photo}: {error}"


def outcomes(
    steps: Sequence[Step], model: Model | None, settings: Settings, distance: Distance | None
) -> Iterator[tuple[int, Score | str]]:
    """Each step's number and outcome, one after the other."""
    for number, step in enumerate(steps):
        yield number, outcome(step, model, settings, distance)
