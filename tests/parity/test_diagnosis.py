"""Every fault that is planted in seeded weights is named, and nothing else is said of the rest."""

import re

import ml_dtypes
import numpy as np
import pytest

from kindling.families.kind.nets import NETS
from kindling.parity.diagnosis import diagnose
from kindling.parity.likeness import likeness
from tests.support.weights import seeded

FIRST = "DecomNet/g_conv1_1/weights"  # 3x3x3x32
SQUARE = "DecomNet/l_conv1_2/weights"  # 3x3x32x32
LAST = "DecomNet/g_conv10/weights"  # 1x1x32x3
NET = "Restoration_net"
RESTORE = f"{NET}/de_conv1_1/weights"  # 3x3x4x32
SKIP = "DecomNet/g_conv8_1/weights"  # 3x3x128x64
ADJUST = "Illumination_adjust_net/en_conv_1/weights"  # 3x3x2x32
UP = "DecomNet/g_up_1/weights"  # 2x2x64x128


@pytest.fixture(scope="module")
def weights():
    """Two small nets, and of the third its first layer, or each test would look at eight million numbers."""
    first = {name: array for name, array in seeded(NET).items() if "/de_conv1_" in name}
    return {**seeded("DecomNet", "Illumination_adjust_net"), **first}


def rounded(dtype):
    return lambda a: a.astype(dtype).astype(np.float32)


def noisy(share, seed=1):
    """A change of that share of the size of the array."""

    def change(a):
        noise = np.random.default_rng(seed).standard_normal(a.shape)
        return (a + share * noise * np.sqrt(np.mean(a.astype(np.float64) ** 2))).astype(np.float32)

    return change


def one_bit(a):
    raw = a.copy()
    raw.reshape(-1).view(np.uint32)[7] ^= 1 << 22
    return raw


def infinite(a):
    return np.where(a == a.max(), np.float32(np.inf), a)


# Which variable, what is done to it, the kind that must be found, words that must be in the sentence.
PLANTED = {
    "flipped left-right": (FIRST, lambda a: a[:, ::-1], "flipped", "flipped left-right"),
    "flipped up-down": (FIRST, lambda a: a[::-1], "flipped", "flipped up-down"),
    "turned": (FIRST, lambda a: a[::-1, ::-1], "flipped", "flipped both ways (turned by 180 degrees)"),
    "turned by 90": (FIRST, np.rot90, "flipped", "turned by 90 degrees"),
    "turned by 270": (FIRST, lambda a: np.rot90(a, 3), "flipped", "turned by 270 degrees"),
    "an up-conv flipped": (UP, lambda a: a[::-1, ::-1], "flipped", "flipped both ways"),
    "H and W": (FIRST, lambda a: a.swapaxes(0, 1), "transposed", "its rows and columns exchanged (H and W)"),
    "I and O": (SQUARE, lambda a: a.swapaxes(2, 3), "transposed", "its inputs and outputs exchanged (I and O)"),
    "H and W, I and O": (SQUARE, lambda a: a.transpose(1, 0, 3, 2), "transposed", "rows and columns, and its inputs"),
    "PyTorch's axes": (FIRST, lambda a: a.transpose(3, 2, 0, 1), "transposed", "(3, 2, 0, 1), which is PyTorch's"),
    "another shape": (FIRST, lambda a: a.reshape(27, 32), "shape", "the same numbers in the shape (27, 32)"),
    "another width": (FIRST, lambda a: a[..., :16], "shape", "of shape (3, 3, 3, 16), expected (3, 3, 3, 32)"),
    "not turned": (FIRST, lambda a: a.transpose(3, 2, 0, 1).reshape(a.shape), "transposed", "without being turned"),
    "turned once too often": (
        FIRST,
        lambda a: a.reshape(32, 3, 3, 3).transpose(2, 3, 1, 0),
        "transposed",
        "turned from PyTorch's axis order, which it was not in",
    ),
    "BGR in": (FIRST, lambda a: a[:, :, ::-1], "reordered", "its inputs in BGR order"),
    "BGR out": (LAST, lambda a: a[..., ::-1], "reordered", "its outputs in BGR order"),
    "BGR of four": (RESTORE, lambda a: a[:, :, [2, 1, 0, 3]], "reordered", "its inputs in BGR order"),
    "light first": (RESTORE, lambda a: a[:, :, [3, 0, 1, 2]], "reordered", "the light before the colours"),
    "ratio first": (ADJUST, lambda a: a[:, :, ::-1], "reordered", "its two inputs exchanged"),
    "concat": (SKIP, lambda a: np.roll(a, 64, 2), "reordered", "the halves of its inputs exchanged"),
    "outputs shuffled": (
        SQUARE,
        lambda a: a[..., np.random.default_rng(0).permutation(32)],
        "reordered",
        "its outputs in another order",
    ),
    "a bias in BGR": ("DecomNet/g_conv10/biases", lambda a: a[::-1], "reordered", "its channels in BGR order"),
    "a bias reversed": ("DecomNet/g_conv1_1/biases", lambda a: a[::-1], "reordered", "in reverse order"),
    "float16": (FIRST, rounded(np.float16), "rounded", "rounded to float16"),
    "bfloat16": (FIRST, rounded(ml_dtypes.bfloat16), "rounded", "rounded to bfloat16"),
    "float8": (FIRST, rounded(ml_dtypes.float8_e4m3fn), "rounded", "rounded to float8_e4m3fn"),
    "cut": (FIRST, lambda a: (a.view(np.uint32) >> 16 << 16).view(np.float32), "rounded", "cut off to bfloat16"),
    "kept as float16": (FIRST, lambda a: a.astype(np.float16), "rounded", "rounded to float16"),
    "kept as float64": (FIRST, lambda a: a.astype(np.float64), "stored", "stored as float64, not float32"),
    "flipped and rounded": (FIRST, lambda a: rounded(np.float16)(a[:, ::-1]), "flipped", "left-right, and rounded to"),
    "zero": ("DecomNet/g_conv1_1/biases", np.zeros_like, "zero", "all zero"),
    "one bit": (SQUARE, one_bit, "few", "other in 1 of 9,216 values, by a single bit"),
    "times 255": (FIRST, lambda a: a * np.float32(255), "scaled", "multiplied by 255"),
    "negated": (FIRST, lambda a: -a, "scaled", "negated"),
    "a folded norm": (
        FIRST,
        lambda a: a * np.linspace(0.5, 2, 32, dtype=np.float32),
        "scaled",
        "multiplied output by output, by 0.5 to 2",
    ),
    "shifted": (FIRST, lambda a: a + np.float32(0.25), "shifted", "shifted by 0.25"),
    "rounding": (FIRST, lambda a: np.nextafter(a, np.float32(9)), "noise", "the same but for rounding in float32"),
    "NaN": (FIRST, lambda a: np.full_like(a, np.nan), "not finite", "NaN or infinite"),
    "infinite": (FIRST, infinite, "not finite", "NaN or infinite"),
    "a little": (FIRST, noisy(0.02), "fine-tuned", "changed by 0.02"),
    "flipped and trained on": (SQUARE, lambda a: noisy(0.05)(a[:, ::-1]), "flipped", "left-right, and changed besides"),
    "BGR and trained on": (FIRST, lambda a: noisy(0.05)(a[:, :, ::-1]), "reordered", "BGR order, and changed besides"),
    "something else": (SQUARE, lambda a: seeded("DecomNet", seed=7)[SQUARE], "unrelated", "unrelated"),
}


