"""The cache: whatever is wrong with what it holds or where it is, work goes on, it heals, and that is said once."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import Disk
from weft.base.cache import place
from weft.base.cache.keeper import Cache, digest, keeper
from weft.base.errors import WeftError

NAME = f"{digest('one')}.kernel"
KIND = "kernels"
CONTENT = b"what took long to make"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def kept(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache", 1 << 20)


def again(kept: Cache) -> Cache:
    """The same cache as the next process finds it."""
    return Cache(kept.folder, kept.limit)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said since this was asked last."""
    texts = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return texts


def as_folder(path: Path) -> None:
    """Put a folder with something in it where the file is."""
    path.unlink()
    path.mkdir()
    (path / "inner").touch()


def as_link(path: Path) -> None:
    """Put a symbolic link to a good entry elsewhere where the file is."""
    os.replace(path, path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def as_pipe(path: Path) -> None:
    """Put a pipe, which nobody writes into, where the file is."""
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "one byte": lambda path: path.write_bytes(b"x"),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "a bit turned": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "random": lambda path: path.write_bytes(random.Random(1).randbytes(500)),
    "endless": lambda path: os.truncate(path, 1 << 40),
    "a folder": as_folder,
    "a link": as_link,
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a pipe": as_pipe,
    "writable by others": lambda path: path.chmod(0o666),
    "writable by the group": lambda path: path.chmod(0o620),
}
FOREIGN = {"of another user": lambda path: os.chown(path, 12345, 12345)}
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


@pytest.mark.parametrize("damage", [*DAMAGE, pytest.param("of another user", marks=as_root)])
def test_what_is_damaged_or_anothers_is_made_again(damage: str, kept: Cache, caplog: pytest.LogCaptureFixture) -> None:
    entry = kept.put(KIND, NAME, CONTENT)
    assert entry is not None
    (DAMAGE | FOREIGN)[damage](entry.path)
    damaged = again(kept)
    assert damaged.find(KIND, NAME) is None
    [text] = said(caplog)
    assert text.startswith(f"weft: damaged files in {kept.folder} are made again, such as kernels/{NAME}: ")
    assert damaged.put(KIND, NAME, CONTENT) is not None
    healed = again(kept).find(KIND, NAME)
    assert healed is not None
    assert healed.content == CONTENT
    assert said(caplog) == []


def test_it_is_said_once(kept: Cache, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"{digest(i)}.kernel" for i in range(5)]
    for name in names:
        entry = kept.put(KIND, name, CONTENT)
        assert entry is not None
        entry.path.write_bytes(b"")
    assert [kept.find(KIND, name) for name in names] == [None] * 5
    assert len(said(caplog)) == 1


def nothing(path: Path) -> None:
    """The cache's folder is a file."""
    path.touch()


