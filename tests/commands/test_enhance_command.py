"""`kindling enhance` from files to files: what is written, what is kept, what is said, and what a kill leaves."""

import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from kindling.cli import main
from kindling.enhancing.sheet import GAP
from kindling.photos.photo import read_photo, write_photo
from tests.support.photos import ICC, exif

pytestmark = pytest.mark.torch
NOISE = np.random.default_rng(0).integers(0, 60, (18, 24, 3), np.uint8)


@pytest.fixture
def enhance(tmp_path, seeded_npz, capsys):
    """Runs the command in tmp_path/in -> tmp_path/out; returns (exit code, stdout, stderr)."""

    def run(*arguments, inputs=(tmp_path / "in",)):
        given = ["enhance", *inputs, "-o", tmp_path / "out", "--weights", seeded_npz, *arguments]
        code = main([str(argument) for argument in given])
        return code, *capsys.readouterr()

    (tmp_path / "in" / "trip").mkdir(parents=True)
    Image.fromarray(NOISE).save(tmp_path / "in" / "night.png")
    Image.fromarray(NOISE).save(tmp_path / "in" / "trip" / "夜 é.jpg", exif=exif(6), icc_profile=ICC)
    return run


def written(tmp_path):
    return sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())


def test_sub_folders(enhance, tmp_path):
    code, out, err = enhance("--recursive")
    assert (code, err) == (0, "")
    assert written(tmp_path) == ["night_kindle.png", "trip/夜 é_kindle.jpg"]
    assert "2 of 2 photos enhanced into" in out
    assert "(ratio 5, protocol photo, torch on cpu)" in out
    assert "0.0 megapixels in" in out


def test_everything_at_once(enhance, tmp_path):
    """Parts, series, side by side, names and kinds: every file is the size it should be."""
    code, out, _ = enhance("--parts", "--compare", "--ratio", 1, "--ratio", "auto", "--suffix", "-lit", "--ext", "webp")
    assert code == 0
    assert "night.png: ratio auto is " in out
    parts = ["L", "R", "adjusted_ratio1", "adjusted_ratioauto", "compare", "ratio1", "ratioauto", "restored"]
    assert written(tmp_path) == [f"night-lit_{part}.webp" for part in parts]
    sizes = {name: Image.open(tmp_path / "out" / name).size for name in written(tmp_path)}
    width, height = sizes.pop("night-lit_compare.webp")  # before, and two after, each with a line for its label
    assert width == 4 * GAP + 3 * 24
    assert height > 2 * GAP + 18
    assert set(sizes.values()) == {(24, 18)}


def test_parts_are_what_the_nets_gave(enhance, tmp_path, seeded_npz):
    import kind_torch
    from kind_torch import arrays
    from kindling.images import load_images, to_pixels

    assert enhance("--parts", "--tile", "0")[0] == 0
    R, L = arrays.run(kind_torch.load(seeded_npz), "decompose", load_images(tmp_path / "in" / "night.png")[None])
    for part, expected in (("R", R[0]), ("L", L[0, ..., 0])):
        np.testing.assert_array_equal(Image.open(tmp_path / "out" / f"night_kindle_{part}.png"), to_pixels(expected))


def test_metadata(enhance, tmp_path):
    photo = tmp_path / "in" / "trip" / "夜 é.jpg"
    assert enhance("--ext", "auto", inputs=[photo])[0] == 0
    enhanced = Image.open(tmp_path / "out" / "夜 é_kindle.jpg")
    assert (enhanced.size, enhanced.getexif()[0x0112], enhanced.getexif()[0x010F]) == ((18, 24), 1, "Maker")
    assert enhanced.info["icc_profile"] == ICC
    assert enhance("--ext", "auto", "--no-metadata", "--force", inputs=[photo])[0] == 0
    bare = Image.open(tmp_path / "out" / "夜 é_kindle.jpg")
    assert "icc_profile" not in bare.info
    assert 0x010F not in bare.getexif()


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_and_transparency(enhance, tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 255, (18, 24, 3)).astype(np.uint16)  # dark: 8 bits would be 0
    alpha = np.random.default_rng(1).integers(0, 65535, (18, 24, 1), np.uint16)
    like = read_photo(tmp_path / "in" / "night.png")
    write_photo(tmp_path / f"deep.{kind}", pixels, like=type(like)(pixels, alpha))
    code, _, _ = enhance("--ext", "auto", inputs=[tmp_path / f"deep.{kind}"])
    assert code == 0
    deep = read_photo(tmp_path / "out" / f"deep_kindle.{kind}")
    assert deep.pixels.dtype == np.uint16
    assert len(np.unique(deep.pixels)) > 500  # more than 8 bits could tell apart
    np.testing.assert_array_equal(deep.alpha, alpha)
    code, _, err = enhance("--ext", "jpg", inputs=[tmp_path / f"deep.{kind}"])
    assert code == 2
    assert "has transparency, which JPEG does not hold" in err


