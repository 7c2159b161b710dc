"""`kindling.evaluate`: scores and failures of pairs and of other methods' pictures, files as they come; and ratios."""

import csv
import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kindling
from kindling import KindlingError, MissingNetError
from kindling.enhancing.grid import square, whole
from kindling.enhancing.ratio import EPSILON, LARGEST, LEVEL, auto_ratio, true_ratio
from kindling.enhancing.tiles import keep
from kindling.evaluating import metrics, scores, tables
from kindling.evaluating.scores import PROTOCOLS, Protocol, Score, summary_of
from tests.support.models import FakeModel, plain_light

NOISE = np.random.default_rng(0).integers(0, 255, (33, 40, 3), np.uint8)
FIGURES = {"evaluation.csv", "evaluation.json", "evaluation.md", "evaluation.tex"}

# --- ratios ------------------------------------------------------------------------------------------------------


def fake(light):
    """A model whose illumination is a function of the image."""
    return FakeModel(lambda verb, x: (x, light(x[..., :1]).astype(np.float32)))


@pytest.mark.parametrize("grid", [whole(33, 40), square(33, 40, 16)], ids=["whole", "tiled"])
def test_ratios_are_their_means(grid):
    low, high = (x.astype(np.float32) / 255 for x in (NOISE // 4 + 1, NOISE))
    model = fake(lambda x: x)
    kept = keep(lambda rows, columns: low[rows, columns], grid, model)
    expected = np.mean(high[..., 0] / (low[..., 0] + np.float32(0.0001)))  # evaluate_LOLdataset.py
    partner = keep(lambda rows, columns: high[rows, columns], grid, model)
    assert true_ratio(kept, partner, grid) == pytest.approx(expected, rel=1e-6)
    blind = min(np.mean(LEVEL / (low[..., 0] + EPSILON)), LARGEST)
    assert auto_ratio(kept, None, grid, model) == pytest.approx(blind, rel=1e-6)


@pytest.mark.parametrize(("level", "ratio"), [(0.0, 10.0), (0.062, 9.984), (0.31, 1.9994), (0.62, 0.9998), (1, 0.62)])
def test_auto_ratio_of_known_light(level, ratio):
    """A photo as light as well-lit ones asks for 1, a darker one for more, a black one for the most there is."""
    grid = whole(3, 3)
    model = fake(lambda x: np.full_like(x, level))
    kept = keep(lambda rows, columns: np.zeros((3, 3, 3)), grid, model)
    assert auto_ratio(kept, None, grid, model) == pytest.approx(ratio, abs=1e-3)


# --- pairs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    for folder, image in (("low", NOISE // 8), ("high", NOISE)):
        (tmp_path / folder).mkdir()
        for number in (1, 2, 3):
            Image.fromarray(np.roll(image, number, 0)).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def evaluate(folders, model=None, **options):
    sides = {"low": folders / "low", "high": folders / "high"} | {k: options.pop(k) for k in ("low",) if k in options}
    return kindling.evaluate(**sides, model=model or FakeModel(), **options)


def names(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_scores_are_of_the_pictures_that_are_written(folders):
    evaluation = evaluate(folders, ratio=3.0, out=folders / "out")
    assert evaluation.failures == []
    assert [score.image for score in evaluation.scores] == ["1.png", "2.png", "3.png"]
    for score in evaluation.scores:
        picture, truth = (
            np.array(Image.open(folders / part)) for part in (f"out/{score.image[0]}_kindle.png", f"high/{score.image}")
        )
        assert score.psnr == metrics.psnr(picture, truth)
        assert score.ssim_uniform == metrics.ssim_uniform(picture, truth)
        assert (score.ratio, score.ratio_mode, score.blind) == (3.0, "3", True)
    assert names(folders / "out") == FIGURES | {"1_kindle.png", "2_kindle.png", "3_kindle.png"}


def test_without_a_folder_nothing_is_written(folders):
    before = sorted(folders.rglob("*"))
    assert len(evaluate(folders).scores) == 3
    assert sorted(folders.rglob("*")) == before


BROKEN = {
    "damaged": (lambda f: (f / "low/2.png").write_bytes((f / "low/2.png").read_bytes()[:900]), "low.2.png: damaged"),
    "its partner damaged": (lambda f: (f / "high/2.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "high.2.png: "),
    "empty": (lambda f: (f / "low/2.png").write_bytes(b""), "low.2.png: not a photo.*empty"),
    "another size": (lambda f: Image.fromarray(NOISE[:-1]).save(f / "high/2.png"),
                     "low.2.png is 33x40 and its partner .*high.2.png 32x40"),
    "too small": (lambda f: [Image.fromarray(NOISE[:9]).save(f / s / "2.png") for s in ("low", "high")],
                  "low.2.png: SSIM looks through 11x11"),
    "no partner": (lambda f: (f / "high/2.png").unlink(), "low.2.png has no partner"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_measured_is_said_and_the_rest_goes_on(folders, damage, words):
    damage(folders)
    evaluation = evaluate(folders, out=folders / "out")
    assert [score.image for score in evaluation.scores] == ["1.png", "3.png"]
    (failure,) = evaluation.failures
    assert re.search(words, failure)
    report = json.loads((folders / "out/evaluation.json").read_text())
    assert report["failures"] == [failure]
    assert report["methods"]["kindling"]["images"] == 2
    assert names(folders / "out") == FIGURES | {"1_kindle.png", "3_kindle.png"}


NAMES = {
    "brackets": "a[b] [red].png",
    "letters": "naïve 写.png",
    "no text": "caf\udce9.png",
    "dots": "a 2024.01.05.png",
}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_of_any_kind(folders, name):
    for side in ("low", "high"):
        (folders / side / "2.png").rename(folders / side / name)
    evaluation = evaluate(folders, out=folders / "out")
    assert evaluation.failures == []
    assert f"{name[:-4]}_kindle.png" in names(folders / "out")
    told = json.loads((folders / "out/evaluation.json").read_text(encoding="utf-8"))
    assert name in [score["image"] for score in told["images"]]


def test_a_name_too_long_for_its_picture(folders):
    for side in ("low", "high"):
        (folders / side / "2.png").rename(folders / side / f"{'x' * 245}.png")
    evaluation = evaluate(folders, out=folders / "out")
    assert [score.image for score in evaluation.scores] == ["1.png", "3.png"]
    assert "xx_kindle.png: writing failed: " in evaluation.failures[0]


def test_the_pair_of_macos(folders):
    for side in ("low", "high"):
        (folders / side / "._1.png").write_bytes(b"\0\x05\x16\x07" + bytes(100))
    evaluation = evaluate(folders)
    assert (len(evaluation.scores), evaluation.failures) == (3, [])


def test_pictures_come_as_they_are_made_and_a_stop_keeps_the_figures(folders):
    seen = []

    def progress(evaluation):
        seen.append((evaluation.done, evaluation.total, len(names(folders / "out"))))
        if evaluation.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(folders, out=folders / "out", progress=progress)
    assert seen == [(1, 3, 1), (2, 3, 2)]
    assert names(folders / "out") == FIGURES | {"1_kindle.png", "2_kindle.png"}
    report = json.loads((folders / "out/evaluation.json").read_text())
    assert (report["stopped"], len(report["images"]), report["methods"]["kindling"]["images"]) == (True, 2, 2)
    assert "stopped before its end" in report["notes"]


def test_a_stop_within_a_picture_leaves_no_half_of_it(folders):
    def compute(verb, *arrays, **dials):
        if verb == "restore" and sum(call[0] == "restore" for call in model.calls) == 2:
            raise KeyboardInterrupt
        return plain_light(verb, *arrays, **dials)

    model = FakeModel(compute)
    with pytest.raises(KeyboardInterrupt):
        evaluate(folders, model, out=folders / "out")
    assert names(folders / "out") == FIGURES | {"1_kindle.png"}


def test_figures_that_cannot_be_written_are_known_all_the_same(folders):
    """The folder is taken away while its last picture is measured."""
    from kindling.evaluating import evaluation as room

    def progress(evaluation):
        if evaluation.done == 3:
            (folders / "out").rename(folders / "gone")
            (folders / "out").write_bytes(b"")
        seen[:] = [evaluation]

    seen = []
    with pytest.raises(KindlingError, match="out: cannot be written to"):
        room.measure(room.plan(folders, out=folders / "out"), FakeModel(), progress=progress)
    assert len(seen[0].scores) == 3


def test_a_missing_net_is_said_once(folders):
    def compute(verb, *arrays, **dials):
        raise MissingNetError("Restoration_net was not in the file")

    with pytest.raises(MissingNetError):
        evaluate(folders, FakeModel(compute), out=folders / "out")
    assert names(folders / "out") == set()


def test_without_denoising_the_restoration_net_is_not_asked_for(folders):
    model = FakeModel(nets=("DecomNet", "Illumination_adjust_net"))
    evaluation = evaluate(folders, model, denoise=0)
    assert len(evaluation.scores) == 3
    assert {call[0] for call in model.calls} == {"decompose", "adjust"}
    assert evaluation.about["denoise"] == 0


REFUSED = {
    "a ratio of no kind": ({"ratio": "bright"}, '"auto" or "gt"'),
    "a ratio below 0": ({"ratio": -1.0}, "from 0 up"),
    "a protocol": ({"protocol": "best"}, "no protocol 'best'; there are lol, blend, photo"),
    "denoise": ({"denoise": 2}, "denoise is 2, expected"),
    "a tile": ({"tile": "16"}, "a tile of '16'"),
    "no model": ({"model": "none"}, "no runtime 'none'; there are torch"),
    "nothing": ({"low": None}, "nothing to measure"),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_before_any_work(folders, options, words):
    with pytest.raises(KindlingError, match=words):
        evaluate(folders, out=folders / "out", **options)
    assert names(folders / "out") == set()


def test_dark_photos_without_a_model_are_refused(folders):
    with pytest.raises(KindlingError, match="no model to do it with"):
        kindling.evaluate(folders / "low", folders / "high", model=None)


def test_nothing_that_is_there_is_overwritten(folders):
    evaluate(folders, out=folders / "out")
    before = {path: path.stat().st_mtime_ns for path in (folders / "out").iterdir()}
    with pytest.raises(KindlingError, match="the output exists already"):
        evaluate(folders, out=folders / "out")
    assert {path: path.stat().st_mtime_ns for path in (folders / "out").iterdir()} == before
    evaluate(folders, out=folders / "out", force=True)
    for side in ("low", "high"):
        Image.fromarray(NOISE).save(folders / side / "1_kindle.png")
    with pytest.raises(KindlingError, match=r"a photo would be overwritten: .*1_kindle.png"):
        evaluate(folders, out=folders / "low", force=True)


def test_a_new_protocol_is_a_row(folders, monkeypatch):
    monkeypatch.setattr(scores, "PROTOCOLS", {**PROTOCOLS, "light": Protocol("restored", "restored alone")})
    monkeypatch.setattr(kindling.evaluating.evaluation, "PROTOCOLS", scores.PROTOCOLS)
    assert evaluate(folders, protocol="light").about["protocol"] == "light: restored alone"


def test_sixteen_bits_are_measured_by_the_upper_eight(folders):
    import pyvips

    deep = (NOISE.astype(np.uint16) << 8) + 99
    pyvips.Image.new_from_array(np.ascontiguousarray(deep), interpretation="rgb16").write_to_file(folders / "a.png")
    Image.fromarray(NOISE).save(folders / "b.png")
    (score,) = kindling.evaluate(folders / "b.png", folders / "a.png", model=FakeModel()).scores
    (eight,) = kindling.evaluate(folders / "b.png", folders / "b.png", model=FakeModel()).scores
    assert score.psnr == pytest.approx(eight.psnr, abs=0.05)


# --- pictures of other methods -----------------------------------------------------------------------------------


@pytest.fixture
def methods(folders):
    """`same` has the partners themselves, `near` something close to them under other names."""
    for method, change, name in (("same", 0, "{}.png"), ("near", 9, "{}_near.png")):
        (folders / method).mkdir()
        for number in (1, 2, 3):
            truth = np.array(Image.open(folders / "high" / f"{number}.png"))
            Image.fromarray(np.where(truth > 128, truth - change, truth + change).astype(np.uint8)).save(
                folders / method / name.format(number)
            )
    return folders


def test_methods_side_by_side(methods):
    evaluation = evaluate(methods, results=[methods / "same", f"Near & far={methods / 'near'}"], out=methods / "out")
    kinds = {summary.method: summary for summary in evaluation.summaries}
    assert {method: summary.images for method, summary in kinds.items()} == {"kindling": 3, "same": 3, "Near & far": 3}
    assert kinds["same"].means["psnr"] == math.inf
    assert kinds["Near & far"].means["psnr"] == pytest.approx(10 * math.log10(255**2 / 81))
    assert kinds["same"].intervals["psnr"] is None
    for score in evaluation.scores[3:]:
        assert (score.ratio, score.ratio_mode, score.protocol) == (None, None, None)


def test_methods_alone_need_no_model(methods):
    evaluation = kindling.evaluate(None, methods / "high", model=None, results={"theirs": methods / "near"})
    assert [(score.method, score.image) for score in evaluation.scores] == [
        ("theirs", "1.png"),
        ("theirs", "2.png"),
        ("theirs", "3.png"),
    ]
    assert "runtime" not in evaluation.about


def test_one_folder_needs_no_list(methods):
    evaluation = kindling.evaluate(None, methods / "high", model=None, results=str(methods / "near"))
    assert [summary.method for summary in evaluation.summaries] == ["near"]


def test_a_photo_too_large_for_the_memory_is_named(folders):
    def compute(verb, *arrays, **dials):
        if verb == "adjust" and model.calls.count(("adjust", NOISE[..., 0].size)) == 2:
            raise MemoryError
        return plain_light(verb, *arrays, **dials)

    model = FakeModel(compute)
    evaluation = evaluate(folders, model)
    assert evaluation.failures == [f"{folders / 'low' / '2.png'}: there is not enough memory for it"]
    assert [score.image for score in evaluation.scores] == ["1.png", "3.png"]


def test_a_method_that_lacks_a_picture(methods):
    (methods / "near/2_near.png").unlink()
    Image.fromarray(NOISE[:20]).save(methods / "same/3.png")
    evaluation = evaluate(methods, results=[methods / "near", methods / "same"])
    assert sorted(evaluation.failures) == sorted(
        [
            f"{methods / 'near'} has no picture that belongs to 2.png",
            f"{methods / 'same' / '3.png'} is 20x40 and its partner {methods / 'high' / '3.png'} 33x40: "
            "partners must be of one size",
        ]
    )
    assert [summary.images for summary in evaluation.summaries] == [3, 2, 2]
    assert "methods were measured on different images, so their means do not compare" in evaluation.said()


def test_methods_on_the_same_images_compare(methods):
    assert not any("do not compare" in note for note in evaluate(methods, results=[methods / "near"]).said())


CLASHES = {
    "two of one name": (lambda f: [f / "near", f / "x/../near"], "both called near; give one as NAME="),
    "our own name": (lambda f: [f"kindling={f / 'near'}"], "kindling is the name of our own pictures"),
    "no folder": (lambda f: [f / "nowhere"], "nowhere: no such folder; --results"),
}


@pytest.mark.parametrize(("results", "words"), CLASHES.values(), ids=CLASHES)
def test_methods_that_are_refused(methods, results, words):
    (methods / "x").mkdir()
    with pytest.raises(KindlingError, match=words):
        evaluate(methods, results=results(methods))


# --- tables ------------------------------------------------------------------------------------------------------

SCORE = Score(
    image="1.png", ratio_mode="gt", ratio=4.0, protocol="lol", gt_mean=False, psnr=20.0, ssim=0.7, ssim_uniform=0.65,
    ssim_grey=0.75,
)  # fmt: skip


def test_intervals_hold_what_they_say():
    """Of 200 draws of 20 numbers, the 95 % interval of the mean misses the true one about one time in twenty."""
    random = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        drawn = [replace(SCORE, psnr=float(value)) for value in random.normal(20, 3, 20)]
        least, most = summary_of(drawn).intervals["psnr"]
        missed += not least <= 20 <= most
    assert 4 <= missed <= 24


@pytest.mark.parametrize("psnrs", [[20.0], [20.0, math.inf]], ids=["one image", "infinite"])
def test_no_interval_where_there_is_none(psnrs):
    summary = summary_of([replace(SCORE, psnr=psnr) for psnr in psnrs])
    assert summary.intervals["psnr"] is None
    assert summary.means["lpips"] is None


def test_the_four_tables_agree(methods):
    evaluation = evaluate(methods, results=[f"a_b & c|d={methods / 'near'}", methods / "same"], out=methods / "out")
    report = json.loads((methods / "out/evaluation.json").read_text())
    with open(methods / "out/evaluation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["1.png", "2.png", "3.png", "mean of 3"] * 3
    markdown, tex = ((methods / f"out/evaluation.{kind}").read_text() for kind in ("md", "tex"))
    lines = markdown.splitlines()[2:5]
    for number, summary in enumerate(evaluation.summaries):
        psnr = summary.means["psnr"]
        told = report["methods"][summary.method]["mean"]["psnr"]
        assert told == ("inf" if math.isinf(psnr) else psnr)
        assert float(rows[4 * number + 3]["psnr"]) == psnr
        assert f"| 3 | {psnr:.2f}" in lines[number]
    assert r"| a_b & c\|d |" in lines[1]
    assert r"a\_b \& c|d & 3 & " in tex
    assert r"$\infty$" in tex
    assert tex.count(r"\\") == 4
    for name in ("ssim", "ssim_uniform", "ssim_grey"):
        assert metrics.DEFINITIONS[name] in markdown
        assert metrics.DEFINITIONS[name] in tex
    assert "not blind" in markdown
    assert "not blind" in tex


@pytest.mark.torch
def test_the_snippet_of_the_docs_runs(folders, seeded_npz, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (folders / "low" / "3.png").write_bytes(b"")
    monkeypatch.chdir(folders)
    monkeypatch.setenv("KINDLING_WEIGHTS", str(seeded_npz))
    exec(snippet, {})
    said = capsys.readouterr().out
    assert re.match(r"kindling 2 [0-9.]+ \([0-9.]+, [0-9.]+\)\nlow.3.png: not a photo", said)
    assert "| kindling | 2 |" in said


def test_a_table_of_no_kind(folders):
    with pytest.raises(KindlingError, match="no table 'xls'; there are md, tex, csv, json"):
        evaluate(folders).table("xls")


def test_every_figure_has_a_column():
    assert list(tables.COLUMNS) == list(metrics.DEFINITIONS)
