"""Exports: the same numbers as kind_torch in every form and at every size, or nothing; and what is refused."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import convert
import kindling
from kindling import KindlingError, api, runtimes
from kindling.exported import writing
from kindling.exported.description import FILE, read_description
from kindling.exported.formats import FORMATS
from kindling.families.registry import FAMILIES, KIND
from tests.support.families import SEEDS
from tests.support.families import seeded as seeded_of
from tests.support.weights import seeded

MODULES = {
    "onnx": ["torch", "onnx", "onnxruntime"],
    "openvino": ["torch", "onnx", "openvino"],
    "savedmodel": ["tensorflow"],
    "tflite": ["tensorflow"],
    "torch-export": ["torch"],
}
GRAPHS = ("onnx", "openvino")


def need(form):
    for module in MODULES[form]:
        pytest.importorskip(module)


@pytest.fixture(scope="module")
def adjust(tmp_path_factory):
    """The smallest net alone, with something said beside it."""
    path = tmp_path_factory.mktemp("weights") / "adjust.npz"
    convert.write(path, seeded("Illumination_adjust_net"), {"note": "as trained"})
    return path


@pytest.fixture(scope="module")
def onnx_export(adjust, tmp_path_factory):
    need("onnx")
    out = tmp_path_factory.mktemp("exports") / "onnx"
    kindling.export(adjust, out, "onnx")
    return out


def inputs_of(net, shape, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.random((*shape, channels), np.float32) for channels in net.inputs.values()]


# --- the same numbers ----------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("runtime", GRAPHS)
@pytest.mark.parametrize("net", KIND.nets, ids=lambda net: net.scope)
def test_graphs_of_weights_compute_what_kind_torch_computes(runtime, net):
    """Twelve sizes, odd ones too, straight from weights."""
    need(runtime)
    weights = seeded(net.scope)
    theirs, ours = (runtimes.open_arrays(weights, name, device="cpu") for name in (runtime, "torch"))
    assert theirs.nets == {net.scope}
    for size in writing.SIZES:
        n, h, w = [1, *map(int, size.split("x"))][-3:]
        inputs = inputs_of(net, (n, h, w))
        for a, b in zip(theirs.run(net.verb, *inputs), ours.run(net.verb, *inputs), strict=True):
            assert a.shape == b.shape, size
            assert np.abs(a - b).max() <= 1e-5, size


@pytest.mark.torch
@pytest.mark.parametrize("form", FORMATS)
def test_each_form_is_written_proven_and_run(adjust, tmp_path, form):
    need(form)
    told = []
    description = kindling.export(adjust, tmp_path / "out", form, progress=told.append)
    assert told == ["Illumination_adjust_net"]
    assert read_description(tmp_path / "out") == description
    assert description.weights == convert.fingerprint(convert.read(adjust))
    assert description.said["note"] == "as trained"
    assert len(description.sizes) >= 11
    assert 0 < description.nets["Illumination_adjust_net"].largest_difference <= 1e-5

    model = kindling.open_model(tmp_path / "out", FORMATS[form].runtime, device="cpu")
    assert (model.family.id, model.precision, model.device) == ("kind", "float32", "cpu")
    assert model.said["note"] == "as trained"
    (i,) = inputs_of(KIND.net("decompose"), (2, 9, 14))
    core = (slice(2, 9), slice(0, 5))
    (ours,) = kindling.open_model(adjust, device="cpu").run("adjust", i[..., :1], ratio=[1.0, 4.0])
    (theirs,) = model.run("adjust", i[..., :1], ratio=[1.0, 4.0], core=core)
    assert np.abs(theirs - ours[:, *core]).max() <= 1e-5


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_export_enhances_as_kind_torch_in_tiles(seeded_npz, tmp_path, form):
    need(form)
    kindling.export(seeded_npz, tmp_path / "out", form)
    photo = np.random.default_rng(3).random((61, 75, 3), np.float32) ** 3
    pictures = [
        kindling.enhance(photo, kindling.open_model(weights, runtime, device="cpu"), 3.0, tile=32)
        for weights, runtime in ((seeded_npz, "torch"), (tmp_path / "out", form))
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1e-5


@pytest.mark.torch
def test_the_chain_is_the_same(seeded_npz):
    need("onnx")
    x = np.random.default_rng(5).random((2, 18, 21, 3), np.float32)
    ours, theirs = (
        kindling.open_model(seeded_npz, name, device="cpu").run("enhance", x, ratio=2.0)[0]
        for name in ("torch", "onnx")
    )
    assert theirs.dtype == ours.dtype
    assert np.abs(theirs - ours).max() <= 1e-5


@pytest.mark.torch
def test_openvino_runs_onnx_exports_too(onnx_export):
    need("openvino")
    assert kindling.open_model(onnx_export, "openvino", device="cpu").runtime == "openvino"


@pytest.mark.torch
def test_two_threads_run_one_graph_of_openvino(adjust):
    """As two people at one page do: the net's one request is busy while the other waits."""
    need("openvino")
    model = kindling.open_model(adjust, "openvino", device="cpu")
    photos = [inputs_of(KIND.net("decompose"), (1, 96, 128), seed)[0][..., :1] for seed in range(2)]
    alone = [model.run("adjust", photo, ratio=2.0)[0] for photo in photos]
    begin = threading.Barrier(len(photos))

    def runs(photo):
        begin.wait(60)
        return [model.run("adjust", photo, ratio=2.0)[0] for _ in range(10)]

    with ThreadPoolExecutor(len(photos)) as threads:
        together = list(threads.map(runs, photos))
    for one, several in zip(alone, together, strict=True):
        assert all(np.array_equal(one, each) for each in several)