def test_a_tile_is_no_matter(enhance, tmp_path):
    assert enhance("--tile", 16, "--suffix", "_16")[0] == enhance("--tile", 0, "--suffix", "_0")[0] == 0
    tiled, whole = (np.array(Image.open(tmp_path / "out" / f"night_{n}.png")).astype(int) for n in (16, 0))
    assert np.abs(tiled - whole).max() <= 1


def test_bad_files_are_said_and_the_rest_goes_on(enhance, tmp_path):
    (tmp_path / "in" / "broken.jpg").write_bytes((tmp_path / "in" / "trip" / "夜 é.jpg").read_bytes()[:1200])
    (tmp_path / "in" / "text.png").write_text("hello")
    code, out, err = enhance()
    assert code == 2
    assert err.count("\n") == 2
    assert "broken.jpg: damaged or not readable as a photo" in err
    assert "text.png: not a photo that can be read" in err
    assert "1 of 3 photos enhanced" in out
    assert written(tmp_path) == ["night_kindle.png"]


def test_going_on_where_it_stopped(enhance, tmp_path):
    assert enhance()[0] == 0
    stamp = (tmp_path / "out" / "night_kindle.png").stat().st_mtime_ns
    assert enhance()[0] == 2  # there already, and nothing says what then
    code, out, _ = enhance("--skip-existing", "--recursive")
    assert code == 0
    assert "1 of 2 photos enhanced" in out
    assert "1 there already" in out
    assert (tmp_path / "out" / "night_kindle.png").stat().st_mtime_ns == stamp
    assert "0 of 2 photos enhanced" in enhance("--skip-existing", "--recursive")[1]


USAGE = {
    "ratio below 0": (["--ratio", "-1"], "-1 is neither a number from 0 up nor auto"),
    "ratio NaN": (["--ratio", "nan"], "nan is neither a number"),
    "ratio of letters": (["--ratio", "bright"], "bright is neither a number"),
    "tile of letters": (["--tile", "big"], "big is neither auto nor a number of pixels"),
    "suffix with a folder": (["--suffix", "a/b"], "a/b has a folder in it"),
    "unknown kind": (["--ext", "gif"], "'gif' is not one of"),
}


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE)
def test_wrong_usage(enhance, tmp_path, arguments, words):
    code, out, err = enhance(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "out").exists()


def test_a_ratio_beyond_the_useful(enhance):
    code, _, err = enhance("--ratio", "8")
    assert (code, err) == (0, "kindling: a ratio of 8 is beyond 5, the most the nets are meant for\n")


def test_too_many_megapixels(enhance):
    code, _, err = enhance("--max-megapixels", "0.0001")
    assert code == 2
    assert "24x18 is 0.000432 megapixels, and at most 0.0001 are read" in err


# --- stopped -----------------------------------------------------------------------------------------------------


