"""`kindling fetch` against a host on this machine that does what hosts do: slow, cut off, wrong, or not there."""

import hashlib
import socket

import pytest

import convert
from convert.containers import tensor_bundle
from convert.originals.fetching import default_folder, fetch
from convert.soundness import differences
from kindling import KindlingError
from kindling.cli import main
from kindling.families.originals import DATA, Original
from kindling.families.registry import KIND
from tests.support.server import FOLDERS, QUICK, SHARD

ORIGINALS, ARCHIVE = KIND.originals.files, KIND.originals.archive

# --- the table ---------------------------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize("original", [o for o in ORIGINALS if o.sha256], ids=lambda o: o.path)
def test_the_table_is_of_the_authors_files(reference, original):
    data = (reference / "checkpoint" / original.path).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (original.size, original.sha256)


def test_the_table_says_where():
    commits = {original.path: original.url.split("/")[5][:7] for original in ORIGINALS if original.url}
    assert set(commits.values()) == {"b7d7fcc", "ca775be"}
    assert [path for path, commit in commits.items() if commit == "ca775be"] == [
        "Restoration_net_train/model.ckpt.index"
    ]
    assert [original.path for original in ORIGINALS if not original.url] == [SHARD]
    assert "1-ljWntl7FExf6BSQtl5Mz3rMGWgnXDz4" in ARCHIVE.url


# --- from the host -----------------------------------------------------------------------------------------------

INDEX = f"{FOLDERS[0]}/model.ckpt.index"
# How the first data file is served, request after request; that it comes in the end; how many requests it takes.
SERVED = {
    "whole": (["whole"], 1),
    "slow": (["slow"], 1),
    "cut off, then whole": (["cut", "whole"], 2),
    "cut off three times": (["cut", "cut", "cut", "whole"], 4),
    "cut off, and deaf to where": (["cut", "deaf"], 2),
    "cut off, then from elsewhere": (["cut", "elsewhere", "whole"], 3),
    "busy, then whole": (["busy", "busy", "whole"], 3),
    "stuck, then whole": (["stuck", "whole"], 2),
    "wrong bytes, then right ones": (["wrong", "whole"], 2),
}


@pytest.mark.parametrize(("how", "requests"), SERVED.values(), ids=SERVED)
def test_a_file_comes_in_the_end(authors, tmp_path, how, requests):
    path = f"{FOLDERS[0]}/{DATA}"
    authors.serve(path, *how)
    done = authors.fetch(tmp_path / "to")
    authors.are_in(tmp_path / "to")
    assert {fetched.how for fetched in done} == {"downloaded"}
    assert sum(asked == path for asked, _ in authors.host.requests) == requests


