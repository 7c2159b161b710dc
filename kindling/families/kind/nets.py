"""The one table of KinD's layers, from which names, shapes, counts, halos, docs and drawings are all derived.

Read off the original's model.py and the authors' saved training graphs. A row says what the layer is called in
slim, what it computes, what it reads and what it is there for (kindling/families/table.py). No other file lists a
layer by hand.
"""

from collections.abc import Iterator, Mapping

from kindling.families.table import Layer, Net, conv, up

__all__ = ["ADJUST", "DECOM", "NETS", "RESTORATION"]

DECOM = Net(
    scope="DecomNet",
    verb="decompose",
    task="decomposition",
    folder="decom_net_train",
    function="DecomNet_simple",
    inputs={"input": 3},
    outputs={"R_out": 3, "L_out": 1},
    reads=("image",),
    parts=("R", "L"),
    layers=(
        conv("g_conv1_1", 3, 32, "input", "edges and colours; feeds both the reflectance and the illumination branch"),
        conv("g_conv2_1", 32, 64, "g_conv1_1", "texture at half resolution", pool=2),
        conv("g_conv3_1", 64, 128, "g_conv2_1", "the widest view: a quarter of the resolution", pool=2),
        up("g_up_1", 128, 64, "g_conv3_1", "g_conv2_1", "back to half resolution, with the texture seen there"),
        conv("g_conv8_1", 128, 64, "g_up_1", "mixes context with texture"),
        up("g_up_2", 64, 32, "g_conv8_1", "g_conv1_1", "back to full resolution, with the edges seen there"),
        conv("g_conv9_1", 64, 32, "g_up_2", "mixes context with edges; shared by both heads"),
        conv("g_conv10", 32, 3, "g_conv9_1", "reflectance head", size=1, after="sigmoid", gives="R_out"),
        conv("l_conv1_2", 32, 32, "g_conv1_1", "illumination branch: stays at full resolution, sees 5x5 pixels"),
        conv(
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


def _encoder_level(level: int, width: int) -> Iterator[Layer]:
    """Two convs at one resolution: `de_conv<level>_1` widens, `de_conv<level>_2` repeats."""
    first = level == 1
    of = ("input_r", "input_i") if first else f"de_conv{level - 1}_2"
    seen = "full resolution" if first else f"1/{2 ** (level - 1)} of the resolution"
    why = "reads reflectance and illumination together: noise is strongest where light was weak" if first else seen
    yield conv(f"de_conv{level}_1", 4 if first else width // 2, width, of, why, pool=1 if first else 2)
    again = "the widest view, where noise is averaged away" if level == 5 else f"features kept for the skip at {seen}"
    yield conv(f"de_conv{level}_2", width, width, f"de_conv{level}_1", again)


def _decoder_level(level: int, width: int) -> Iterator[Layer]:
    """An up-conv with its skip, and two convs: `up_<level>`, `de_conv<level>_1`, `de_conv<level>_2`."""
    below, skip = f"de_conv{level - 1}_2", f"de_conv{10 - level}_2"
    yield up(f"up_{level}", 2 * width, width, below, skip, f"twice the resolution, with {skip}'s detail")
    yield conv(f"de_conv{level}_1", 2 * width, width, f"up_{level}", "decides which of the detail is noise")
    yield conv(f"de_conv{level}_2", width, width, f"de_conv{level}_1", "refines it")


RESTORATION = Net(
    scope="Restoration_net",
    verb="restore",
    task="restoration",
    folder="Restoration_net_train",
    function="Restoration_net",
    inputs={"input_r": 3, "input_i": 1},
    outputs={"out": 3},
    reads=("R", "L"),
    parts=("restored",),
    layers=(
        *(a for level, width in enumerate((32, 64, 128, 256, 512), start=1) for a in _encoder_level(level, width)),
        *(a for level, width in enumerate((256, 128, 64, 32), start=6) for a in _decoder_level(level, width)),
        conv("de_conv10", 32, 3, "de_conv9_2", "restored reflectance", after="sigmoid", gives="out"),
    ),
)

ADJUST = Net(
    scope="Illumination_adjust_net",
    verb="adjust",
    task="adjustment",
    folder="illumination_adjust_net_train",
    function="Illumination_adjust_net",
    inputs={"input_i": 1, "input_ratio": 1},
    outputs={"L_enhance": 1},
    reads=("L", "ratio"),
    parts=("adjusted",),
    layers=(
        conv("en_conv_1", 2, 32, ("input_i", "input_ratio"), "reads the light there is and the light asked for"),
        conv("en_conv_2", 32, 32, "en_conv_1", "a curve that depends on the neighbourhood, 5x5"),
        conv("en_conv_3", 32, 32, "en_conv_2", "the same, 7x7"),
        conv(
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

NETS: Mapping[str, Net] = {net.scope: net for net in (DECOM, RESTORATION, ADJUST)}