def start(tmp_path, seeded_npz, before="", **options):
    program = f"{before}\nimport sys; from kindling.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["enhance", "in", "-o", "out", "--weights", str(seeded_npz), "--skip-existing"]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=tmp_path, env=environment, **options)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_killed_at_any_moment(enhance, tmp_path, seeded_npz):
    """Nothing but whole pictures under their names, and a rerun makes the rest."""
    for k in range(1, 8):
        Image.fromarray(np.roll(NOISE, k, axis=0)).resize((90, 70)).save(tmp_path / "in" / f"{k}.png")
    for delay in (0.0, 0.02, 0.05):
        running = start(tmp_path, seeded_npz)
        there = len(written(tmp_path)) if (tmp_path / "out").exists() else 0
        while running.poll() is None and len(list(tmp_path.glob("out/*_kindle.png"))) <= there:
            time.sleep(0.01)
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        for picture in tmp_path.glob("out/*_kindle.png"):
            Image.open(picture).load()
    assert start(tmp_path, seeded_npz).wait() == 0
    assert len(list(tmp_path.glob("out/*_kindle.png"))) == 8


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_disk_that_is_full(enhance, tmp_path, seeded_npz):
    """With a limit on the size of files in place of a full disk: a sentence, and no picture that is not whole."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)).save(tmp_path / "in" / "b.png")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
    running = start(tmp_path, seeded_npz, limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 2
    assert "b_kindle.png: writing failed: " in err
    assert err.count("\n") == 1
    assert "1 of 2 photos enhanced" in out
    assert written(tmp_path) == ["night_kindle.png"]


@pytest.mark.parametrize("first_dot", [False, True])
def test_names_with_dots(enhance, tmp_path, first_dot):
    photo = tmp_path / "in" / "shot 2024.01.05.png"
    Image.new("RGB", (9, 9), (9, 60, 9)).save(photo)
    assert enhance(*(["--first-dot"] if first_dot else []), inputs=[photo])[0] == 0
    assert written(tmp_path) == ["shot 2024_kindle.png" if first_dot else "shot 2024.01.05_kindle.png"]


def test_one_photo_into_one_file(enhance, tmp_path, seeded_npz):
    from kindling.cli import main

    photo = tmp_path / "in" / "night.png"
    assert main(["enhance", str(photo), "-o", str(tmp_path / "bright.jpg"), "--weights", str(seeded_npz)]) == 0
    assert Image.open(tmp_path / "bright.jpg").format == "JPEG"


def test_nothing_that_is_there_is_written_without_force(enhance, tmp_path):
    """A photo one of whose pictures is missing: the other one stays as it is."""
    assert enhance("--parts")[0] == 0
    kept, gone = tmp_path / "out" / "night_kindle.png", tmp_path / "out" / "night_kindle_R.png"
    kept.write_bytes(b"mine")
    gone.unlink()
    assert enhance("--parts", "--skip-existing")[0] == 0
    assert kept.read_bytes() == b"mine"
    assert gone.exists()


def test_a_preview_is_small(enhance, tmp_path):
    assert enhance("--max-side", "12")[0] == 0
    assert Image.open(tmp_path / "out" / "night_kindle.png").size == (12, 9)


def test_the_dials(enhance, tmp_path):
    assert enhance("--strength", "0", "--suffix", "_off")[0] == 0
    photo, off = Image.open(tmp_path / "in" / "night.png"), Image.open(tmp_path / "out" / "night_off.png")
    np.testing.assert_array_equal(np.asarray(photo.convert("RGB")), np.asarray(off.convert("RGB")))
    assert enhance("--protocol", "lol", "--denoise", "0", "--suffix", "_lol")[0] == 0
    assert enhance("--suffix", "_full")[0] == 0
    lol, full = (np.asarray(Image.open(tmp_path / "out" / f"night_{name}.png")) for name in ("lol", "full"))
    assert (lol != full).any()


def test_through_a_pipe(tmp_path, seeded_npz):
    """The picture comes out of standard output and nothing else does; it is what a file would have become."""
    photo = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 90, (18, 24, 3), np.uint8)).save(photo, "PNG")
    command = [sys.executable, "-m", "kindling", "enhance", "-", "-o", "-", "--weights", str(seeded_npz)]
    piped = subprocess.run(command, input=photo.getvalue(), capture_output=True, timeout=120)
    assert (piped.returncode, piped.stderr) == (0, b"")
    (tmp_path / "in.png").write_bytes(photo.getvalue())
    from kindling.cli import main

    assert main(["enhance", str(tmp_path / "in.png"), "-o", str(tmp_path), "--weights", str(seeded_npz)]) == 0
    assert np.array_equal(Image.open(io.BytesIO(piped.stdout)), Image.open(tmp_path / "in_kindle.png"))


WRONG_PIPES = {
    "nothing": (["-", "-o", "-"], b"", "standard input: there is nothing in it"),
    "no photo": (["-", "-o", "-"], b"hello, " * 20, "standard input: "),
    "two": (["-", "-", "-o", "-"], b"", "- is one photo, and there are 2 inputs"),
    "parts": (["-", "-o", "-", "--parts"], b"", "through a pipe goes one picture"),
}


@pytest.mark.parametrize(("arguments", "data", "words"), WRONG_PIPES.values(), ids=WRONG_PIPES)
def test_pipes_that_are_refused(arguments, data, words, monkeypatch, capsys):
    from types import SimpleNamespace

    from kindling.cli import main

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert main(["enhance", *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--ext", "tiff"], ["--suffix", "_x"], ["--first-dot"]], ids=lambda o: o[0])
def test_options_that_a_named_file_leaves_nothing_to(tmp_path, option, capsys):
    from kindling.cli import main

    Image.new("RGB", (9, 9), (9, 60, 9)).save(tmp_path / "a.png")
    assert main(["enhance", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), *option]) == 2
    assert f"names the picture itself, so {option[0]} has nothing to say" in capsys.readouterr().err


def test_what_has_no_room_is_said(tmp_path, seeded_npz, capsys):
    from PIL.PngImagePlugin import PngInfo

    from kindling.cli import main

    texts = PngInfo()
    texts.add_text("Title", "a night")
    Image.new("RGB", (9, 9), (9, 60, 9)).save(tmp_path / "a.png", pnginfo=texts)
    arguments = ["enhance", str(tmp_path / "a.png"), "--weights", str(seeded_npz)]
    assert main([*arguments, "-o", str(tmp_path / "b.jpg")]) == 0
    assert "no room in the pictures' kind of file for PNG's text (1 photos)" in capsys.readouterr().err
    assert main([*arguments, "-o", str(tmp_path / "c.png")]) == 0
    assert capsys.readouterr().err == ""