@pytest.mark.parametrize(("name", "fault", "kind", "words"), PLANTED.values(), ids=PLANTED)
def test_a_fault_in_one_variable_is_named(weights, name, fault, kind, words):
    found = diagnose(weights, {**weights, name: fault(weights[name])})
    assert not found.same
    assert [row.name for row in found.variables if row.state != "equal"] == [name]
    (finding,) = found.findings
    assert (finding.kind, finding.names) == (kind, (name,))
    assert words in finding.sentence
    assert finding.sentence.startswith(name)
    assert found.of_layer(name.rsplit("/", 1)[0] + "/Conv2D") == (finding,)
    assert found.of_layer("Illumination_adjust_net/en_conv_3/Conv2D") == ()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fault", ["flipped left-right", "H and W", "BGR in", "float16", "bfloat16", "negated"])
def test_in_other_weights_too(fault, seed):
    name, change, kind, words = PLANTED[fault]
    weights = seeded("DecomNet", seed=seed)
    found = likeness(weights[name], change(weights[name]))
    assert found.kind == kind
    assert words in found.words


NETWIDE = {
    "flipped": (lambda n, a: a[:, ::-1] if a.ndim == 4 and a.shape[1] > 1 else a, "flipped", r"kernels flipped left-r"),
    "float16": (lambda n, a: rounded(np.float16)(a), "rounded", r"30 of 30 variables rounded to float16"),
    "no biases": (lambda n, a: np.zeros_like(a) if a.ndim == 1 else a, "zero", r"14 of 14 biases all zero"),
}


@pytest.mark.parametrize(("fault", "kind", "words"), NETWIDE.values(), ids=NETWIDE)
def test_what_happened_to_all_is_one_finding(weights, fault, kind, words):
    found = diagnose(weights, {name: fault(name, a) for name, a in weights.items()})
    (finding,) = found.findings
    assert finding.kind == kind
    assert re.search(words, finding.sentence)


