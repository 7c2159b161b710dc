"""What the page takes from strangers, and how much of this machine they may have."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Raising one costs memory, disk or time of everybody who looks at the page."""

    megabytes: float = 200.0
    """Of one file that is uploaded."""
    megapixels: float = 100.0
    """Of one photo."""
    photos: int = 50
    """Of one person at a time."""
    together: float = 2000.0
    """Megabytes of all photos of one person."""
    files: int = 50
    """Of one checkpoint."""
    checkpoint: float = 500.0
    """Megabytes of all files of one checkpoint; a person has four checkpoints at most."""
    people: int = 32
    """Who have photos here at a time; the one who did nothing for longest makes room."""
    queue: int = 32
    """Requests that wait; one more is told to try again."""
    preview: int = 600
    """Pixels of the longer side of what the sliders move: 400x600 takes a tenth of a second."""

    @property
    def bytes(self) -> int:
        """Of one file that is uploaded."""
        return int(self.megabytes * 1_000_000)
