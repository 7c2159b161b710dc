"""Writing: all files or none, nothing overwritten unasked, nothing kept that does not read back."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import convert
from convert.forms import registry
from convert.soundness import differences
from kindling import KindlingError
from tests.support.checkpoints import FORMS, NAME, changed, form


@pytest.mark.parametrize("name", [form(name) for name in FORMS])
def test_nothing_is_overwritten_without_force(small, tmp_path, name):
    adjust = {n: a for n, a in small.items() if n.startswith("Illumination")}
    convert.write(tmp_path / name, adjust)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(KindlingError, match=r"exists already.*--force"):
        convert.write(tmp_path / name, adjust)
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    doubled = {n: 2 * a for n, a in adjust.items()}
    convert.write(tmp_path / name, doubled, force=True)
    assert differences(doubled, convert.read(tmp_path / name)) == []


def test_force_leaves_the_neighbours_alone(small, tmp_path):
    convert.write(tmp_path / "nets", small)
    (tmp_path / "nets" / "README").write_text("mine")
    (tmp_path / "nets" / "decom_net_train" / "model.ckpt.meta").write_text("mine")
    convert.write(tmp_path / "nets", small, force=True)
    assert (tmp_path / "nets" / "README").read_text() == "mine"
    assert (tmp_path / "nets" / "decom_net_train" / "model.ckpt.meta").read_text() == "mine"


def test_what_does_not_read_back_is_not_kept(small, tmp_path, monkeypatch):
    """A writer with a fault in one value: found on reading back, and the old file stays."""
    convert.write(tmp_path / "out.npz", small)
    before = (tmp_path / "out.npz").read_bytes()

    sound = registry._WRITERS["npz"]

    def faulty(variables, metadata):
        return sound(changed(variables, NAME, np.nextafter(variables[NAME], 9, dtype=np.float32)), {})

    monkeypatch.setitem(registry._WRITERS, "npz", faulty)
    with pytest.raises(KindlingError, match=f"does not read back as it was: {NAME} has other values"):
        convert.write(tmp_path / "out.npz", small, force=True)
    assert (tmp_path / "out.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_while_writing(small, tmp_path):
    """SIGKILL at the worst moment: the output is not there, and what was there is as it was."""
    np.savez(tmp_path / "source.npz", **small)
    program = textwrap.dedent("""
        import os, signal, sys
        from convert.forms import registry
        from convert import convert_file
        put = registry.put
        def killed(files):
            put(files)
            os.kill(os.getpid(), signal.SIGKILL)
        registry.put = killed
        convert_file(sys.argv[1], sys.argv[2], force=True)
    """)
    (tmp_path / "out.h5").write_bytes(b"precious")
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "source.npz", tmp_path / "out.h5"])
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "out.h5").read_bytes() == b"precious"


def test_an_unwritable_place(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KindlingError, match="cannot be written to"):
        convert.write(tmp_path / "file" / "out.npz", small)


def test_an_empty_name(small):
    with pytest.raises(KindlingError, match="the name of the output is empty"):
        convert.write("", small)


def test_into_the_folder_above(small, tmp_path, monkeypatch):
    """`..` has no name of its own to write a draft under."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    convert.write("..", small)
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "b",
        "decom_net_train",
        "illumination_adjust_net_train",
    ]
    assert differences(small, convert.read(tmp_path / "a")) == []
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_folders_made_for_nothing_are_removed(small, tmp_path, monkeypatch):
    def full(files):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(registry, "put", full)
    with pytest.raises(KindlingError, match=r"No space left on device\)?; nothing was changed"):
        convert.write(tmp_path / "new" / "deep" / "out.npz", small)
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_fails_to_write(small, tmp_path, monkeypatch):
    def failing(variables, metadata):
        raise RuntimeError("its own words\nand more")

    monkeypatch.setitem(registry._WRITERS, "npz", failing)
    with pytest.raises(KindlingError, match=r"writing as npz failed: its own words$"):
        convert.write(tmp_path / "out.npz", small)


