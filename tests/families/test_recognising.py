"""Which family a file is of: by names, by its metadata or folders where names are equal, or by what a person says."""

import numpy as np
import pytest

import convert
from convert.soundness import differences
from kindling import KindlingError
from kindling.cli import main
from kindling.families.registry import KIND, KIND_PLUS, family_of, tied
from tests.support.checkpoints import FORMS, form
from tests.support.families import families, folder, seeded

DECOM = "DecomNet"
IDS = [family.id for family in families()]


@pytest.fixture(scope="module")
def small():
    """Of each family two nets whose conversion takes no time, or one."""
    return {family.id: seeded(family, DECOM, "I_enhance_Net") for family in families()}


@pytest.fixture(scope="module")
def decom():
    return seeded(KIND_PLUS, DECOM)


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
@pytest.mark.parametrize("id", IDS)
def test_every_form_and_back(small, tmp_path, id, name):
    convert.write(tmp_path / name, small[id], {"family": id})
    found = convert.inspect(tmp_path / name)
    assert (found.sound, found.family) == (True, id)
    done = convert.convert_file(tmp_path / name, tmp_path / "back.npz")
    assert not differences(small[id], convert.read(tmp_path / "back.npz"))
    assert done.nets == list(found.nets)


@pytest.mark.slow
@pytest.mark.parametrize("name", [form(name) for name in FORMS])
@pytest.mark.parametrize("family", families(), ids=IDS)
def test_every_net_in_every_form(tmp_path, family, name):
    variables = seeded(family)
    convert.write(tmp_path / name, variables)
    assert not differences(variables, convert.read(tmp_path / name))
    assert convert.inspect(tmp_path / name).family == family.id


@pytest.mark.torch
@pytest.mark.parametrize("family", families(), ids=IDS)
def test_names_in_pytorch_are_the_modules_own(family):
    """What is written as a state_dict loads into the class of the family, strictly."""
    import torch

    from kind_torch.runtime import class_of

    with torch.device("meta"):
        own = class_of(family)().state_dict()
    keys = {convert.torch_key(name): shape for name, shape in family.variables.items()}
    turned = {key: (shape if len(shape) < 4 else tuple(shape[k] for k in (3, 2, 0, 1))) for key, shape in keys.items()}
    assert {key: tuple(value.shape) for key, value in own.items()} == turned
    assert all(convert.slim_name(key, family.variables) in family.variables for key in own)


def test_two_families_have_the_same_decomposition(decom):
    assert tied(decom) == [KIND, KIND_PLUS]
    assert family_of(decom) is KIND
    assert family_of(decom, "kind_plus") is KIND_PLUS
    assert family_of([*decom, "I_enhance_Net/conv_1/weights"]) is KIND_PLUS
    assert family_of(["layer/weights"]) is None


# How a decomposition is written, what is then said by the file, and by a person: what it is taken for.
TOLD = {
    "nothing": ("x.ckpt", {}, "", "kind"),
    "a person": ("x.ckpt", {}, "kind_plus", "kind_plus"),
    "metadata": ("x.npz", {"family": "kind_plus"}, "", "kind_plus"),
    "a person against metadata": ("x.npz", {"family": "kind_plus"}, "kind", "kind"),
    "the folder": ("folder", {"family": "kind_plus"}, "", "kind_plus"),
    "the other folder": ("folder", {}, "", "kind"),
}


@pytest.mark.parametrize(("name", "metadata", "asked", "taken"), TOLD.values(), ids=TOLD)
def test_the_hint_decides(decom, tmp_path, name, metadata, asked, taken):
    convert.write(tmp_path / name, decom, metadata)
    assert convert.inspect(tmp_path / name, family=asked).family == taken
    assert convert.read_all(tmp_path / name, family=asked)[1]["family"] == taken


def test_the_family_rides_along(decom, tmp_path):
    np.savez(tmp_path / "x.npz", **decom)
    convert.convert_file(tmp_path / "x.npz", tmp_path / "y.safetensors", family="kind_plus")
    assert convert.inspect(tmp_path / "y.safetensors").family == "kind_plus"


