"""Ray itself: connecting or starting it quietly, and who gets which share of cores and GPUs."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kindling.core.errors import KindlingError
from kindling.core.optional import import_framework, stderr_held_back
from kindling.core.packages import own
from kindling.exported.description import is_export, read_description
from kindling.families.family import Family
from kindling.families.registry import KIND, family_called, family_of
from kindling.runtimes import Precision, default_weights, find_runtime, open_arrays, open_weights

__all__ = ["Share", "Weights", "connected", "goes_on", "options", "read_weights", "share_of"]

STORE = 256e6  # bytes of the object store of a Ray that is started here: no photo goes through it
LOCAL = "local"  # ray.init's word for a cluster of its own
MEMORY = 2e9  # bytes that an actor may take: 1 GB for the nets, and the photo beside them
# Read by Ray when it is imported or started.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many actors there are, and what each of them has."""

    actors: int
    cpus: float
    gpus: float


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What an actor opens its model with. The arrays travel by Ray's object store, so no node needs the file."""

    variables: Any
    """By slim name, or a reference to that; None of an export, which every node must see."""
    said: Mapping[str, str]
    source: str
    fingerprint: str
    runtime: str
    device: str
    precision: Precision
    family: Family
    nets: frozenset[str]

    def opened(self) -> Any:
        """The model, in the process that calls. Raises KindlingError as `kindling.runtimes.open_weights`."""
        ray = import_framework("ray", "--on ray")
        if self.variables is None:
            return open_weights(self.source, self.runtime, device=self.device, precision=self.precision)[0]
        variables = ray.get(self.variables) if isinstance(self.variables, ray.ObjectRef) else self.variables
        variables = {name: array.copy() for name, array in variables.items()}  # those of the store are read-only
        return open_arrays(
            variables, self.runtime, device=self.device, precision=self.precision, source=self.source, said=self.said
        )

    def stored(self) -> "Weights":
        """These, with the arrays in Ray's object store."""
        ray = import_framework("ray", "--on ray")
        return self if self.variables is None else replace(self, variables=ray.put(self.variables))


def read_weights(
    weights: str | os.PathLike[str] | None, runtime: str, device: str, precision: Precision, family: str = ""
) -> Weights:
    """The weights, read where the run is started, without any framework. Raises KindlingError if they are not sound."""
    find_runtime(runtime)
    path = Path(weights if weights is not None else default_weights()).absolute()
    told: dict[str, Any] = {"source": str(path), "runtime": runtime, "device": device, "precision": precision}
    if is_export(path):
        description = read_description(path)
        of = family_called(description.family)
        return Weights(
            variables=None, said=description.said, fingerprint=description.weights, family=of,
            nets=frozenset(description.nets), **told,
        )  # fmt: skip
    convert = own("convert")
    variables, said = convert.read_all(path, family=family)
    of = family_of(variables, said.get("family", "")) or KIND
    return Weights(
        variables=variables, said=said, fingerprint=convert.fingerprint(variables), family=of,
        nets=frozenset(of.nets_in(variables)), **told,
    )  # fmt: skip


@contextlib.contextmanager
def connected(address: str | None = None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster, or to one of this machine alone that ends with the context.

    address: as ray.init has it: "auto", HOST:PORT, ray://...; by default $RAY_ADDRESS, or this machine. A program that
    is connected already stays so. Raises KindlingError if there is no such cluster.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    ray = import_framework("ray", "--on ray")
    if ray.is_initialized():  # by the program that calls, whose logging and cluster they are
        yield ray
        return
    where = _where(address)  # without one Ray would join what `ray start` left on this machine
    alone = {"include_dashboard": False, "object_store_memory": STORE} if where == LOCAL else {}
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"ray\..*")
        logging.disable(logging.WARNING)  # Ray sets its own loggers' levels anew with every data set
        try:
            try:
                with stderr_held_back():  # its native part says that it was told to say nothing
                    ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **alone)
            except Exception as error:  # Ray raises bare ones too
                where = f"--address {address}" if address else "Ray"
                raise KindlingError(f"{where}: there is no cluster: {' '.join(str(error).split())}") from error
            ray.data.DataContext.get_current().enable_progress_bars = False
            yield ray
        finally:
            ray.shutdown()
            logging.disable(before)


def goes_on(address: str | None) -> bool:
    """True if Ray, and so an actor that was not told to stop, may outlive `connected`."""
    return _where(address) != LOCAL or bool(import_framework("ray", "--on ray").is_initialized())


def _where(address):
    return address or os.environ.get("RAY_ADDRESS") or LOCAL


def share_of(resources: Mapping[str, float], actors: int | None = None, device: str = "auto", spare: int = 0) -> Share:
    """Cores and GPUs for each actor: one on each GPU, or else one on each core, as far as the memory reaches.

    resources: what ray.cluster_resources() says. actors: how many, if not so many. spare: cores that are left to other
    work. Raises KindlingError if there is no room for so many.

    >>> share_of({"CPU": 16, "GPU": 2})
    Share(actors=2, cpus=8, gpus=1.0)
    >>> share_of({"CPU": 8, "memory": 6e9})
    Share(actors=3, cpus=2, gpus=0.0)
    """
    cores = max(int(resources.get("CPU", 1)) - spare, 1)
    gpus = 0.0 if device.startswith("cpu") else resources.get("GPU", 0.0)
    room = max(int(resources.get("memory", cores * MEMORY) / MEMORY), 1)
    count = actors or (int(gpus) if gpus else min(cores, room))
    if count > cores:
        raise KindlingError(f"{count} actors need a core each, and there are {cores}")
    each = 0.0 if not gpus else gpus / count if count <= gpus else 1 / -(-count // int(gpus))
    return Share(actors=count, cpus=cores // count, gpus=float(int(each)) if each > 1 else each)


def options(share: Share, most: int | None = None) -> dict[str, Any]:
    """Of Ray Data's map_batches, whose actors come back when they are killed, and then do their task again.

    most: tasks there are, and so actors that have something to do.
    """
    from ray.data import ActorPoolStrategy

    # Two tasks wait at each actor, so that it is never idle; Ray sets OMP_NUM_THREADS by num_cpus.
    size = min(share.actors, most or share.actors)
    pool = ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=2)
    return {"compute": pool, "num_cpus": share.cpus, "num_gpus": share.gpus}