@pytest.mark.torch
def test_parity_of_an_export(adjust, onnx_export):
    report = api.parity(adjust, onnx_export, port="onnx", sizes=["5x7"])
    assert report.ok
    assert (report.reference, report.port, report.layers) == ("torch", "onnx", [])
    assert [row.what for row in report.outputs] == list(KIND.net("adjust").parts)
    other = seeded("Illumination_adjust_net", seed=1)
    path = adjust.with_name("other.npz")
    convert.write(path, other, force=True)
    assert not api.parity(path, onnx_export, port="onnx", sizes=["5x7"]).ok


# --- all or nothing ------------------------------------------------------------------------------------------------


@pytest.mark.torch
def test_a_graph_that_differs_is_not_left(adjust, tmp_path, monkeypatch):
    need("onnx")
    from kindling.exported import onnx

    right = onnx.write

    def wrong(variables, net, path):
        right({name: array * np.float32(1.001) for name, array in variables.items()}, net, path)

    monkeypatch.setattr(onnx, "write", wrong)
    with pytest.raises(KindlingError, match=r"Illumination_adjust_net gives L_enhance .*e-0. from kind_torch, float32"):
        kindling.export(adjust, tmp_path / "out", "onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.torch
def test_weights_that_float32_can_hardly_compute_are_judged_by_float64(tmp_path):
    """With filters of four times the size runtimes differ by more than 1e-5, and none of them is wrong."""
    need("onnx")
    weights = {name: 3 * array for name, array in seeded("Illumination_adjust_net").items()}
    convert.write(tmp_path / "loud.npz", weights)
    description = kindling.export(tmp_path / "loud.npz", tmp_path / "out", "onnx")
    assert description.tolerance == max(1e-5, description.nets["Illumination_adjust_net"].largest_difference)


@pytest.mark.torch
def test_what_is_in_the_way(adjust, tmp_path):
    need("onnx")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    for force in (False, True):
        with pytest.raises(KindlingError, match="photos: is there already and is no export"):
            kindling.export(adjust, tmp_path / "photos", "onnx", force=force)
    (tmp_path / "empty").mkdir()
    kindling.export(adjust, tmp_path / "empty", "onnx")
    with pytest.raises(KindlingError, match="the output exists already; give another name, or --force"):
        kindling.export(adjust, tmp_path / "empty", "onnx")
    before = (tmp_path / "empty" / FILE).stat().st_ino
    kindling.export(adjust, tmp_path / "empty", "onnx", force=True)
    assert (tmp_path / "empty" / FILE).stat().st_ino != before
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "empty"}


