"""The walk through docs/carry-your-own.md: its files are as short as it says, its outputs those that it shows."""

import re
import shutil
from pathlib import Path

import pytest

from convert.generic import files
from convert.soundness import differences
from kindling.cli import main
from kindling.core.factories import load

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "carry-your-own.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "carry_gladnet"


def test_a_person_writes_fewer_than_sixty_lines():
    lines = [line for line in (EXAMPLE / "port.py").read_text().splitlines() if line.strip()]
    assert len(lines) < 60
    net = (EXAMPLE / "port.py").read_text().split("class FirstTry")[0]
    assert int(re.search(r"(\d+) lines for the net", PAGE)[1]) == len(
        [line for line in net.splitlines() if line.strip()]
    )


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.torch
def test_gladnet_is_carried_and_the_first_try_is_told_why(tmp_path, monkeypatch, capsys):
    shutil.copytree(EXAMPLE, tmp_path / "glad")
    monkeypatch.chdir(tmp_path / "glad")
    load("original.py:save", "the example")()
    assert main(["map", "model/GLADNet", "--torch", "port.py:GLADNet", "-o", "glad.toml"]) == 0
    text = Path("glad.toml").read_text()
    for line in re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1].splitlines():
        assert line in text.splitlines()
    convert = ["convert", "model/GLADNet", "glad.pth", "--map", "glad.toml"]
    assert main(convert) == 2
    assert "line 5: the row is marked doubtful (told by name and order alone: 11" in capsys.readouterr().err
    Path("glad.toml").write_text(re.sub(', doubtful = "[^"]*"', "", text))
    assert main(convert) == 0
    assert main(["convert", "glad.pth", "back.npz", "--map", "glad.toml"]) == 0
    original, back = files.read(Path("model/GLADNet")).variables, files.read(Path("back.npz")).variables
    assert len(back) == 34
    assert differences({name: original[name] for name in back}, back) == []
    capsys.readouterr()
    parity = ["--torch-weights", "glad.pth", "--reference", "original.py:run", "--shape", "1x19x22x3"]
    assert main(["parity", "--port", "port.py:GLADNet", *parity]) == 0
    told = capsys.readouterr().out
    assert "GLADNet computes what run computes: 1 outputs and 17 layers compared, all pass" in told
    assert main(["parity", "--port", "port.py:FirstTry", *parity]) == 1
    told = capsys.readouterr().out
    for line in PAGE.splitlines():
        if line.startswith(("random 1x19x22x3: ", "diagnosis: ")):
            assert line in told
