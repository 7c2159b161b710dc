"""An evaluation as a page: means, pictures side by side, a table that sorts, and nothing from elsewhere."""

import re

import numpy as np
import pytest
from PIL import Image

from kindling.evaluating.evaluation import measure, plan
from kindling.evaluating.html import as_html


@pytest.fixture
def evaluation(tmp_path):
    """Three pictures of two methods, one of them damaged."""
    rng = np.random.default_rng(0)
    for folder in ("high", "ours", "theirs"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        truth = rng.integers(60, 200, (16, 24, 3), np.uint8)
        Image.fromarray(truth).save(tmp_path / "high" / f"{number}.png")
        Image.fromarray(truth // 2).save(tmp_path / "ours" / f"{number}.png")
        Image.fromarray(truth + np.uint8(number)).save(tmp_path / "theirs" / f"{number}.png")
    (tmp_path / "ours" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n no more")
    results = {"Ours": tmp_path / "ours", "<b>Theirs": tmp_path / "theirs"}
    return measure(plan(None, tmp_path / "high", results))


def rows_of(page, heading):
    section = page[page.index(f"<h2>{heading}</h2>") :]
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", section[: section.index("</section>")])
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


def test_figures_are_those_of_the_evaluation(evaluation):
    page = as_html(evaluation)
    means = {row[0]: row for row in rows_of(page, "Means")}
    assert set(means) == {"Ours", "&lt;b&gt;Theirs"}
    assert means["Ours"][1] == "2"
    assert means["Ours"][2].startswith(f"{evaluation.summaries[0].means['psnr']:.2f}")
    images = rows_of(page, "Image by image")
    assert len(images) == len(evaluation.scores) == 5
    assert [row[0] for row in images] == ["0.png", "1.png", "0.png", "1.png", "2.png"]
    assert "5 of 6 pictures measured" in page
    assert "2.png" in page[page.index("<ul>") : page.index("</ul>")]  # what failed stands below the verdict


def test_files_go_with_scores(evaluation):
    assert len(evaluation.files) == len(evaluation.scores)
    for score, files in zip(evaluation.scores, evaluation.files, strict=True):
        assert files.partner.name == files.picture.name == score.image


def test_pictures_stand_side_by_side_worst_first(evaluation):
    page = as_html(evaluation)
    side = page[page.index("<h2>Side by side</h2>") : page.index("<h2>Image by image</h2>")]
    order = re.findall(r"<h3>(.*?)</h3>", side)
    psnr = {score.image: score.psnr for score in reversed(evaluation.scores)}
    assert order == sorted(order, key=psnr.__getitem__)
    assert side.count("data:image/jpeg") == 5 + 3  # each picture, and three partners
    assert "equal, SSIM 1.000" in side


def test_it_stands_alone_whatever_a_method_is_called(evaluation):
    page = as_html(evaluation)
    assert "<b>Theirs" not in page
    assert page.count("<script") == 1
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(?!data:)[a-z]+:", page)


def test_of_many_images_some_are_shown_and_the_file_stays_small(evaluation, tmp_path):
    (tmp_path / "many").mkdir()
    rng = np.random.default_rng(0)
    files, scores = [], []
    for number in range(40):
        path = tmp_path / "many" / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (360, 360, 3), np.uint8)).save(path)
        files.append(type(evaluation.files[0])(picture=path, partner=path, dark=path))
        scores.append(
            type(evaluation.scores[0])(**{**vars(evaluation.scores[0]), "image": path.name, "psnr": float(number)})
        )
    evaluation.files, evaluation.scores = files, scores
    page = as_html(evaluation)
    assert len(page.encode()) < 3e6
    shown = re.findall(r"<h3>(\d+)\.png</h3>", page)
    assert re.search(rf"{len(shown)} of 40 images", page)
    assert shown[0] == "0"
