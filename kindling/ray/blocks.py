"""What is given to an actor at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

__all__ = ["batched", "blocks"]

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def blocks(tasks: Sequence[Mapping[str, Any]], batch: int) -> Iterator[list[Mapping[str, Any]]]:
    """`batch` photos each; of Parquet a row group, which is gone through once."""
    for (kind, _, _), group in groupby(tasks, key=_group):
        together = list(group)
        yield from [together] if kind == "parquet" else batched(together, batch)


def _group(task):
    return (task["kind"], task["location"], task["at"]) if task["kind"] == "parquet" else ("file", "", 0)
