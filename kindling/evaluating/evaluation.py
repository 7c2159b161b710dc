"""A whole evaluation: what is to be measured is settled first, then measured picture by picture.

One picture that cannot be read, or has another size than its partner, is a failure with a sentence, and the rest goes
on. What is measured is written as it comes: pictures one by one, figures at the end of what there is, after Ctrl-C too.
"""

import importlib.metadata
import os
import platform
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, refuse_existing, staging
from kindling.core.model import Model
from kindling.enhancing.needed import check_needed
from kindling.enhancing.render import choose_grid
from kindling.evaluating import metrics, tables
from kindling.evaluating.pairs import BY_STEM, Pairs, Results, find_results, search
from kindling.evaluating.scores import (
    METHOD,
    PROTOCOLS,
    Score,
    Settings,
    Summary,
    summary_of,
)
from kindling.evaluating.steps import Measured, Step, outcomes
from kindling.photos.find import find
from kindling.version import __version__

__all__ = ["Evaluation", "Measured", "Plan", "measure", "plan"]

FIGURES = tuple(f"evaluation.{suffix}" for suffix in ("csv", "json", "md", "tex"))
MEASURED_WITH = ("numpy", "scikit-image", "Pillow", "pyvips")

Folder = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be measured, settled before any weights are read."""

    pairs: Pairs | None
    """What the model is to enhance; None if only other methods' pictures are measured."""
    results: tuple[Results, ...] = ()
    out: Path | None = None
    """Where pictures and figures go; None to write nothing."""

    @property
    def total(self) -> int:
        """Pictures to measure."""
        return len(self.pairs.pairs if self.pairs else ()) + sum(len(result.pictures) for result in self.results)

    def target(self, low: Path) -> Path | None:
        """The file of the picture that is made of `low`."""
        return self.out / f"{low.stem}_kindle.png" if self.out else None


@dataclass(kw_only=True)
class Evaluation:
    """What was measured, of one method or several; it grows while it is made."""

    total: int
    """Pictures to measure."""
    done: int = 0
    """Pictures that were tried."""
    scores: list[Score] = field(default_factory=list)
    files: list[Measured] = field(default_factory=list)
    """Of each score, in the same order."""
    failures: list[str] = field(default_factory=list)
    """A sentence for each picture that was not measured, and each photo without a partner."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the figures must know, such as that they are not blind."""
    stopped: bool = False
    """True if it did not come to its end."""
    about: dict[str, object] = field(default_factory=dict)
    """What the figures were made with, as evaluation.json says it."""

    @property
    def summaries(self) -> list[Summary]:
        """The means of each method that has a score."""
        methods = dict.fromkeys(score.method for score in self.scores)
        return [summary_of([score for score in self.scores if score.method == method]) for method in methods]

    def table(self, kind: str) -> str:
        """The figures as text. kind: csv, json, md or tex."""
        if kind == "json":
            about = {**self.about, "notes": self.said(), "stopped": self.stopped, "failures": self.failures}
            return tables.as_json(about, self.scores, self.summaries)
        if kind not in tables.WRITERS:
            raise KindlingError(f"there is no table {kind!r}; there are {', '.join(tables.WRITERS)}, json")
        return tables.WRITERS[kind](self.scores, self.summaries, self.said())

    def said(self) -> list[str]:
        """Notes, and what must be said of the figures as they stand."""
        unequal = ["methods were measured on different images, so their means do not compare"] if self._unlike() else []
        short = ["stopped before its end"] if self.stopped else []
        return [*self.notes, *unequal, *short]

    def _unlike(self):
        images: dict[str, set[str]] = {}
        for score in self.scores:
            images.setdefault(score.method, set()).add(score.image)
        return len(set(map(frozenset, images.values()))) > 1


def plan(
    low: Folder | None,
    high: Folder | None = None,
    results: Iterable[Folder] | Mapping[str, Folder] = (),
    out: Folder | None = None,
    force: bool = False,
) -> Plan:
    """Find all that is to be measured, and refuse what cannot be.

    low, high: two folders, two photos, or, without high, one folder whose layout `kindling.evaluating.pairs.search`
    recognises; without low, only `results` are measured, against `high`. results: folders of pictures by other methods,
    by the method's name, or called like the folder. Raises KindlingError where there is nothing to measure, or, unless
    `force`, a file that would be written is there already.
    """
    folders = _named(results)
    if low is None and not folders:
        raise KindlingError("there is nothing to measure: name LOW and HIGH, or --results and --high")
    if low is None and high is None:
        raise KindlingError("pictures are measured against well-lit partners: name their folder with --high")
    if low is not None and METHOD in folders:
        raise KindlingError(f"{folders[METHOD]}: {METHOD} is the name of our own pictures; give NAME={folders[METHOD]}")
    pairs = search(Path(low), Path(high) if high is not None else None) if low is not None else None
    if pairs:
        partners = [partner for _, partner in pairs.pairs]
    else:
        assert high is not None
        partners = [photo.path for photo in find([Path(high)]).photos]
    found = tuple(find_results(folder, partners, name) for name, folder in folders.items())
    made = Plan(pairs=pairs, results=found, out=Path(out) if out is not None else None)
    _refuse_targets(made, force)
    return made


