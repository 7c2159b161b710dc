"""python -m benchmarks.precisions [PHOTO ...]        bfloat16 and int8 against float32: decibels and seconds

The enhanced picture, before it is rounded to 8 bits, against the one in float32, with the default weights. bfloat16 by
OpenVINO where this CPU computes in it, and by PyTorch on any (slowly where the CPU does not); int8 by ONNX Runtime's
static quantisation of every conv, calibrated on the photos. Times are taken in turn. PHOTO: by default
examples/dark.png; the first is measured, all of them calibrate.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kind_torch
import kind_torch.runtime
from benchmarks import parser
from kindling.core.errors import KindlingError
from kindling.exported.description import read_description
from kindling.families.registry import KIND
from kindling.images import load_images
from kindling.runtimes import default_weights, export, open_model

ROOT = Path(__file__).parents[1]
RATIO = 2.0
ROUNDS = 3
BARS = {"bfloat16": 50.0, "int8": 45.0}  # decibels


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("photos", nargs="*", type=Path, default=[ROOT / "examples" / "dark.png"], metavar="PHOTO")
    arguments.add_argument("--side", type=int, default=600, help="take no more than this of a photo; default: 600")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    options = arguments.parse_args()
    photos = [load_images(path)[np.newaxis, : options.side, : options.side] for path in options.photos]
    with tempfile.TemporaryDirectory() as name:
        models = opened(Path(name), photos)
        times: dict[str, list[float]] = {name: [] for name in models}
        pictures: dict[str, np.ndarray] = {}
        for _ in range(options.rounds + 1):
            for name, model in models.items():
                start = time.perf_counter()
                pictures[name] = picture(model, photos[0])
                times[name].append(time.perf_counter() - start)
    exact = pictures["onnx, float32"]
    print("| | PSNR to float32 | the bar | seconds, median |\n|---|---|---|---|")
    for name, taken in times.items():
        bar = next((f"{bar:g} dB" for precision, bar in BARS.items() if precision in name), "")
        decibels = -10 * np.log10(np.mean((pictures[name] - exact) ** 2) + 1e-20)
        print(f"| {name} | {decibels:.1f} dB | {bar} | {statistics.median(taken[1:]):.2f} |")


def opened(folder: Path, photos: list[np.ndarray]) -> dict[str, Any]:
    """Every model that can be had here, by its runtime and precision."""
    models: dict[str, Any] = {"onnx, float32": open_model(runtime="onnx", device="cpu")}
    try:
        models["openvino, bfloat16"] = open_model(runtime="openvino", device="cpu", precision="bfloat16")
    except KindlingError as error:
        print(error)
    kind = kind_torch.load(default_weights())
    models["torch, bfloat16"] = kind_torch.runtime.Model(kind.bfloat16())
    export(None, folder / "int8", "onnx")
    quantise(folder / "int8", photos)
    models["onnx, int8"] = open_model(folder / "int8", "onnx", device="cpu")
    return models


def picture(model: Any, x: np.ndarray) -> np.ndarray:
    """As `--protocol blend` puts it together, without the border and the colours of the photo; (n, h, w, 3)."""
    R, L = model.run("decompose", x)
    (restored,), (light,) = model.run("restore", R, L), model.run("adjust", L, ratio=RATIO)
    share = L**8
    return np.clip(share * x + (1 - share) * restored * light, 0, 1).astype(np.float64)


def quantise(folder: Path, photos: list[np.ndarray]) -> None:
    """Put an int8 graph in place of each of an export's, its scales by what the nets see of the photos."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    model = open_model(folder, "onnx", device="cpu")

    class Seen(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, verb: str):
            self.given: Iterator[dict[str, np.ndarray]] = iter([inputs(model, verb, x) for x in photos])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.given, None)

    for graph in read_description(folder).nets.values():
        file = folder / graph.file
        quantize_static(
            file, file.with_suffix(".int8"), Seen(graph.verb), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv"],
        )  # fmt: skip
        file.with_suffix(".int8").replace(file)


def inputs(model: Any, verb: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """What a net of the chain is given, by name."""
    if verb == "decompose":
        given = [x]
    else:
        R, L = model.run("decompose", x)
        given = [R, L] if verb == "restore" else [L, np.full_like(L, RATIO)]
    return dict(zip(KIND.net(verb).inputs, given, strict=True))


if __name__ == "__main__":
    main()