SAID = [
    (lambda v: dict(list(v.items())[:-1]), "I_enhance_Net/conv_4/biases is missing"),
    (
        lambda v: v | {"I_enhance_Net/conv_9/weights": np.ones(1, np.float32)},
        "conv_9/weights is not a variable of KinD++",
    ),
    (lambda v: v | seeded_adjust(), "it holds variables of KinD too, Illumination_adjust_net/en_conv_1/weights first"),
]


def seeded_adjust():
    net = KIND.net("adjust")
    return {name: np.ones(shape, np.float32) for name, shape in list(net.variables.items())[:2]}


@pytest.mark.parametrize(("change", "words"), SAID, ids=[words.split()[-1] for _, words in SAID])
def test_what_is_wrong_is_said_of_the_family(small, tmp_path, change, words):
    np.savez(tmp_path / "x.npz", **change(small["kind_plus"]))
    with pytest.raises(KindlingError) as error:
        convert.read(tmp_path / "x.npz")
    assert words in str(error.value)


def test_a_family_that_is_none(decom, tmp_path):
    np.savez(tmp_path / "x.npz", **decom)
    with pytest.raises(KindlingError, match="there is no family 'sid'; there are kind, kind_plus"):
        convert.read(tmp_path / "x.npz", family="sid")
    assert main(["inspect", str(tmp_path / "x.npz"), "--family", "sid"]) == 2


@pytest.mark.torch
def test_what_a_net_without_weights_leaves_to_run(small, photo, tmp_path, capsys):
    """Before any photo is read, in one sentence: what there is, what lacks and why, what can be run."""
    convert.write(tmp_path / "x.npz", small["kind_plus"])
    run = ["enhance", str(photo), "--weights", str(tmp_path / "x.npz")]
    assert main([*run, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "holds DecomNet, I_enhance_Net, so Denoise_Net has no weights (its authors keep them on a file host" in said
    assert "leave it out with --denoise 0" in said
    assert not (tmp_path / "out").exists()
    assert main([*run, "-o", str(tmp_path / "out"), "--denoise", "0"]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.torch
@pytest.mark.parametrize("id", [id for id in IDS if id != KIND.id])
def test_only_kind_is_trained(small, photo, tmp_path, capsys, id):
    """Weights of another family begin no training, as a start, as the frozen decomposition or jointly."""
    for side in ("low", "high"):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        (tmp_path / "pairs" / side / "1.png").write_bytes(photo.read_bytes())
    weights = tmp_path / "x.npz"
    convert.write(weights, small[id], {"family": id})
    shared = ["--data", tmp_path / "pairs", "--out", tmp_path / "out", "--patch", "64", "--device", "cpu"]
    ways = (
        ["train", "decomposition", *shared, "--start", weights],
        ["train", "restoration", *shared, "--decom", weights],
        ["train", "joint", *shared, "--init", weights],
    )
    for way in ways:
        assert main([str(word) for word in way]) == 2
        said = capsys.readouterr().err.strip()
        assert "and only KinD is trained here" in said
        assert said.count("\n") == 0
        assert not (tmp_path / "out").exists()


@pytest.fixture
def photo(tmp_path):
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 90, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.reference
@pytest.mark.parametrize("net", ["decom_model", "illu_model"])
def test_the_authors_folders(reference, net):
    found = convert.inspect(folder(reference, KIND_PLUS) / "checkpoint" / net)
    assert (found.sound, found.family, found.problems) == (True, "kind_plus", ())


@pytest.mark.reference
@pytest.mark.parametrize("family", families(), ids=IDS)
def test_the_table_of_originals_is_of_the_authors_files(reference, family):
    import hashlib

    for original in family.originals.files:
        if (file := folder(reference, family) / "checkpoint" / original.path).exists():
            data = file.read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (original.size, original.sha256)
        assert original.url.startswith("https://raw.githubusercontent.com/")
        assert original.url.endswith(original.path)
