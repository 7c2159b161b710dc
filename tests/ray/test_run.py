"""Runs on Ray: the pictures and figures of one process, a manifest that says what is there, and what a kill leaves."""

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

import kindling.ray
from kindling.cli import main
from kindling.ray.manifest import Manifest
from kindling.ray.places import Place
from tests.support.photos import noise

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install -e '.[ray]'")
pytestmark = [pytest.mark.slow, pytest.mark.torch]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone(photos, seeded_npz, tmp_path_factory):
    """What one process makes of the photos."""
    out = tmp_path_factory.mktemp("alone")
    command = ["enhance", photos, "-o", out, "--recursive", "--weights", seeded_npz]
    assert main([str(word) for word in command]) == 2
    return files_of(out)


@pytest.fixture
def enhance(ray, photos, seeded_npz, tmp_path, capsys):
    """`kindling enhance --on ray` into tmp_path/out; returns (exit code, stdout, stderr)."""

    def run(*arguments, inputs=(photos,), actors=1):  # each takes seconds to import PyTorch
        given = ["enhance", *inputs, "-o", tmp_path / "out", "--recursive", "--weights", seeded_npz, "--on", "ray"]
        given += ["--actors", actors] if actors else []
        code = main([str(word) for word in [*given, "--batch", 3, *arguments]])
        return code, *capsys.readouterr()

    return run


def files_of(folder):
    """Name -> content of what lies there, the manifest left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    return {name: data for name, data in named.items() if not name.startswith("_manifest/")}


def rows_of(folder):
    (part,) = (folder / "_manifest").glob("rows-*")
    return parquet.ParquetFile(part).read().to_pylist()


def digests(rows):
    return {row["out"]: row["sha256"] for row in rows if row["error"] is None}


def test_the_pictures_of_one_process(enhance, alone, photos, tmp_path):
    """Every byte; a bad photo is a row and a sentence; a second run does what is missing, and what is foreign stays."""
    code, out, err = enhance(actors=None)
    assert code == 2
    assert "broken.jpg: damaged or not readable as a photo" in err
    assert f"{len(alone)} of {len(alone) + 1} photos enhanced into" in out
    assert "(ratio 5, protocol photo, torch on 2 actors of Ray)" in out
    assert files_of(tmp_path / "out") == alone
    rows = rows_of(tmp_path / "out")
    assert digests(rows) == {name: hashlib.sha256(data).hexdigest() for name, data in alone.items()}
    (bad,) = (row for row in rows if row["error"])
    assert (bad["in"], bad["sha256"]) == (str(photos / "broken.jpg"), None)

    (tmp_path / "out" / "n1_kindle.jpg").unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    code, out, err = enhance()
    assert code == 2  # the bad one is tried again
    assert f"1 of {len(alone) + 1} photos enhanced" in out
    assert f"{len(alone) - 1} there already" in out
    assert files_of(tmp_path / "out") == alone
    assert digests(rows_of(tmp_path / "out")) == digests(rows)
    assert {path: path.stat().st_mtime_ns for path in before} == before

    code, out, err = enhance(inputs=[photos / "n1.jpg"])
    assert (code, err) == (0, "")
    assert "0 of 1 photos enhanced" in out
    foreign = tmp_path / "n1.jpg"
    Image.fromarray(noise(5, 5, 9)).save(foreign)
    code, out, err = enhance(inputs=[foreign])
    assert code == 2
    assert "the output exists already" in err
    assert files_of(tmp_path / "out") == alone


@pytest.mark.parametrize("to", ["parquet", "webdataset"])
def test_packed_in_and_out(enhance, alone, photos, tmp_path, to):
    """Pictures packed by one run are the photos of the next."""
    assert enhance("--to", to)[0] == 2
    made = {}
    for name, data in files_of(tmp_path / "out").items():
        if to == "parquet":
            table = parquet.read_table(io.BytesIO(data))
            made |= dict(zip(table["name"].to_pylist(), table["bytes"].to_pylist(), strict=True))
        else:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                made |= {member.name: tar.extractfile(member).read() for member in tar}
        assert name.startswith("kindling-")
    assert made == alone
    listed = {out.partition("#")[2]: digest for out, digest in digests(rows_of(tmp_path / "out")).items()}
    assert listed == {name: hashlib.sha256(data).hexdigest() for name, data in alone.items()}
    shards = set(files_of(tmp_path / "out"))
    orphan = f"kindling-{'0' * 16}.{'tar' if to == 'webdataset' else to}"
    (tmp_path / "out" / orphan).write_bytes(b"of a killed run")
    Manifest(Place(str(tmp_path / "out"))).plan([f"{orphan}#n0_kindle.png"])
    assert "0 of 7" in enhance("--to", to, inputs=sorted(photos.glob("n*")))[1]
    assert set(files_of(tmp_path / "out")) == shards

    (tmp_path / "out").rename(tmp_path / "packed")
    assert enhance("--strength", 0, "--suffix", "", "--ext", "png", inputs=[tmp_path / "packed"])[0] == 0
    again = files_of(tmp_path / "out")
    assert set(again) == {str(Path(name).with_suffix(".png")) for name in alone}


def test_a_data_set(ray, alone, photos, seeded_npz):
    names = ["n0.png", "trip/夜 é.jpg", "broken.jpg"]
    given = ray.data.from_items(
        [{"name": name, "bytes": (photos / name).read_bytes(), "label": name} for name in names]
    )
    made = kindling.ray.enhance_dataset(given, weights=seeded_npz, batch=2).take_all()
    by_label = {row["label"]: row for row in made}
    for name, picture in (("n0.png", "n0_kindle.png"), ("trip/夜 é.jpg", "trip/夜 é_kindle.jpg")):
        assert by_label[name]["name"] == picture
        assert by_label[name]["bytes"] == alone[picture]
    assert by_label["broken.jpg"]["bytes"] is None
    assert by_label["broken.jpg"]["error"].startswith("broken.jpg: damaged")


def test_workers_that_are_killed(enhance, seeded_npz, tmp_path):
    """SIGKILL, twice, while they work: all pictures are there once, as in one process, and nothing else."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(24):
        Image.fromarray(noise(40, 40, number)).save(folder / f"{number:02d}.png")
    assert main(["enhance", str(folder), "-o", str(tmp_path / "one"), "--weights", str(seeded_npz)]) == 0
    killed = []

    def kill():
        for wanted in (3, 12):
            while len(list((tmp_path / "out").glob("*.png"))) < wanted and not ended.is_set():
                time.sleep(0.02)
            for pid in actors():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    ended = threading.Event()
    thread = threading.Thread(target=kill)
    thread.start()
    try:
        code, out, err = enhance("--batch", 4, inputs=[folder])
    finally:
        ended.set()
        thread.join()
    assert killed
    assert (code, err) == (0, "")
    assert "24 of 24 photos enhanced" in out
    assert files_of(tmp_path / "out") == files_of(tmp_path / "one")
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 24
    assert digests(rows) == {n: hashlib.sha256(d).hexdigest() for n, d in files_of(tmp_path / "one").items()}


