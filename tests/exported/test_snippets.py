"""The snippets of docs/runtimes.md, each in a process that cannot import Kindling, against what Kindling writes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kindling
from kindling.exported.formats import FORMATS
from tests.support.weights import seeded

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"`--to ([\w-]+)`[^\n]*:\n\n```python\n(.*?)```", PAGE, re.DOTALL))
BARRED = "import sys; sys.modules.update(dict.fromkeys(('kindling', 'kind_tf', 'kind_torch', 'convert')))\n"


def test_there_is_one_for_each_form_of_twenty_lines_at_most():
    assert set(SNIPPETS) == set(FORMATS)
    assert max(len(snippet.splitlines()) for snippet in SNIPPETS.values()) <= 20


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("form", FORMATS)
def test_a_snippet_makes_the_picture(form, tmp_path):
    for module in FORMATS[form].written_with:
        pytest.importorskip(module)
    import convert

    convert.write(tmp_path / "weights.npz", seeded())
    kindling.export(tmp_path / "weights.npz", tmp_path / "exported", form)
    noise = np.random.default_rng(1).integers(0, 90, (37, 50, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "dark.png")
    run = subprocess.run([sys.executable, "-c", BARRED + SNIPPETS[form]], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    ours = kindling.enhance(noise, kindling.open_model(tmp_path / "weights.npz"), 2.0, protocol="blend")
    theirs = np.asarray(Image.open(tmp_path / "brighter.png"))
    assert np.abs(ours.astype(int) - theirs).max() <= 1