@pytest.mark.torch
def test_ctrl_c_between_two_renames_leaves_the_export_that_was_there(adjust, onnx_export, tmp_path, monkeypatch):
    out, hits = tmp_path / "out", []
    shutil.copytree(onnx_export, out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def interrupted(move):
        def moved(source, target, **options):
            if Path(target) == out and not hits:
                hits.append(source)
                raise KeyboardInterrupt
            return move(source, target, **options)

        return moved

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, interrupted(getattr(os, name)))
    with pytest.raises(KeyboardInterrupt):
        kindling.export(adjust, out, "onnx", force=True)
    assert len(hits) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


# --- what is refused -----------------------------------------------------------------------------------------------

REFUSED = {
    "an unknown device": ({"device": "tpu"}, "there is no device 'tpu'; there are auto, cpu"),
    "a GPU that is not there": ({"device": "cuda:9"}, r"sees no cuda:9 here|there is no device 'cuda:9'"),
    "float64": ({"precision": "float64"}, "float32"),
    "halves on a CPU": ({"device": "cpu", "precision": "float16"}, "float32"),
}


@pytest.mark.torch
@pytest.mark.parametrize("runtime", GRAPHS)
@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_devices_and_precisions_that_there_are_not(onnx_export, runtime, options, words):
    need(runtime)
    with pytest.raises(KindlingError, match=words):
        kindling.open_model(onnx_export, runtime, **options)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (None, "CUDAExecutionProvider is built in, and does not start"),
        ("CUDA failure 100: no device", "CUDA failure 100"),
    ],
    ids=["left out in silence", "an error"],
)
def test_a_gpu_that_is_built_in_and_does_not_start(onnx_export, monkeypatch, failure, words):
    """Refused if it was asked for; "auto" is the CPU, and says so."""
    onnxruntime = pytest.importorskip("onnxruntime")
    real = onnxruntime.InferenceSession

    def session(graph, options, *, providers, enable_fallback):
        assert not enable_fallback  # by which ONNX Runtime goes on with the CPU, and prints so to stdout
        if providers[0][0] != "CPUExecutionProvider" and failure:
            raise RuntimeError(failure)
        return real(graph, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    for device in ("cuda", "cuda:1"):
        with pytest.raises(KindlingError, match=f"ONNX Runtime sees no {device} here that works: .*{words}"):
            kindling.open_model(onnx_export, "onnx", device=device)
    model = kindling.open_model(onnx_export, "onnx")
    assert model.device == "cpu"
    assert model.run("adjust", np.zeros((1, 4, 4, 1), np.float32), ratio=1.0)[0].shape == (1, 4, 4, 1)


@pytest.mark.torch
def test_an_export_is_run_by_what_it_was_made_for(onnx_export, adjust):
    with pytest.raises(KindlingError, match="is an export as onnx, which runs with --runtime onnx, --runtime openvino"):
        kindling.open_model(onnx_export)
    with pytest.raises(KindlingError, match=r"savedmodel runs exports, and .*adjust.npz is none: `kindling export"):
        kindling.open_model(adjust, "savedmodel")
    with pytest.raises(KindlingError, match="cannot train"):
        runtimes.trainer("onnx", "DecomNet")


@pytest.mark.torch
def test_a_net_that_is_not_in_it(onnx_export):
    model = kindling.open_model(onnx_export, "onnx", device="cpu")
    with pytest.raises(KindlingError, match="onnx holds Illumination_adjust_net, so DecomNet has no weights"):
        model.run("decompose", np.zeros((1, 4, 4, 3), np.float32))
    with pytest.raises(KindlingError, match=r"input_i has shape \(1, 4, 4, 3\), expected \(n, h, w, 1\)"):
        model.run("adjust", np.zeros((1, 4, 4, 3), np.float32), ratio=1.0)


DAMAGE = {
    "no JSON": (lambda text: text[:40], "is no kindling.json that this version reads"),
    "something missing": (lambda text: text.replace('"form"', '"from"'), "is no kindling.json that this version reads"),
    "a graph that is gone": (lambda text: text.replace("net.onnx", "net2.onnx"), "net2.onnx is missing"),
    "a graph elsewhere": (lambda text: text.replace('"Illumination_adjust_net.onnx"', '"../x.onnx"'), "lies outside"),
    "another family": (lambda text: text.replace('"family": "kind"', '"family": "zero"'), "names the family 'zero'"),
    "another net": (
        lambda text: text.replace('"Illumination_adjust_net": {', '"Net": {'),
        "kindling.json: names the net 'Net', and those of KinD are DecomNet, ",
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_export(onnx_export, tmp_path, damage, words):
    for file in onnx_export.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / FILE).write_text(damage((tmp_path / FILE).read_text()))
    with pytest.raises(KindlingError, match=words):
        kindling.open_model(tmp_path, "onnx", device="cpu")


@pytest.mark.torch
@pytest.mark.parametrize("form", FORMATS)
def test_a_graph_that_is_cut_off_is_named(onnx_export, tmp_path, form):
    """A thousand bytes of it, which no runtime can open, whatever kindling.json calls them."""
    need(form)
    text = (onnx_export / FILE).read_text()
    assert text.count('"form": "onnx"') == 1
    (tmp_path / FILE).write_text(text.replace('"form": "onnx"', f'"form": "{form}"'))
    (graph,) = onnx_export.glob("*.onnx")
    (tmp_path / graph.name).write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(KindlingError, match=r"\.onnx: .* cannot open it \(.+\); export the weights again") as caught:
        kindling.open_model(tmp_path, FORMATS[form].runtime, device="cpu")
    assert str(caught.value).startswith(f"{tmp_path / graph.name}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_form(adjust, tmp_path):
    with pytest.raises(KindlingError, match="there is no form of export 'coreml'; there are onnx, openvino"):
        kindling.export(adjust, tmp_path / "out", "coreml")


@pytest.mark.torch
def test_no_room_is_said_in_our_words(onnx_export):
    from kindling.core.errors import OutOfMemory

    model = kindling.open_model(onnx_export, "onnx", device="cpu")

    def full(*_):
        raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 1")

    model.calls = {"Illumination_adjust_net": full}
    with pytest.raises(OutOfMemory, match=r"cpu has no room for a tile of \(1, 4, 4, 1\)"):
        model.run("adjust", np.zeros((1, 4, 4, 1), np.float32), ratio=1.0)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("runtime", GRAPHS)
@pytest.mark.parametrize("family", [f for f in FAMILIES if f.nets], ids=lambda family: family.id)
def test_every_family_has_graphs(runtime, family):
    need(runtime)
    weights = seeded_of(family) if family.id in SEEDS else seeded()
    ours, theirs = (
        runtimes.open_arrays(weights, name, device="cpu", said={"family": family.id}) for name in ("torch", runtime)
    )
    assert theirs.family is family
    assert theirs.nets == {net.scope for net in family.nets}
    for net in family.nets:
        for shape in ((1, 8, 12), (2, 5, 7)):
            inputs = inputs_of(net, shape)
            for a, b in zip(theirs.run(net.verb, *inputs), ours.run(net.verb, *inputs), strict=True):
                assert a.shape == b.shape
                assert np.abs(a - b).max() <= 1e-5
    x = np.random.default_rng(0).random((1, 9, 13, 3), np.float32)
    assert np.abs(theirs.run("enhance", x)[0] - ours.run("enhance", x)[0]).max() <= 1e-5