def actors():
    """The processes of this Ray that hold a model, by the title that Ray gives them."""
    import psutil

    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "MapWorker" in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def test_the_figures_of_one_process(ray, photos, seeded_npz, tmp_path, capsys):
    for side in ("low", "high"):
        (tmp_path / side).mkdir()
        for number in range(3):
            Image.fromarray(noise(16, 20, number, 60 if side == "low" else 255)).save(tmp_path / side / f"{number}.png")
    Image.fromarray(noise(8, 8)).save(tmp_path / "low" / "odd.png")
    Image.fromarray(noise(8, 9)).save(tmp_path / "high" / "odd.png")
    said = {}
    for name, extra in (("one", []), ("ray", ["--on", "ray"])):
        command = ["evaluate", tmp_path / "low", tmp_path / "high", "-o", tmp_path / name, "--weights", seeded_npz]
        assert main([str(word) for word in [*command, *extra]]) == 2
        said[name] = capsys.readouterr()
    assert said["one"] == said["ray"]
    assert files_of(tmp_path / "one") == files_of(tmp_path / "ray")


def test_ctrl_c_leaves_a_manifest_of_what_is_done(seeded_npz, tmp_path):
    """In a process of its own, and with a Ray of its own."""
    (tmp_path / "in").mkdir()
    for number in range(60):
        Image.fromarray(noise(64, 64, number)).save(tmp_path / "in" / f"{number:02d}.png")
    # A job in the background is started with SIGINT ignored, and hands that on to its children: this test, and ours.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from kindling.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "enhance", "in", "-o", "out", "--weights", str(seeded_npz)]
    command += ["--on", "ray", "--actors", "1", "--batch", "4"]
    run = subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while run.poll() is None and len(list((tmp_path / "out").glob("*.png"))) < 3:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=120)
    assert (run.returncode, err.strip()) == (130, "kindling: stopped")  # as of one process; click ends a ^C's line
    there = files_of(tmp_path / "out")
    assert 3 <= len(there) < 60
    assert digests(rows_of(tmp_path / "out")) == {n: hashlib.sha256(d).hexdigest() for n, d in there.items()}