@pytest.mark.parametrize("net", NETS)
def test_one_net_of_anothers(weights, net):
    other = {name: array for name, array in seeded(net, seed=7).items() if name in weights}
    (finding,) = diagnose(weights, {**weights, **other}).findings
    assert finding.kind == "another net"
    count = len(other)
    others = ", ".join(dict.fromkeys(n.split("/")[0] for n in weights if not n.startswith(net)))
    assert finding.sentence == (
        f"{net}: other weights altogether, {count} of {count} variables are unrelated, while {others} are bit-equal"
    )


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("share", [0.001, 0.03, 0.2])
def test_a_net_that_was_trained_on(weights, net, share):
    names = [name for name in weights if name.startswith(net)]
    tuned = {name: noisy(share, k)(weights[name]) for k, name in enumerate(names)}
    (finding,) = diagnose(weights, {**weights, **tuned}).findings
    assert finding.kind == "fine-tuned"
    count = len(names)
    assert finding.sentence.startswith(f"{net}: fine-tuned, {count} of {count} variables changed, kernels by ")
    said = float(re.search(r"kernels by (\S+) of their size", finding.sentence)[1])
    assert said == pytest.approx(share, rel=0.1)


def test_some_layers_trained_on(weights):
    """The head alone was tuned: it is named by itself."""
    name = "DecomNet/l_conv1_4/weights"
    (finding,) = diagnose(weights, {**weights, name: noisy(0.05)(weights[name])}).findings
    assert finding.kind == "fine-tuned"
    assert finding.sentence.startswith(f"{name}: changed by 0.04")


def test_variables_that_changed_places(weights):
    a, b = "Illumination_adjust_net/en_conv_2/weights", "Illumination_adjust_net/en_conv_3/weights"
    (finding,) = diagnose(weights, {**weights, a: weights[b], b: weights[a]}).findings
    assert (finding.kind, finding.sentence) == ("exchanged", f"{a} and {b} changed places")
    (finding,) = diagnose(weights, {**weights, a: weights[b]}).findings
    assert finding.sentence == f"{a} holds what {b} holds in the first"


def test_missing_and_extra(weights):
    name = "DecomNet/g_conv1_1/biases"
    (finding,) = diagnose(weights, {n: a for n, a in weights.items() if n != name}).findings
    assert (finding.kind, finding.sentence) == ("missing", f"{name}: missing in the second")
    (finding,) = diagnose({n: a for n, a in weights.items() if n != name}, weights).findings
    assert (finding.kind, finding.sentence) == ("extra", f"{name}: only in the second")
    without = {n: a for n, a in weights.items() if not (n.startswith("DecomNet") and n.endswith("biases"))}
    (finding,) = diagnose(weights, without).findings
    assert finding.sentence == f"DecomNet: 8 of 8 biases missing in the second, {name} first"


def test_a_net_that_is_missing(weights):
    without = {name: array for name, array in weights.items() if not name.startswith("Illumination")}
    (finding,) = diagnose(weights, without).findings
    assert finding.sentence == "Illumination_adjust_net: missing in the second, all 8 variables of it"
    (finding,) = diagnose(without, weights).findings
    assert finding.sentence == "Illumination_adjust_net: only in the second, all 8 variables of it"


def test_two_faults_are_two_findings(weights):
    changed = {FIRST: weights[FIRST][:, ::-1], LAST: weights[LAST] * np.float32(2)}
    found = diagnose(weights, {**weights, **changed})
    assert {finding.kind for finding in found.findings} == {"flipped", "scaled"}


def test_equal_weights_have_nothing_to_say(weights):
    found = diagnose(weights, {name: array.copy() for name, array in weights.items()})
    assert found.same
    assert found.findings == ()
    assert {row.state for row in found.variables} == {"equal"}


def test_the_sign_of_zero_is_a_difference():
    a = {"x/weights": np.zeros(20, np.float32)}
    (finding,) = diagnose(a, {"x/weights": np.full(20, -0.0, np.float32)}).findings
    assert "signs of zeros" in finding.sentence


SIZES = [(), (0,), (1,), (2,), (1, 1, 1, 1), (3, 3, 1, 1), (2, 2, 2, 2), (0, 3, 3, 3)]


@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("change", [lambda a: a + 1, lambda a: -a, np.zeros_like, lambda a: a * np.nan])
def test_small_and_empty_arrays(shape, change):
    a = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    b = np.asarray(change(a), np.float32)
    assert (likeness(a, b) is None) == (a.tobytes() == b.tobytes())


def test_figures_are_true(weights):
    changed = weights[FIRST].copy()
    changed[0, 0, 0] += 0.5
    found = diagnose({FIRST: weights[FIRST]}, {FIRST: changed})
    row = found.variables[0]
    apart = changed.astype(np.float64) - weights[FIRST]
    assert row.largest == np.abs(apart).max()
    assert row.mean == pytest.approx(np.abs(apart).mean())
    assert row.relative == pytest.approx(np.linalg.norm(apart) / np.linalg.norm(weights[FIRST].astype(np.float64)))
    plain = found.as_dict()
    assert plain["same"] is False
    assert plain["variables"][0]["largest"] == row.largest