PLACES: dict[str, Callable[[Path], object]] = {
    "a file": nothing,
    "open to all": lambda path: (path.mkdir(), path.chmod(0o777)),
    "open to the group": lambda path: (path.mkdir(), path.chmod(0o770)),
    "with a kind open to all": lambda path: ((path / KIND).mkdir(parents=True), (path / KIND).chmod(0o777)),
    "with a kind elsewhere": lambda path: (path.mkdir(), (path / KIND).symlink_to(path.parent)),
    "with a kind that is a file": lambda path: (path.mkdir(), (path / KIND).touch()),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_folder_that_cannot_be_used_is_not(where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PLACES[where](tmp_path / "cache")
    kept = Cache(tmp_path / "cache", 1 << 20)
    with kept.alone(KIND, "x"):
        assert kept.put(KIND, NAME, CONTENT) is None
    assert kept.find(KIND, NAME) is None
    [text] = said(caplog)
    assert text.startswith(f"weft: nothing is kept: {tmp_path / 'cache'}")
    assert text.endswith("weft goes on without a cache (WEFT_CACHE names its folder)")


@pytest.mark.parametrize("folder", [Path("/dev/null/cache"), Path("/proc/weft"), None])
def test_where_nobody_can_write(folder: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    """Not even root."""
    kept = Cache(folder, 1 << 20)
    assert kept.put(KIND, NAME, CONTENT) is None
    assert kept.find(KIND, NAME) is None
    assert len(said(caplog)) == 1
    assert kept.problem()
    assert kept.clear() == 0


def test_a_folder_shared_by_all_has_one_of_ours_in_it(tmp_path: Path) -> None:
    """As /tmp is: with the sticky bit."""
    tmp_path.chmod(0o1777)
    kept = Cache(tmp_path, 1 << 20)
    assert kept.put(KIND, NAME, CONTENT) is not None
    assert stat.S_IMODE((tmp_path / KIND).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / KIND / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_writing_that_fails_at_any_step(
    number: int,
    kept: Cache,
    disk: Disk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The entry that was there is there, or the new one, or none; never another; and nothing half-written stays."""
    kept.put(KIND, NAME, b"old")
    for step in range(1, 100):
        trying = again(kept)
        disk.fail(step, number)
        with trying.alone(KIND, NAME.partition(".")[0]):
            entry = trying.put(KIND, NAME, CONTENT)
        if disk.well():
            break
        found = again(kept).find(KIND, NAME)
        assert found is not None
        assert found.content == (b"old" if entry is None else CONTENT)
        assert [path.name for path in (kept.folder or ROOT).rglob("*") if path.is_file()] == [NAME]
        texts = said(caplog)
        assert len(texts) == (entry is None)
        if entry is None:
            assert os.strerror(number) in texts[0]
            disk.fail(1, number)
            assert trying.put(KIND, NAME, CONTENT) is None  # it has given up, and says no more
            disk.well()
            assert said(caplog) == []
        kept.put(KIND, NAME, b"old")
    assert step > 5
    assert entry is not None


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own; skips where that may not be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(tmp_path / "small", "64k") as folder:
        kept = Cache(folder, 1 << 30)
        results = [kept.put(KIND, f"{digest(i)}.kernel", bytes(10_000)) for i in range(20)]
        whole = [entry is not None for entry in results]
        assert whole == sorted(whole, reverse=True)
        assert 2 <= sum(whole) < 7
        [text] = said(caplog)
        assert text.startswith(f"weft: nothing is kept in {folder}: No space left on device; weft goes on without")
        assert [again(kept).find(KIND, f"{digest(i)}.kernel") is not None for i in range(20)] == whole


def test_a_file_system_that_may_only_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(tmp_path / "image", "1m") as folder:
        Cache(folder, 1 << 20).put(KIND, NAME, CONTENT)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        kept = Cache(folder, 1 << 20)
        found = kept.find(KIND, NAME)
        assert found is not None
        assert found.content == CONTENT
        assert said(caplog) == []
        with kept.alone(KIND, "x"):
            assert kept.put(KIND, f"{digest(2)}.kernel", CONTENT) is None
        assert kept.put("models", NAME, CONTENT) is None
        assert all("Read-only file system" in text for text in said(caplog))


def test_what_was_used_least_recently_makes_room(kept: Cache) -> None:
    names = [f"{digest(i)}.kernel" for i in range(5)]
    kept.limit = 3 * 132
    now = time.time()
    for age, name in zip((50, 40, 30), names[:3], strict=True):
        entry = kept.put(KIND, name, bytes(100))
        assert entry is not None
        os.utime(entry.path, (now - age, now - age))
    assert kept.find(KIND, names[0]) is not None  # now the youngest
    assert kept.put("models", names[3], bytes(100)) is not None
    there = [kept.find("models" if i == 3 else KIND, name) is not None for i, name in enumerate(names)]
    assert there == [True, False, True, True, False]
    assert sum(status.st_size for _, _, status in kept.entries()) == kept.limit


def test_the_limit_is_kept_whatever_is_put(kept: Cache, caplog: pytest.LogCaptureFixture) -> None:
    kept.limit = 1000
    chance = random.Random(3)
    for i in range(200):
        size = chance.randrange(1, 1200)
        assert (kept.put(KIND, f"{digest(i)}.kernel", bytes(size)) is None) == (size + 32 > 1000)
        assert sum(status.st_size for _, _, status in kept.entries()) <= 1000
    [text] = said(caplog)
    assert f"are not kept in {kept.folder}, which may hold 1,000" in text


def test_a_limit_of_nothing_keeps_nothing_and_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Cache(tmp_path / "cache", 0)
    with kept.alone(KIND, "x"):
        assert kept.put(KIND, NAME, CONTENT) is None
    assert kept.find(KIND, NAME) is None
    assert not (tmp_path / "cache").exists()
    assert said(caplog) == []


def test_only_what_is_ours_is_removed(kept: Cache) -> None:
    assert kept.folder is not None
    kept.put(KIND, NAME, CONTENT)
    room = kept.folder / KIND
    left = [room / ".tmpabc.partial", room / f"{digest(1)}.lock"]
    mine = [kept.folder / "thesis.txt", room / "notes.kernel", kept.folder / "photos" / NAME]
    (kept.folder / "photos").mkdir()
    for path in (*left, *mine):
        path.touch()
    assert kept.clear() == len(CONTENT) + 32
    assert all(path.exists() for path in (*left, *mine))  # somebody may be writing now
    for path in (*left, *mine):
        os.utime(path, (0, 0))
    assert kept.clear() == 0
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in mine)


def test_nothing_behind_a_link_is_removed(kept: Cache, tmp_path: Path) -> None:
    assert kept.folder is not None
    kept.put(KIND, NAME, CONTENT)
    (kept.folder / KIND).rename(tmp_path / "others")
    (kept.folder / KIND).symlink_to(tmp_path / "others")
    assert list(kept.entries()) == []
    assert kept.clear() == 0
    assert (tmp_path / "others" / NAME).exists()


def test_no_name_leaves_the_folder(kept: Cache) -> None:
    for name in ("../x.kernel", "x", f"../{NAME}", f"{NAME}/..", f"/{NAME}", f"{NAME}\n"):
        with pytest.raises(AssertionError):
            kept.find(KIND, name)
        with pytest.raises(AssertionError):
            kept.put(KIND, name, CONTENT)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", 2 << 30),
        ("0", 0),
        ("1000", 1000),
        ("500M", 500 << 20),
        ("2 GiB", 2 << 30),
        ("3kb", 3 << 10),
        (" 1T ", 1 << 40),
    ],
)
def test_the_limit(text: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_CACHE_LIMIT", text)
    assert place.limit() == wanted


@pytest.mark.parametrize("text", ["much", "-1", "1.5G", "1e9", "9" * 5000, "٣", "1 PB"])
def test_a_limit_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEFT_CACHE_LIMIT", text)
    with pytest.raises(WeftError, match=r"WEFT_CACHE_LIMIT=.* is no size; give bytes, or a number with K, M, G or T"):
        keeper()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a container's: no name, no home."""
    for name in ("WEFT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    if sys.platform == "linux":
        assert place.folder() is None
