"""`kindling parity --port --reference`: a net of one's own against its original, by the command."""

import json
import re

import numpy as np
import pytest

from kindling.cli import main

pytestmark = [pytest.mark.torch]
NET = """
import numpy as np
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 1)
        self.last = torch.nn.Conv2d(4, 2, 1)
        for k, parameter in enumerate(self.parameters()):
            parameter.data = torch.linspace(-1 - k, 1, parameter.numel()).reshape(parameter.shape)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


class NoRelu(Net):
    def forward(self, x):
        return self.last(self.first(x))


def original(x):
    state = {key: value.numpy().astype(x.dtype) for key, value in Net().state_dict().items()}
    first = np.maximum(x @ state["first.weight"][..., 0, 0].T + state["first.bias"], 0)
    return {"first": first, "last": first @ state["last.weight"][..., 0, 0].T + state["last.bias"]}


def broken():
    raise ValueError("no weights")
"""


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    return f"{tmp_path / 'net.py'}:"


def test_a_right_port(net, capsys):
    assert main(["parity", "--port", f"{net}Net", "--reference", f"{net}original", "--shape", "2x5x7x3"]) == 0
    assert "Net computes what original computes: 1 outputs and 2 layers compared, all pass" in capsys.readouterr().out


def test_a_wrong_one_is_named_with_its_fault(net, tmp_path, capsys):
    files = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]
    command = ["parity", "--port", f"{net}NoRelu", "--reference", f"{net}original", "--shape", "1x5x7x3", *files]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "the first layer that differs is NoRelu/last" in said
    assert "diagnosis: first is followed by a relu in the reference" in said
    assert "diagnosis: with that put right, NoRelu computes the reference" in said
    assert "followed by a relu" in (tmp_path / "r.html").read_text()
    record = json.loads((tmp_path / "r.json").read_text())
    assert [finding["kind"] for finding in record["diagnosis"]] == ["activation", "together"]


def test_input_from_files_and_weights_from_a_file(net, tmp_path):
    import torch

    np.save(tmp_path / "x.npy", np.ones((1, 2, 3, 3), np.float32))
    np.savez(tmp_path / "x.npz", x=np.ones((1, 2, 3, 3)))
    torch.save({"first.weight": torch.zeros(4, 3, 1, 1)}, tmp_path / "part.pth")
    given = ["--input", str(tmp_path / "x.npy"), "--input", str(tmp_path / "x.npz")]
    assert main(["parity", "--port", f"{net}Net", "--reference", f"{net}original", *given]) == 0


WRONG = {
    "a port alone": (["--port", "{net}Net"], "--port and --reference go together.*"),
    "nothing to run on": (["--port", "{net}Net", "--reference", "{net}original"], "what shall the two be run on.*"),
    "a shape that is none": (
        ["--port", "{net}Net", "--reference", "{net}original", "--shape", "axb"],
        "--shape axb: expected sizes such as 1x37x51x3.*",
    ),
    "KinD's options": (
        ["--port", "{net}Net", "--reference", "{net}original", "--size", "3x3"],
        "--size is of KinD, and not of a --port of your own",
    ),
    "a port's options for KinD": (["--shape", "1x2x3x3"], "--shape is of a --port of your own"),
    "a port that cannot be built": (
        ["--port", "{net}broken", "--reference", "{net}original", "--shape", "1x2x3x3"],
        r"--port .*net\.py:broken: calling it fails: ValueError: no weights",
    ),
    "a reference that is not there": (
        ["--port", "{net}Net", "--reference", "no/where", "--shape", "1x2x3x3"],
        "--reference no/where: expected FILE.py:NAME.*",
    ),
    "an input that is not there": (
        ["--port", "{net}Net", "--reference", "{net}original", "--input", "no.npy"],
        r"no\.npy: no such file",
    ),
    "weights of another net": (
        [
            "--port",
            "{net}Net",
            "--reference",
            "{net}original",
            "--shape",
            "1x2x3x3",
            "--torch-weights",
            "{tmp}/part.pth",
        ],
        r".*part\.pth: is not the state of .*Net: Missing key.*",
    ),
}


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_named_wrong_is_one_sentence(arguments, sentence, net, tmp_path, capsys):
    import torch

    torch.save({"first.weight": torch.zeros(4, 3, 1, 1)}, tmp_path / "part.pth")
    assert main(["parity", *(one.format(net=net, tmp=tmp_path) for one in arguments)]) == 2
    assert re.fullmatch(f"kindling: {sentence}\n", capsys.readouterr().err)
