"""Where authors keep the weights that they trained: files by address, size and sha256, which a family's row lists."""

from dataclasses import dataclass

__all__ = ["DATA", "Archive", "Original", "Originals"]

DATA = "model.ckpt.data-00000-of-00001"


@dataclass(frozen=True)
class Original:
    """One file of the authors'."""

    path: str
    """In the authors' layout, as it will lie in the folder."""
    size: int
    sha256: str = ""
    """None: its tensors are held against the checksums in the index beside it."""
    url: str = ""
    """None: it is in the archive."""


@dataclass(frozen=True)
class Archive:
    """The zip that holds what the repository does not."""

    url: str
    page: str
    """For a person with a browser."""
    largest: int
    """Bytes after which it is something else."""


@dataclass(frozen=True)
class Originals:
    """All that can be had of a family's weights."""

    files: tuple[Original, ...]
    archive: Archive | None = None
