"""`kindling fetch` and the archive that only a file host has: when it does not come; copies, hostile too."""

import stat
import zipfile

import pytest

from convert.containers import tensor_bundle
from kindling import KindlingError
from tests.support.server import FOLDERS, SHARD

# --- the archive -------------------------------------------------------------------------------------------------

PAGE = (
    r"; by hand: open https://the\.page/of-the-zip in a browser, download the zip that holds the [\d,]+ bytes of "
    r"Restoration_net_train/model\.ckpt\.data-00000-of-00001, then run: kindling fetch --from FILE\.zip --to \S+ "
    r"\(decom_net_train, illumination_adjust_net_train in \S+ can be used as they are\)$"
)


@pytest.mark.parametrize("how", ["page", "busy", "cut", "endless", None])
def test_an_archive_that_does_not_come(authors, tmp_path, how):
    if how:
        authors.serve_archive(how)
    else:
        del authors.host.files["drive"]
    with pytest.raises(KindlingError, match=PAGE):
        authors.fetch(tmp_path / "to")
    done = authors.fetch(tmp_path / "to", authors.zipped(name="by hand.zip"))
    assert [fetched.how for fetched in done] == ["there already"] * 5 + ["copied"]
    assert list(tensor_bundle.read(tmp_path / "to" / FOLDERS[2] / "model.ckpt"))


def test_an_archive_of_other_weights(authors, tmp_path):
    """The right name and the right size: only the checksums in the index tell."""
    data = bytearray((authors.folder / SHARD).read_bytes())
    data[100] ^= 1
    authors.serve_archive(shard=bytes(data))
    with pytest.raises(KindlingError, match=r"holds no file of [\d,]+ bytes with the checksums that the authors"):
        authors.fetch(tmp_path / "to")
    assert not (tmp_path / "to" / SHARD).exists()


# --- a copy at hand ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["zip", "folder", "zip without folders", "the shard alone", "a folder of downloads"])
def test_from_a_copy(authors, tmp_path, way):
    source = {
        "zip": authors.zipped,
        "zip without folders": lambda: authors.zipped(prefix="x - "),
        "folder": lambda: authors.folder,
        "the shard alone": lambda: authors.folder / SHARD,
        "a folder of downloads": lambda: authors.folder.parent,
    }[way]()
    if "alone" not in way:
        authors.host.files.clear()  # nothing of the host is needed
    done = authors.fetch(tmp_path / "to", source)
    authors.are_in(tmp_path / "to")
    assert sum(fetched.how == "copied" for fetched in done) == (1 if "alone" in way else 6)
    assert bool(authors.host.requests) == ("alone" in way)


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


ESCAPES = {
    "up": "../../evil",
    "up inside": "KinD/../../evil",
    "absolute": "/evil",
    "Windows": "..\\..\\evil",
    "a drive": "C:\\evil",
    "a link": link("KinD/link"),
}


@pytest.mark.parametrize("name", ESCAPES.values(), ids=ESCAPES)
def test_an_archive_that_would_write_elsewhere(authors, tmp_path, name):
    source = authors.zipped(more=[(name, b"/etc/passwd")])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KindlingError, match="it was made to write outside of its folder; refused"):
        authors.fetch(tmp_path / "to", source)
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.name != "to"] == []


def test_a_bomb_in_the_archive(authors, tmp_path):
    source = authors.zipped()
    data = bytearray(source.read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # what the first member unpacks to, in the directory
    data[at : at + 4] = (2**30).to_bytes(4, "little")
    source.write_bytes(data)
    with pytest.raises(KindlingError, match="it claims to hold"):
        authors.fetch(tmp_path / "to", source)


def test_a_copy_that_is_not_there(authors, tmp_path):
    with pytest.raises(KindlingError, match=r"gone\.zip: no such file or folder"):
        authors.fetch(tmp_path / "to", tmp_path / "gone.zip")


def test_a_copy_that_does_not_help(authors, tmp_path):
    """Something else at hand: it is fetched, and where that fails too, the sentence says so."""
    (tmp_path / "thesis.zip").write_bytes(authors.zipped().read_bytes()[:1000])
    with pytest.raises(KindlingError, match=r"is a zip archive, .* and damaged or cut off"):
        authors.fetch(tmp_path / "to", tmp_path / "thesis.zip")
    (tmp_path / "other").mkdir()
    authors.serve_archive("page")
    with pytest.raises(KindlingError, match="other does not hold it either; by hand: open"):
        authors.fetch(tmp_path / "to", tmp_path / "other")
