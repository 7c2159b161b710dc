"""python -m benchmarks.split SHARED OUT        OUT/<set>/train/{low,high} and OUT/<set>/val/{low,high}

Which pairs choose weights and train none: a list of names, and folders of links made by it. SHARED is the folder that
holds lol/our485 and pairs/{night,stacks,train}. benchmarks/validation.csv names the pairs that are kept apart; of LOL
whole scenes, since a scene is there at up to six exposures. `--choose` wrote that list.
"""

import csv
import re
from pathlib import Path

import numpy as np

from benchmarks import parser

LIST = Path(__file__).with_name("validation.csv")
SETS = {"lol": "lol/our485", "night": "pairs/night", "stacks": "pairs/stacks", "train": "pairs/train"}
SEED = 18
PREFIX = re.compile(r"^hdr__(\w+_downsampling_8_)?(imgs\d_)?|_datase$")
COUNTS = {"lol": 16, "night": 7, "stacks": 12, "train": 14}  # scenes of LOL, pairs of the others


def choose(shared: Path) -> list[tuple[str, str]]:
    """(set, name) of the pairs that are kept apart, drawn by SEED."""
    chosen = []
    for number, (name, folder) in enumerate(SETS.items()):
        random = np.random.default_rng([SEED, number])
        names = sorted(path.stem for path in (shared / folder / "low").iterdir())
        scenes = {one: one for one in names}
        if name == "lol":
            with (shared / folder / "scenes.csv").open(newline="") as file:
                scenes = {row["id"]: row["scene"] for row in csv.DictReader(file)}
        if name == "stacks":  # names that begin alike are of one place
            scenes = {one: "_".join(PREFIX.sub("", one).split("_")[:2]).rstrip("0123456789") for one in names}
        kept = set(random.permutation(sorted(set(scenes.values())))[: COUNTS[name]])
        chosen += [(name, one) for one in names if scenes[one] in kept]
    return chosen


def link(shared: Path, out: Path) -> None:
    """Make the folders, of links to SHARED's files."""
    with LIST.open(newline="") as file:
        kept = {(row["set"], row["name"]) for row in csv.DictReader(file)}
    for name, folder in SETS.items():
        for side in ("low", "high"):
            for path in sorted((shared / folder / side).iterdir()):
                part = out / name / ("val" if (name, path.stem) in kept else "train") / side
                part.mkdir(parents=True, exist_ok=True)
                if not (part / path.name).exists():
                    (part / path.name).symlink_to(path.resolve())


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("shared", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--choose", action="store_true", help="draw the list anew, instead of reading it")
    given = arguments.parse_args()
    if given.choose:
        with LIST.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("set", "name"), *choose(given.shared)])
    link(given.shared, given.out)


if __name__ == "__main__":
    main()
