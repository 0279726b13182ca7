"""What is unpacked stays below its folder, is whole, or is not there."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.backup import migrations
from lastgood.backup.migrations import unpack
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)


def member(name: str, content: bytes = b"x", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return written.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "in" / "migrations"


@pytest.fixture(autouse=True)
def above(folder: Path) -> Path:
    folder.parent.mkdir()
    return folder.parent


@pytest.mark.parametrize("form", FORMATS)
def test_files_come_out_as_they_were(folder: Path, form: int) -> None:
    archive = tar(
        member("versions", b"", type=tarfile.DIRTYPE, mode=0o777),
        member("versions/0001_first.py", b"def downgrade(): ..."),
        member("./versions/é.py", b""),
        member("deep/er/run.sh", b"#!/bin/sh", mode=0o777, uid=0, gid=0),
        form=form,
    )
    unpack([archive[:700], archive[700:]], folder)

    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"versions/0001_first.py", "versions/é.py", "deep/er/run.sh"}
    assert (folder / "versions" / "0001_first.py").read_bytes() == b"def downgrade(): ..."
    assert (folder / "deep/er/run.sh").stat().st_mode & 0o777 == 0o700
    assert (folder / "versions/é.py").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.parent.iterdir()) == [folder]


HOSTILE = {
    "absolute": [member("/etc/out")],
    "above": [member("../out")],
    "above, further in": [member("a/../../out")],
    "a folder above": [member("../out", b"", type=tarfile.DIRTYPE)],
    "no name": [member("")],
    "the folder itself": [member(".")],
    "a link": [member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "through a link": [
        member("link", b"", type=tarfile.SYMTYPE, linkname=".."), member("link/out")
    ],
    "a second name": [member("a"), member("b", b"", type=tarfile.LNKTYPE, linkname="a")],
    "a device": [member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a pipe": [member("pipe", b"", type=tarfile.FIFOTYPE)],
    "mostly holes": [
        member("holes", b"", pax_headers={"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"})
    ],
    "twice": [member("a", b"1"), member("a", b"2")],
    "a file and a folder": [member("a"), member("a/b")],
    "a long name": [member("a" * 300)],
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_leaves_nothing(folder: Path, tmp_path: Path, what: str) -> None:
    with pytest.raises(RefusedError) as refused:
        unpack([tar(member("good"), *HOSTILE[what])], folder)
    assert refused.value.code in {"migrations-unsafe", "migrations-unwritten"}
    assert refused.value.mend
    assert list(tmp_path.rglob("*")) == [folder.parent]


def test_what_is_cut_off_or_no_archive_is_refused(folder: Path) -> None:
    archive = tar(member("one", b"1" * 2000))
    for broken in (b"", b"x" * 5000, archive[:700], archive[:1500], b"\x1f\x8b" + archive):
        with pytest.raises(RefusedError, match="cannot be unpacked"):
            unpack([broken], folder)
        assert list(folder.parent.iterdir()) == []


def test_one_that_would_fill_the_memory_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "MOST_BYTES", 1 << 20)
    with pytest.raises(RefusedError, match="cannot be unpacked"):
        unpack((bytes(4096) for _ in iter(int, 1)), folder)


def test_a_folder_that_is_there_stays_as_it_is(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("1")
    with pytest.raises(RefusedError, match="cannot be written"):
        unpack([tar(member("good"))], folder)
    with pytest.raises(RefusedError, match="cannot be written"):
        unpack([tar(member("good"))], folder / "absent" / "new")
    assert [path.name for path in folder.iterdir()] == ["mine"]


@given(data=st.data())
def test_no_bytes_lead_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whole archives with some bytes changed: most of them in what describes the files."""
    archive = bytearray(tar(member("a/b", b"12"), member("c" * 120), member("d")))
    for place in data.draw(st.lists(st.integers(0, len(archive) - 1), max_size=6)):
        archive[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("fuzz") / "in" / "out"
    folder.parent.mkdir()
    try:
        unpack([bytes(archive)], folder)
    except RefusedError:
        assert list(folder.parent.iterdir()) == []
    assert [path.name for path in folder.parent.parent.iterdir()] == ["in"]
