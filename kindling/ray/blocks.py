"""What is given to an actor at a time.

Batches that are all alike leave an actor waiting at the end of a run, for as long as another takes for its last one. So
where it does not matter which photos are together, a batch is no more than one actor's share of half of what is left
(after factoring: Hummel, Schonberg and Flynn 1992).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

__all__ = ["batched", "blocks", "shrinking"]

Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def shrinking(items: Sequence[Item], size: int, actors: int) -> Iterator[list[Item]]:
    """Lists of `size` items, and of fewer when there are few left for each of `actors`.

    >>> [len(batch) for batch in shrinking(range(60), 16, 2)]
    [15, 11, 8, 6, 5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]
    """
    first = 0
    while left := len(items) - first:
        count = max(1, min(size, left // (2 * actors)))
        yield list(items[first : first + count])
        first += count


def blocks(
    tasks: Sequence[Mapping[str, Any]], batch: int, actors: int | None = None
) -> Iterator[list[Mapping[str, Any]]]:
    """`batch` photos each, or, if told for how many `actors`, fewer at the end; of Parquet a row group, read once.

    Files that stand between Parquet's row groups are a run of their own, with fewer at its end.
    """
    for (kind, _, _), group in groupby(tasks, key=_group):
        together = list(group)
        if kind == "parquet":
            yield together
        else:
            yield from batched(together, batch) if actors is None else shrinking(together, batch, actors)


def _group(task):
    return (task["kind"], task["location"], task["at"]) if task["kind"] == "parquet" else ("file", "", 0)
