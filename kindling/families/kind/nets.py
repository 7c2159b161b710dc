"""The one table of KinD's layers, from which names, shapes, counts, docs and drawings are all derived.

Read off the original's model.py and the authors' saved training graphs. A row says what the layer is called in
slim, what it computes, what it reads and what it is there for; `Net.variables` expands the rows to slim variable
names and shapes. No other file lists a layer by hand.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One layer that has weights, under the name of its slim scope."""

    name: str
    kind: str  # "conv": stride 1, SAME, bias; "up": 2x2 transposed conv, stride 2, no bias, then concat with the skip
    size: int  # side of the square kernel
    inputs: int  # channels read
    outputs: int  # channels made by the kernel (an "up" hands on twice as many, its skip included)
    after: str  # what is applied to the result: "lrelu", "sigmoid", "lrelu, sigmoid", "concat"
    of: tuple[str, ...]  # what it reads; two names: concatenated in this order (for an "up": below, skip)
    why: str
    pooled: bool = False  # a 2x2 max pool stands before it
    gives: str = ""  # the net's output that this layer ends in

    @property
    def variables(self) -> dict[str, tuple[int, ...]]:
        """Variable name under the layer's scope -> shape, in TF axis order."""
        if self.kind == "up":
            return {"weights": (self.size, self.size, self.outputs, self.inputs)}  # kh, kw, out, in
        return {"weights": (self.size, self.size, self.inputs, self.outputs), "biases": (self.outputs,)}


@dataclass(frozen=True)
class Net:
    """One of the three nets: its scope, the original's function and checkpoint folder, and its layers in order."""

    name: str
    function: str
    folder: str
    inputs: dict[str, int]  # argument -> channels
    outputs: dict[str, int]  # result -> channels
    layers: tuple[Layer, ...]

    @property
    def variables(self) -> dict[str, tuple[int, ...]]:
        """Slim variable name (`DecomNet/g_conv1_1/weights`) -> shape, in the order the original creates them."""
        return {f"{self.name}/{a.name}/{v}": shape for a in self.layers for v, shape in a.variables.items()}

    @property
    def parameters(self) -> int:
        return sum(math.prod(shape) for shape in self.variables.values())


def _conv(name, inputs, outputs, of, why, *, size=3, after="lrelu", pooled=False, gives=""):
    of = (of,) if isinstance(of, str) else of
    return Layer(name, "conv", size, inputs, outputs, after, of, why, pooled, gives)


def _up(name, inputs, outputs, below, skip, why):
    return Layer(name, "up", 2, inputs, outputs, "concat", (below, skip), why)


DECOM = Net(
    "DecomNet",
    "DecomNet_simple",
    "decom_net_train",
    {"input": 3},
    {"R_out": 3, "L_out": 1},
    (
        _conv("g_conv1_1", 3, 32, "input", "edges and colours; feeds both the reflectance and the illumination branch"),
        _conv("g_conv2_1", 32, 64, "g_conv1_1", "texture at half resolution", pooled=True),
        _conv("g_conv3_1", 64, 128, "g_conv2_1", "the widest view: a quarter of the resolution", pooled=True),
        _up("g_up_1", 128, 64, "g_conv3_1", "g_conv2_1", "back to half resolution, with the texture seen there"),
        _conv("g_conv8_1", 128, 64, "g_up_1", "mixes context with texture"),
        _up("g_up_2", 64, 32, "g_conv8_1", "g_conv1_1", "back to full resolution, with the edges seen there"),
        _conv("g_conv9_1", 64, 32, "g_up_2", "mixes context with edges; shared by both heads"),
        _conv("g_conv10", 32, 3, "g_conv9_1", "reflectance head", size=1, after="sigmoid", gives="R_out"),
        _conv("l_conv1_2", 32, 32, "g_conv1_1", "illumination branch: stays at full resolution, sees 5x5 pixels"),
        _conv(
            "l_conv1_4",
            64,
            1,
            ("l_conv1_2", "g_conv9_1"),
            "illumination head; reads the reflectance features too",
            size=1,
            after="sigmoid",
            gives="L_out",
        ),
    ),
)


def _encoder_level(level: int, width: int):
    """Two convs at one resolution: `de_conv<level>_1` widens, `de_conv<level>_2` repeats."""
    first = level == 1
    of = ("input_r", "input_i") if first else f"de_conv{level - 1}_2"
    seen = "full resolution" if first else f"1/{2 ** (level - 1)} of the resolution"
    why = "reads reflectance and illumination together: noise is strongest where light was weak" if first else seen
    yield _conv(f"de_conv{level}_1", 4 if first else width // 2, width, of, why, pooled=not first)
    again = "the widest view, where noise is averaged away" if level == 5 else f"features kept for the skip at {seen}"
    yield _conv(f"de_conv{level}_2", width, width, f"de_conv{level}_1", again)


def _decoder_level(level: int, width: int):
    """An up-conv with its skip, and two convs: `up_<level>`, `de_conv<level>_1`, `de_conv<level>_2`."""
    below, skip = f"de_conv{level - 1}_2", f"de_conv{10 - level}_2"
    yield _up(f"up_{level}", 2 * width, width, below, skip, f"twice the resolution, with {skip}'s detail")
    yield _conv(f"de_conv{level}_1", 2 * width, width, f"up_{level}", "decides which of the detail is noise")
    yield _conv(f"de_conv{level}_2", width, width, f"de_conv{level}_1", "refines it")


RESTORATION = Net(
    "Restoration_net",
    "Restoration_net",
    "Restoration_net_train",
    {"input_r": 3, "input_i": 1},
    {"out": 3},
    (
        *(a for level, width in enumerate((32, 64, 128, 256, 512), start=1) for a in _encoder_level(level, width)),
        *(a for level, width in enumerate((256, 128, 64, 32), start=6) for a in _decoder_level(level, width)),
        _conv("de_conv10", 32, 3, "de_conv9_2", "restored reflectance", after="sigmoid", gives="out"),
    ),
)

ADJUST = Net(
    "Illumination_adjust_net",
    "Illumination_adjust_net",
    "illumination_adjust_net_train",
    {"input_i": 1, "input_ratio": 1},
    {"L_enhance": 1},
    (
        _conv("en_conv_1", 2, 32, ("input_i", "input_ratio"), "reads the light there is and the light asked for"),
        _conv("en_conv_2", 32, 32, "en_conv_1", "a curve that depends on the neighbourhood, 5x5"),
        _conv("en_conv_3", 32, 32, "en_conv_2", "the same, 7x7"),
        _conv(
            "en_conv_4",
            32,
            1,
            "en_conv_3",
            "adjusted illumination; the lrelu before the sigmoid keeps it from going dark, and is part of the original",
            after="lrelu, sigmoid",
            gives="L_enhance",
        ),
    ),
)

NETS: dict[str, Net] = {net.name: net for net in (DECOM, RESTORATION, ADJUST)}