OTHERS = {
    "a repository's checkpoint folder": "checkpoint/decom_net_train/model.ckpt",
    "a bundle at the top": "model.ckpt",
    "a retrained net": "illumination_adjust_net_retrain/model.ckpt",
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_folder_in_which_another_checkpoint_would_be_read(small, tmp_path, other):
    """Reading the folder afterwards would give other weights than were just written there."""
    own = {n: a for n, a in small.items() if n.split("/")[0] == ("DecomNet" if "decom" in other else n.split("/")[0])}
    convert.write(tmp_path / "folder" / other, own)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KindlingError, match=r"holds other checkpoints, which would be read too.*use another folder"):
        convert.write(tmp_path / "folder", small, force=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_net_beside_others_is_welcome(small, tmp_path):
    for net in ("DecomNet", "Illumination_adjust_net"):
        convert.write(tmp_path / "nets", {n: a for n, a in small.items() if n.startswith(net)})
    assert differences(small, convert.read(tmp_path / "nets")) == []


@pytest.mark.parametrize("name", ["out.npz", "out.ckpt"])
def test_a_folder_where_the_file_should_be(small, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(KindlingError, match="is a folder, and its name asks for a file"):
        convert.write(tmp_path / name, small, force=True)


@pytest.mark.parametrize("moves", range(1, 9))
def test_all_files_or_none(small, tmp_path, monkeypatch, moves):
    """Two nets overwritten with --force, failing at each of the moves in turn: the old ones are all back."""
    convert.write(tmp_path / "nets", small)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    replace, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == moves:
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(KindlingError, match="Input/output error; nothing was changed"):
        convert.write(tmp_path / "nets", {n: 2 * a for n, a in small.items()}, force=True)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("moves", range(1, 13))
def test_killed_while_overwriting_several_files(small, tmp_path, moves):
    """SIGKILL at each of the moves in turn: what is then read is old, new or nothing, and never some of each."""
    doubled = {n: 2 * a for n, a in small.items()}
    convert.write(tmp_path / "nets", small)
    np.savez(tmp_path / "new.npz", **doubled)
    program = textwrap.dedent(f"""
        import os, signal, sys
        from convert import convert_file
        replace, calls = os.replace, []
        def killed(source, target):
            calls.append(target)
            if len(calls) == {moves}:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)
        os.replace = killed
        convert_file(sys.argv[1], sys.argv[2], force=True)
    """)
    ended = subprocess.run([sys.executable, "-c", program, tmp_path / "new.npz", tmp_path / "nets"])
    assert ended.returncode == -signal.SIGKILL
    try:
        merged = convert.read(tmp_path / "nets")
    except KindlingError:
        return
    for net in convert.nets_in(merged):
        own = {n: a for n, a in merged.items() if n.startswith(f"{net}/")}
        old = differences({n: small[n] for n in own}, own)
        new = differences({n: doubled[n] for n in own}, own)
        assert old == [] or new == []
    sides = {np.array_equal(merged[n], small[n]) for n in merged if n.endswith("weights")}
    assert len(sides) == 1


def test_a_link_is_replaced_not_followed(small, tmp_path):
    (tmp_path / "precious.npz").write_text("precious")
    (tmp_path / "out.npz").symlink_to(tmp_path / "precious.npz")
    (tmp_path / "dangling.npz").symlink_to(tmp_path / "gone.npz")
    for name in ("out.npz", "dangling.npz"):
        with pytest.raises(KindlingError, match="exists already"):
            convert.write(tmp_path / name, small)
        convert.write(tmp_path / name, small, force=True)
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "precious.npz").read_text() == "precious"


def test_a_copied_output_is_readable_by_others(small, tmp_path):
    """Some writers make files that only their owner may read."""
    umask = os.umask(0o022)
    try:
        for name in ("out.h5", "out.npz", "out.safetensors"):
            convert.write(tmp_path / name, small)
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(umask)
