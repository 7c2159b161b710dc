"""`kindling evaluate`: evaluate_LOLdataset.py of the original, with the figures it leaves to others."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from kindling.commands import options
from kindling.core.errors import KindlingError
from kindling.core.files import move_into_place, refuse_existing, staging
from kindling.enhancing import memory
from kindling.evaluating.scores import PROTOCOLS, evaluate_pair, find_pairs, mean_of, metrics, write_csv, write_json
from kindling.photos.photo import write_photo
from kindling.runtimes import RUNTIMES, default_weights, open_model
from kindling.version import __version__


@click.command()
@click.argument("low", type=click.Path(path_type=Path))
@click.argument("high", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for pictures and figures.")
@options.model
@click.option(
    "--ratio", type=options.Ratio("auto", "gt"), default="gt", show_default=True,
    help="gt: from the well-lit partner, as the original, so not blind; auto: from the low photo; or a number.",
)  # fmt: skip
@click.option(
    "--protocol", type=click.Choice(list(PROTOCOLS)), default="lol", show_default=True,
    help="; ".join(f"{name}: {what}" for name, what in PROTOCOLS.items()) + ".",
)  # fmt: skip
@click.option("--gt-mean", is_flag=True, help="Set the brightness to the partner's before measuring; not blind.")
@click.option("--psnr-at-least", type=float, help="Exit with 1 if the mean PSNR is lower.")
@options.tile
@click.option("--force", is_flag=True, help="Overwrite pictures and figures that are there already.")
def evaluate(low, high, out, weights, runtime, device, precision, ratio, protocol, gt_mean, psnr_at_least, tile, force):
    """Enhance the photos in LOW and measure them against their partners, of the same name, in HIGH.

    Writes OUT/<name>_kindle.png, OUT/evaluation.csv and OUT/evaluation.json: PSNR, SSIM, and LPIPS if the package lpips
    is installed, for each photo and on average, with what they were taken of.
    """
    if out.exists() and not out.is_dir():
        raise KindlingError(f"{out}: is a file, and -o wants a folder")
    pairs = find_pairs(low, high)
    pictures = [out / f"{photo.stem}_kindle.png" for photo, _ in pairs]
    figures = out / "evaluation.csv", out / "evaluation.json"
    refuse_existing([*pictures, *figures], force)
    weights = weights or default_weights()
    if not RUNTIMES[runtime].keeps_memory:
        memory.keep_freed()
    model = open_model(weights, runtime, device=device, precision=precision)
    distance = metrics.lpips()
    console = Console(stderr=True)
    scores = []
    with staging(out) as folder:
        for pair in track(pairs, "evaluating", console=console, disable=not console.is_terminal):
            picture, score = evaluate_pair(*pair, model, ratio, protocol, gt_mean, tile, distance)
            scores.append(score)
            model.rest()
            write_photo(folder / pictures[len(scores) - 1].name, picture)
        about = {"kindling": __version__, "runtime": runtime, "device": model.device, "weights": str(weights)}
        write_csv(folder / figures[0].name, scores)
        write_json(folder / figures[1].name, scores, about)
        for target in (*pictures, *figures):
            move_into_place(folder / target.name, target)
    _show(scores)
    psnr = mean_of(scores)["psnr"]
    return 1 if psnr_at_least is not None and psnr < psnr_at_least else 0


def _show(scores):
    first, means = scores[0], mean_of(scores)
    names = [name for name in metrics.DEFINITIONS if means[name] is not None]
    table = Table("", "ratio", *names, box=None, header_style="dim", pad_edge=False)
    for image, of in [*((score.image, vars(score)) for score in scores), (f"mean of {len(scores)}", means)]:
        table.add_row(image, f"{of['ratio']:.2f}", *(f"{of[name]:.4g}" for name in names))
    console = Console(soft_wrap=True)
    console.print(table)
    notes = [f"ratio {first.ratio_mode}", f"protocol {first.protocol}"]
    notes += ["taken from the well-lit partners: not blind"] if first.ratio_mode == "gt" else []
    notes += ["brightness set to the partners' before measuring: not blind"] if first.gt_mean else []
    console.print("; ".join(notes), markup=False)
