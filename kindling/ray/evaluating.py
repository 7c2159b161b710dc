"""An evaluation on Ray: every picture is made and measured by an actor; figures and files are those of one process."""

import contextlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kindling.core.errors import KindlingError, MissingNetError
from kindling.core.optional import import_framework
from kindling.core.words import ProtocolName
from kindling.enhancing.render import Tile
from kindling.evaluating import evaluation, metrics
from kindling.evaluating.evaluation import Evaluation, Folder
from kindling.evaluating.scores import Score, Settings
from kindling.evaluating.steps import Step, outcome
from kindling.ray import cluster
from kindling.ray.blocks import batched
from kindling.ray.workers import open_quietly
from kindling.runtimes import RUNTIMES, Precision

__all__ = ["evaluate"]


def evaluate(
    low: Folder | None = None,
    high: Folder | None = None,
    *,
    model: str = "torch",
    weights: Folder | None = None,
    family: str = "",
    device: str = "auto",
    precision: Precision = "float32",
    ratio: float | Literal["auto", "gt"] = "gt",
    protocol: ProtocolName = "lol",
    gt_mean: bool = False,
    denoise: float = 1.0,
    tile: Tile = "auto",
    results: Iterable[Folder] | Mapping[str, Folder] = (),
    out: Folder | None = None,
    force: bool = False,
    address: str | None = None,
    actors: int | None = None,
    batch: int = 1,
    progress: Callable[[Evaluation], None] = lambda evaluation: None,
) -> Evaluation:
    """`kindling.evaluate` on Ray: the same figures, in the same order, and the same files.

    address, actors, batch: as in `kindling.ray.enhance`; all else as in `kindling.evaluate`. Folders must be seen by
    every node. Raises KindlingError as that, and where there is no cluster.
    """
    import_framework("ray", "--on ray")
    settings = Settings(ratio=ratio, protocol=protocol, gt_mean=gt_mean, denoise=denoise, tile=tile)
    plan = evaluation.plan(
        _absolute(low), _absolute(high), _absolute_all(results), None if out is None else _absolute(out), force
    )
    loaded = cluster.read_weights(weights, model, device, precision, family) if plan.pairs else None
    about: dict[str, object] = {}
    if loaded:
        about = {"weights": str(weights or loaded.source), "fingerprint": loaded.fingerprint, "versions": {}}
    seen: dict[str, Any] = {}
    with cluster.connected(address) as ray:
        share = cluster.share_of(ray.cluster_resources(), actors, device)

        def each(steps: Sequence[Step], *_: object) -> Iterator[tuple[int, Score | str]]:
            for number, result, facts in _outcomes(ray, steps, loaded, settings, share, batch):
                seen.update(facts)
                yield number, result

        def told(measured: Evaluation) -> None:
            versions = measured.about["versions"]
            if seen and isinstance(versions, dict):
                measured.about["device"] = seen["device"]
                versions[RUNTIMES[model].framework] = seen["version"]
            progress(measured)

        evaluating_model: Any = loaded  # as far as the figures speak of it
        return evaluation.measure(plan, evaluating_model, settings, about=about, each=each, progress=told)


class _Evaluator:
    """An actor's work: pickled steps to pickled outcomes."""

    def __init__(self, weights: cluster.Weights | None, settings: Settings):
        self.settings, self.model = settings, None
        self.facts: dict[str, object] = {}
        self.refusal: KindlingError | None = None
        self.distance: metrics.Distance | None = None
        with contextlib.suppress(KindlingError):  # the notes of the evaluation say why there is none
            self.distance = metrics.lpips()
        try:
            if weights is not None:
                self.model = open_quietly(weights)
                framework = RUNTIMES[weights.runtime].framework
                version = import_framework(framework, f"--runtime {weights.runtime}").__version__
                self.facts = {"device": self.model.device, "version": version}
        except KindlingError as error:
            self.refusal = error

    def __call__(self, table: Any) -> Any:
        import pyarrow as pa

        made = [self._outcome(*pickle.loads(step)) for step in table["step"].to_pylist()]
        return pa.table({"outcome": pa.array([pickle.dumps(result) for result in made], pa.binary())})

    def _outcome(self, number: int, step: Step) -> tuple[int, Score | str | KindlingError, Mapping[str, object]]:
        if self.refusal:
            return number, self.refusal, {}
        try:
            return number, outcome(step, self.model, self.settings, self.distance), self.facts
        except MissingNetError as error:
            return number, error, {}


def _outcomes(ray, steps, weights, settings, share, batch):
    import pyarrow as pa

    pickled = [pickle.dumps(step) for step in enumerate(steps)]
    given = {"weights": weights and weights.stored(), "settings": settings}
    blocks = [pa.table({"step": pa.array(block, pa.binary())}) for block in batched(pickled, batch)]
    dataset = ray.data.from_arrow(blocks).map_batches(
        _Evaluator, fn_constructor_kwargs=given, batch_size=None, batch_format="pyarrow",
        **cluster.options(share, len(blocks)),
    )  # fmt: skip
    for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for pickled_outcome in table["outcome"].to_pylist():
            number, result, facts = pickle.loads(pickled_outcome)
            if isinstance(result, KindlingError):
                raise result
            yield number, result, facts


def _absolute(folder: Folder | None) -> Path | None:
    return None if folder is None else Path(folder).absolute()


def _absolute_all(results: Any) -> Any:
    """NAME=DIR stays as it is where it is resolved; a folder becomes one that every worker finds."""
    if isinstance(results, Mapping):
        return {name: Path(folder).absolute() for name, folder in results.items()}
    made = []
    for given in [results] if isinstance(results, str) else results:
        name, equals, rest = str(given).partition("=")
        named = bool(equals and name and rest) and not Path(given).is_dir()
        made.append(f"{name}={Path(rest).absolute()}" if named else str(Path(given).absolute()))
    return made
