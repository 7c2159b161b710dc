"""Measurements behind the figures in the docs: `python -m benchmarks.NAME`, in the root of a checkout.

Not `python benchmarks/NAME.py`: then Python looks for every import in this folder first, where an `enhance` lies too.
"""

import argparse
import re


def parser(doc: str) -> argparse.ArgumentParser:
    """A parser of the arguments of a benchmark, whose help is the benchmark's docstring `doc`."""
    name = re.search(r"python -m (benchmarks\.\w+)", doc)
    assert name, "a benchmark's docstring opens with the line that runs it"
    return argparse.ArgumentParser(
        prog=f"python -m {name[1]}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