def test_it_goes_on_from_where_it_broke_off(authors, tmp_path):
    path = f"{FOLDERS[0]}/{DATA}"
    authors.serve(path, "cut", "whole")
    authors.fetch(tmp_path / "to")
    assert authors.resumed(path) == [0, (authors.folder / path).stat().st_size // 2]


def test_another_day_it_goes_on_too(authors, tmp_path):
    path = f"{FOLDERS[0]}/{DATA}"
    authors.serve(path, "cut")
    with pytest.raises(KindlingError, match=r"breaks off \(tried 1x: IncompleteRead.*; [\d,]+ bytes are kept"):
        authors.fetch(tmp_path / "to", tries=1)
    authors.serve(path, "whole")
    authors.fetch(tmp_path / "to")
    authors.are_in(tmp_path / "to")
    assert authors.resumed(path) == [0, (authors.folder / path).stat().st_size // 2]


BY_HAND = r"; by hand: download http\S+ and put it at \S+; or, with a copy of the authors' files: kindling fetch --from"
# How it is served for good, and what a person is told.
NOT_SERVED = {
    "not there": (None, r"is not served: 127\.0\.0\.1 says 404"),
    "a page": ("page", "127.0.0.1 sends a web page instead of the file, as it does when too many ask"),
    "wrong bytes": ("wrong", "is not what it was: its sha256 is another"),
    "too long": ("longer", r"is not what it was: it has more than [\d,]+ bytes"),
    "without end": ("endless", r"is not what it was: it has more than [\d,]+ bytes"),
    "busy": ("busy", r"breaks off \(tried 4x: it says 503"),
    "cut off": ("cut", r"cannot be reached, or breaks off \(tried 4x"),
    "in circles": ("circle", "cannot be asked for: Exceeded 30 redirects"),
}


@pytest.mark.parametrize(("how", "words"), NOT_SERVED.values(), ids=NOT_SERVED)
def test_a_file_that_does_not_come(authors, tmp_path, how, words):
    path = f"{FOLDERS[1]}/{DATA}"
    if how:
        authors.serve(path, how)
    else:
        del authors.host.files[path]
    with pytest.raises(KindlingError, match=words + ".*" + BY_HAND) as error:
        authors.fetch(tmp_path / "to")
    assert f"({FOLDERS[0]} in {tmp_path / 'to'} can be used as they are)" in str(error.value)
    assert not (tmp_path / "to" / path).exists()
    assert list(tensor_bundle.read(tmp_path / "to" / FOLDERS[0] / "model.ckpt"))
    authors.serve(path, "whole")  # and when it is served again, the rest comes
    assert {fetched.how for fetched in authors.fetch(tmp_path / "to")} == {"there already", "downloaded"}
    authors.are_in(tmp_path / "to")


def test_no_connection(authors, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/x"  # bound and not listened to: refused
        table = [Original(o.path, o.size, o.sha256, o.url and nowhere) for o in authors.table]
        with pytest.raises(KindlingError, match=r"127\.0\.0\.1 cannot be reached.*refused.*kindling fetch --from FILE"):
            fetch(tmp_path / "to", originals=table, archive=authors.archive, **QUICK)


def test_what_is_there_is_not_fetched_again(authors, tmp_path):
    authors.fetch(tmp_path / "to")
    authors.host.requests.clear()
    assert {fetched.how for fetched in authors.fetch(tmp_path / "to")} == {"there already"}
    assert authors.host.requests == []


def test_what_somebody_else_put_there_is_left_alone(authors, tmp_path):
    (tmp_path / "to" / FOLDERS[0]).mkdir(parents=True)
    (tmp_path / "to" / INDEX).write_text("mine")
    with pytest.raises(KindlingError, match="is there, and is not the authors' file, by its content; move it away"):
        authors.fetch(tmp_path / "to")
    assert (tmp_path / "to" / INDEX).read_text() == "mine"


def test_progress_is_told(authors, tmp_path):
    seen = {}
    authors.fetch(tmp_path / "to", show=lambda file, done, total: seen.update({file: (done, total)}))
    assert set(seen) == {row.path for row in authors.table if row.url} | {"the archive"}
    assert all(done == total for done, total in seen.values())


# --- whole -------------------------------------------------------------------------------------------------------


def test_fetched_weights_are_weights(authors, tmp_path, weights, monkeypatch, capsys):
    """The real shapes, by the command: what lies in the folder then is a checkpoint like any other."""
    convert.write(tmp_path / "real", weights)
    monkeypatch.setattr(authors, "folder", tmp_path / "real")
    table = tuple(authors._row(original.path) for original in ORIGINALS)
    assert [row.size for row in table] == [original.size for original in ORIGINALS]
    monkeypatch.setattr(authors, "table", table)
    monkeypatch.setattr(
        "convert.originals.fetching.fetch", lambda to, source, show, family: authors.fetch(to, source, show=show)
    )
    assert main(["fetch", "--to", str(tmp_path / "to"), "--from", str(authors.zipped())]) == 0
    said = capsys.readouterr()
    assert f"use them with --weights {tmp_path / 'to'}" in said.out
    assert said.err == ""
    assert differences(weights, convert.read(tmp_path / "to")) == []


def test_the_default_folder_is_the_platforms(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder().parts[-2:] == ("kindling", "originals")


def test_the_real_thing_offline(tmp_path, monkeypatch, capsys):
    """Without a connection, the command ends with one line that says what to do."""
    import requests

    def unreachable(*args, **options):
        raise requests.ConnectionError("Name or service not known")

    monkeypatch.setattr(requests, "get", unreachable)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert main(["fetch", "--to", str(tmp_path / "to")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "raw.githubusercontent.com cannot be reached" in said
    assert "kindling fetch --from FILE.zip" in said
