"""Pairs of photos in the layouts of data sets, and pictures of other methods: who belongs to whom, and by what rule."""

import doctest
import re

import pytest
from PIL import Image

from kindling import KindlingError
from kindling.evaluating import pairs
from kindling.evaluating.pairs import BY_NAME, BY_REST, find_pairs, find_results, search


def laid_out(root, *files):
    """Small pictures below `root`; what ends otherwise than in a picture's name is any file."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ".bmp", ".webp"):
            Image.new("RGB", (2, 2)).save(path)
        else:
            path.write_bytes(b"\0\x05\x16\x07")
    return root


# --- one folder --------------------------------------------------------------------------------------------------

LAYOUTS = {
    "low, high": (["low/1.png", "high/1.png"], "", BY_NAME, [("1.png", "1.png")]),
    "LOL, named": (["our485/low/2.png", "our485/high/2.png", "eval15/low/1.png", "eval15/high/1.png"], "our485",
                   BY_NAME, [("2.png", "2.png")]),
    "LOL, one half": (["eval15/low/1.png", "eval15/high/1.png", "README.md"], "", BY_NAME, [("1.png", "1.png")]),
    "LOL-v2": (["Test/Low/low00690.png", "Test/Normal/normal00690.png", "Test/Low/low00691.png",
                "Test/Normal/normal00691.png"], "", BY_REST,
               [("low00690.png", "normal00690.png"), ("low00691.png", "normal00691.png")]),
    "input, target": (["input/a.png", "target/a.jpg"], "", BY_NAME, [("a.png", "a.jpg")]),
    "input, gt": (["input/a.png", "gt/a.png"], "", BY_NAME, [("a.png", "a.png")]),
    "INPUT, GT": (["INPUT/a_input.png", "GT/a_gt.png"], "", BY_REST, [("a_input.png", "a_gt.png")]),
    "own sides before those below": (["low/1.png", "high/1.png", "old/low/2.png", "old/high/2.png"], "", BY_NAME,
                                     [("1.png", "1.png")]),
    "macOS": (["low/1.png", "low/._1.png", "high/1.png", "high/._1.png", ".DS_Store", "low/.DS_Store"], "", BY_NAME,
              [("1.png", "1.png")]),
    "words inside names": (["low/lowland.png", "high/lowland.png"], "", BY_NAME, [("lowland.png", "lowland.png")]),
}  # fmt: skip


@pytest.mark.parametrize(("files", "root", "rule", "expected"), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path, files, root, rule, expected):
    found = search(laid_out(tmp_path, *files) / root)
    assert [(low.name, high.name) for low, high in found.pairs] == expected
    assert found.rule.startswith(rule)
    assert found.problems == ()


UNCLEAR = {
    "both halves of LOL": (["our485/low/1.png", "our485/high/1.png", "eval15/low/1.png", "eval15/high/1.png"],
                           "holds 2 sets of pairs: .*eval15; .*our485; name one of these folders"),
    "no sides": (["a/1.png", "b/1.png"], r"no folder of dark photos \(low, .*--low and --high"),
    "two dark sides": (["low/1.png", "input/1.png", "high/1.png"], "input; .*low; each could be one side"),
    "one side": (["low/1.png"], "no folder of dark photos"),
    "one side empty": (["low/1.png", "high/readme.txt"], "high: there is no photo in this folder"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "words"), UNCLEAR.values(), ids=UNCLEAR)
def test_layouts_that_are_refused(tmp_path, files, words):
    with pytest.raises(KindlingError, match=words):
        search(laid_out(tmp_path, *files))


@pytest.mark.parametrize(("name", "words"), [("none", "no such folder"), ("1.png", "is one photo; name its partner")])
def test_roots_that_are_none(tmp_path, name, words):
    with pytest.raises(KindlingError, match=words):
        search(laid_out(tmp_path, "1.png") / name)


def test_the_example_in_the_docstring():
    assert doctest.testmod(pairs) == (0, 1)


# --- two folders -------------------------------------------------------------------------------------------------

FOLDERS = {
    "suffixes differ": (["low/a.png", "high/a.bmp"], ["a"], []),
    "unpaired": (["low/a.png", "low/b.png", "high/a.png", "high/c.png"], ["a"],
                 ["b.png has no partner in .*high", "c.png has no partner in .*low"]),
    "one name twice": (["low/a.png", "low/a.jpg", "low/b.png", "high/a.png", "high/b.png"], ["b"],
                       ["a.jpg and a.png are both called a"]),
    "dots": (["low/a 2024.01.05.png", "low/a 2024.01.06.png", "high/a 2024.01.05.png", "high/a 2024.01.06.png"],
             ["a 2024.01.05", "a 2024.01.06"], []),
    "a folder called like a photo": (["low/a.png", "low/7.png/x.txt", "high/a.png"], ["a"], []),
    "other files": (["low/a.png", "low/b.gif", "high/a.png"], ["a"], []),
}  # fmt: skip


@pytest.mark.parametrize(("files", "paired", "problems"), FOLDERS.values(), ids=FOLDERS)
def test_two_folders(tmp_path, files, paired, problems):
    found = search(laid_out(tmp_path, *files) / "low", tmp_path / "high")
    assert [low.stem for low, _ in found.pairs] == paired
    assert len(found.problems) == len(problems)
    for said, words in zip(found.problems, problems, strict=True):
        assert re.search(words, said)


def test_what_else_lies_there_is_said(tmp_path):
    found = search(laid_out(tmp_path, "low/a.png", "low/b.gif", "high/a.png") / "low", tmp_path / "high")
    assert [note.removeprefix(f"{tmp_path / 'low'}: ") for note in found.notes] == [
        "left out, being no photos that are read: 1 .gif"
    ]


def test_two_photos(tmp_path):
    laid_out(tmp_path, "dark.png", "light.jpg")
    assert find_pairs(tmp_path / "dark.png", tmp_path / "light.jpg") == [
        (tmp_path / "dark.png", tmp_path / "light.jpg")
    ]


NO_PAIR = {
    "nothing in common": (
        ["low/a.png", "high/b.png"],
        "low",
        "a.png has no partner in .*; partners have the same name",
    ),
    "no folder": (["high/b.png"], "low", "low: no such folder; LOW and HIGH are"),
    "photo and folder": (["low.png", "high/b.png"], "low.png", "low.png: no such folder; LOW and HIGH are"),
}


@pytest.mark.parametrize(("files", "low", "words"), NO_PAIR.values(), ids=NO_PAIR)
def test_folders_without_a_pair(tmp_path, files, low, words):
    with pytest.raises(KindlingError, match=words):
        search(laid_out(tmp_path, *files) / low, tmp_path / "high")


def test_who_must_have_every_pair_is_told_all_that_lack(tmp_path):
    laid_out(tmp_path, "low/a.png", "low/b.png", "high/a.png", "high/c.png")
    with pytest.raises(KindlingError, match=r"b.png has no partner.*c.png has no partner.*have the same name"):
        find_pairs(tmp_path / "low", tmp_path / "high")


# --- pictures of other methods -----------------------------------------------------------------------------------

RESULTS = {
    "same names": (["1.png", "2.png"], ["1.jpg", "2.png"], {"1.png": "1.jpg", "2.png": "2.png"}, 0),
    "something added": (["1.png", "10.png"], ["1_kindle.png", "10_kindle.png"],
                        {"1.png": "1_kindle.png", "10.png": "10_kindle.png"}, 0),
    "something in front": (["1.png"], ["enhanced-1.png"], {"1.png": "enhanced-1.png"}, 0),
    "the longest": (["1.png", "1_2.png"], ["1_out.png", "1_2_out.png"],
                    {"1.png": "1_out.png", "1_2.png": "1_2_out.png"}, 0),
    "the side's word": (["normal00001.png"], ["low00001.png"], {"normal00001.png": "low00001.png"}, 0),
    "the side's word, and more": (["normal00001.png"], ["low00001_out.png"],
                                  {"normal00001.png": "low00001_out.png"}, 0),
    "the very name before others": (["1.png"], ["1.png", "1_mask.png"], {"1.png": "1.png"}, 0),
    "no picture of one": (["1.png", "2.png"], ["1.png"], {"1.png": "1.png"}, 1),
    "a picture of none": (["1.png"], ["1.png", "overview.png"], {"1.png": "1.png"}, 1),
    "ambiguous": (["1.png", "2.png"], ["1_a.png", "1_b.png", "2_a.png"], {"2.png": "2_a.png"}, 1),
    "no part of a number": (["1.png", "21.png"], ["21.png"], {"21.png": "21.png"}, 1),
    "hidden": (["1.png"], ["1.png", "._1.png"], {"1.png": "1.png"}, 0),
}  # fmt: skip


@pytest.mark.parametrize(("partners", "pictures", "expected", "problems"), RESULTS.values(), ids=RESULTS)
def test_results(tmp_path, partners, pictures, expected, problems):
    laid_out(tmp_path, *(f"high/{name}" for name in partners), *(f"theirs/{name}" for name in pictures))
    high = [tmp_path / "high" / name for name in partners]
    found = find_results(tmp_path / "theirs", high, "theirs")
    assert {partner.name: picture.name for picture, partner in found.pictures} == expected
    assert len(found.problems) == problems, found.problems


def test_results_that_belong_to_none(tmp_path):
    laid_out(tmp_path, "high/1.png", "theirs/x.png")
    with pytest.raises(
        KindlingError, match=r"x.png belongs to none.*no picture that belongs to 1.png.*the longest one"
    ):
        find_results(tmp_path / "theirs", [tmp_path / "high" / "1.png"], "theirs")
    with pytest.raises(KindlingError, match="no such folder; --results"):
        find_results(tmp_path / "none", [tmp_path / "high" / "1.png"], "theirs")