def measure(
    plan: Plan,
    model: Model | None = None,
    settings: Settings | None = None,
    *,
    about: Mapping[str, object] | None = None,
    each: Callable[..., Iterable[tuple[int, Score | str]]] | None = None,
    progress: Callable[[Evaluation], None] = lambda evaluation: None,
) -> Evaluation:
    """Enhance and measure all that `plan` lists. progress: told of the evaluation after every picture, as far as it is.

    about: what is known of the weights, for evaluation.json. each: what works the steps off, in any order, in place of
    `kindling.evaluating.steps.outcomes`. On Ctrl-C the figures so far are written, and KeyboardInterrupt goes on.
    Raises KindlingError if the model lacks a net, or the figures cannot be written.
    """
    settings = settings or Settings()
    if plan.pairs and model is None:
        raise KindlingError("there are dark photos to enhance, and no model to do it with")
    if model is not None and each is None:
        choose_grid((1, 1), settings.tile, model)  # a wrong word is said once, not of every photo
    if model is not None and plan.pairs:
        check_needed(model, settings.denoise)
    evaluation = Evaluation(total=plan.total, about=_about(plan, model, settings, about or {}))
    evaluation.notes += _what_to_know(plan, settings, model)
    evaluation.failures += [
        *(plan.pairs.problems if plan.pairs else ()),
        *(p for r in plan.results for p in r.problems),
    ]
    try:
        distance = metrics.lpips()
    except KindlingError as error:
        distance = None
        evaluation.notes.append(f"LPIPS is left out: {error}")
    scored: list[int] = []
    try:
        steps = _steps(plan)
        for number, result in (each or outcomes)(steps, model, settings, distance):
            if isinstance(result, Score):
                place = bisect(scored, number)  # in the order of the steps, whichever is done first
                scored.insert(place, number)
                evaluation.scores.insert(place, result)
                evaluation.files.insert(place, steps[number].files)
            else:
                evaluation.failures.append(result)
            evaluation.done += 1
            progress(evaluation)
    except KeyboardInterrupt:
        evaluation.stopped = True
        raise
    finally:
        if plan.out and evaluation.scores:
            _write(plan.out, {name: evaluation.table(name.rpartition(".")[2]) for name in FIGURES})
    return evaluation


def _steps(plan):
    """The pictures, in the order of the figures."""
    pairs = plan.pairs.pairs if plan.pairs else ()
    found = [Step(photo=low, partner=high, image=low.name, dark=low, target=plan.target(low)) for low, high in pairs]
    darks = {high: low for low, high in pairs}
    for result in plan.results:
        for picture, partner in result.pictures:
            dark = darks.get(partner)
            image = (dark or partner).name
            found.append(Step(photo=picture, partner=partner, image=image, dark=dark, method=result.method))
    return found


def _write(out, texts):
    with staging(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        for name in texts:
            move_into_place(folder / name, out / name)


def _refuse_targets(plan, force):
    if not plan.out:
        return
    if plan.out.exists() and not plan.out.is_dir():
        raise KindlingError(f"{plan.out}: is a file, and -o wants a folder")
    photos = [photo for pair in plan.pairs.pairs for photo in pair] if plan.pairs else []
    targets = [plan.target(low) for low, _ in plan.pairs.pairs] if plan.pairs else []
    read = {
        os.path.realpath(photo) for photo in [*photos, *(path for r in plan.results for p in r.pictures for path in p)]
    }
    eaten = [str(target) for target in targets if os.path.realpath(target) in read]
    if eaten:
        raise KindlingError.of("a photo would be overwritten", eaten, "write to another folder")
    refuse_existing([*targets, *(plan.out / name for name in FIGURES)], force)


def _about(plan, model, settings, about):
    """What the figures hang on, in the order of evaluation.json."""
    versions = {name: importlib.metadata.version(name) for name in MEASURED_WITH}
    made: dict[str, object] = {"kindling": __version__}
    if plan.pairs:
        told = model.family.ratio is not None
        made |= {"runtime": model.runtime, "device": model.device, "precision": model.precision, **about}
        made |= {
            "family": model.family.title,
            "ratio_mode": settings.ratio_mode if told else "none",
            "blind": (settings.ratio != "gt" or not told) and not settings.gt_mean,
            "protocol": f"{settings.protocol}: {PROTOCOLS[settings.protocol].what}",
            "denoise": settings.denoise,
            "pairing": plan.pairs.rule,
        }
    if plan.results:
        made["results"] = BY_STEM
    made["gt_mean"] = metrics.GT_MEAN if settings.gt_mean else False
    said = about.get("versions", {})
    made["versions"] = {"python": platform.python_version(), **versions, **(said if isinstance(said, Mapping) else {})}
    return made


def _what_to_know(plan, settings, model):
    notes = []
    if plan.pairs:
        told = model.family.ratio is not None
        ratio = f"ratio {settings.ratio_mode}" if told else f"{model.family.title} is told no ratio"
        notes += [f"pairs: {plan.pairs.rule}", ratio, f"protocol {settings.protocol}"]
        notes += ["ratio taken from the well-lit partners: not blind"] if told and settings.ratio == "gt" else []
        notes += [f"denoise {settings.denoise:g}"] if settings.denoise < 1 else []
        notes += plan.pairs.notes
    notes += ["brightness set to the partners' before measuring: not blind"] if settings.gt_mean else []
    notes += [f"results: {BY_STEM}"] if plan.results else []
    return notes + [note for result in plan.results for note in result.notes]


def _named(results):
    """Folders by the names of their methods; text may be NAME=DIR."""
    if isinstance(results, Mapping):
        return {name: Path(folder) for name, folder in results.items()}
    folders: dict[str, Path] = {}
    for given in [results] if isinstance(results, (str, os.PathLike)) else results:
        name, equals, rest = os.fspath(given).partition("=")
        named = bool(equals and name and rest) and not Path(given).is_dir()
        folder = Path(rest if named else given)
        name = name if named else folder.resolve().name
        if name in folders:
            raise KindlingError(f"{folders[name]} and {folder} are both called {name}; give one as NAME={folder}")
        folders[name] = folder
    return folders
