"""What every object store must hold to, as tests that run on real parts.

Derive a test class and give it the fixture `scene`:

    class TestFolder(ObjectStoreConformance):
        @pytest.fixture
        def scene(self, tmp_path: Path) -> StoreScene:
            ...
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from lastgood.errors import LastgoodError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lastgood.ports.objects import ObjectStore

MEBIBYTE = 1 << 20
# More than two parts of any driver's upload that the suite runs on, and no whole number of them.
LARGE = 21 * MEBIBYTE + 12_345
# Clocks of two machines may differ; what is meant is that it is now and not 1970.
ABOUT_NOW = timedelta(hours=1)

HOSTILE_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "..",
    "../a",
    "a/../../b",
    "a/..",
    "a/./b",
    "a//b",
    "a/",
    ".a",
    "-a",
    "a\0b",
    "a\nb",
    "a b",
    "a\\b",
    "a%2e%2e/b",
    "~root/a",
    "a?x=1",
    "a#b",
    "\N{SNOWMAN}",
    "a" * 5000,
    "C:/a",
)


class StoreScene(Protocol):
    """A store with nothing in it, for one test."""

    store: ObjectStore

    def reopened(self) -> ObjectStore:
        """The same place once more, as another process would open it."""

    def debris(self) -> list[str]:
        """What lies in the store beside whole objects: unfinished uploads, temporary files."""


class ObjectStoreConformance:
    """The suite."""

    def test_what_is_put_is_read_elsewhere(self, scene: StoreScene) -> None:
        """By key, whole, with its size and about its time."""
        for size in (0, 1, 1000, MEBIBYTE, LARGE):
            content = pattern(size)
            assert scene.store.put(f"some/place/of-{size}", cut(content, 700_000)) == size
        other = scene.reopened()
        for size in (0, 1, 1000, MEBIBYTE, LARGE):
            assert b"".join(other.read(f"some/place/of-{size}")) == pattern(size)
        listed = {one.key: one for one in other.list("some/place")}
        assert {key: one.bytes for key, one in listed.items()} == {
            f"some/place/of-{size}": size for size in (0, 1, 1000, MEBIBYTE, LARGE)
        }
        now = datetime.now(UTC)
        assert all(abs(one.at - now) < ABOUT_NOW for one in listed.values())
        assert scene.debris() == []

    def test_a_small_object_is_read_whole(self, scene: StoreScene) -> None:
        """As it was put, by whichever way."""
        scene.store.put("a", [b"one", b"", b"two"])
        scene.store.replace("b", b"three")
        assert scene.store.put_new("c", b"four")
        assert [scene.store.get(key) for key in "abc"] == [b"onetwo", b"three", b"four"]
        scene.store.replace("b", b"five")
        assert scene.store.get("b") == b"five"
        assert scene.debris() == []

    def test_the_first_one_wins_and_may_ask_twice(self, scene: StoreScene) -> None:
        """So that a manifest commits exactly one backup, also when the answer was lost."""
        assert scene.store.put_new("manifest", b"mine")
        assert scene.store.put_new("manifest", b"mine")
        assert not scene.reopened().put_new("manifest", b"theirs")
        assert scene.store.get("manifest") == b"mine"
        assert scene.debris() == []

    def test_of_several_at_once_one_wins(self, scene: StoreScene) -> None:
        """And all know which."""
        contents = [f"writer {number}".encode() for number in range(8)]
        stores = [scene.reopened() for _ in contents]
        with ThreadPoolExecutor(len(contents)) as pool:
            ours = list(pool.map(lambda one: one[0].put_new("m", one[1]), zip(stores, contents)))  # noqa: B905
        assert ours.count(True) == 1
        assert scene.store.get("m") == contents[ours.index(True)]
        assert scene.debris() == []

    def test_only_what_was_read_is_exchanged(self, scene: StoreScene) -> None:
        """So that what somebody stored or removed meanwhile is neither lost nor brought back."""
        scene.store.put_new("manifest", b"first")
        assert scene.store.exchange("manifest", b"first", b"second")
        assert scene.store.exchange("manifest", b"first", b"second")
        assert not scene.reopened().exchange("manifest", b"first", b"third")
        assert scene.store.get("manifest") == b"second"
        assert scene.reopened().exchange("manifest", b"second", b"third")
        assert scene.store.get("manifest") == b"third"
        scene.store.delete(["manifest"])
        for key in ("manifest", "absent/manifest"):
            assert not scene.store.exchange(key, b"third", b"fourth")
        assert scene.store.list("") == []
        assert scene.debris() == []

    def test_of_several_that_exchange_one_wins(self, scene: StoreScene) -> None:
        """And all know which."""
        scene.store.put_new("m", b"before")
        contents = [f"writer {number}".encode() for number in range(8)]
        pairs = [(scene.reopened(), content) for content in contents]
        with ThreadPoolExecutor(len(contents)) as pool:
            ours = list(pool.map(lambda one: one[0].exchange("m", b"before", one[1]), pairs))
        assert ours.count(True) == 1
        assert scene.store.get("m") == contents[ours.index(True)]
        assert scene.debris() == []

    def test_what_is_not_there_is_refused(self, scene: StoreScene) -> None:
        """With a code that programs understand; a folder is no object."""
        scene.store.put("folder/object", [b"x"])
        for key in ("absent", "folder", "folder/object/more", "folder/absent"):
            for read in (scene.store.get, reading(scene.store)):
                error = refused(read, key)
                assert isinstance(error, RefusedError)
                assert error.code == "no-object"
                assert error.cause
                assert error.mend

    def test_a_list_has_what_is_below_a_folder(self, scene: StoreScene) -> None:
        """And nothing that only begins alike."""
        keys = ["a", "b/a", "b/c/a", "b/c/b", "b/cc/a", "bb/a"]
        for key in reversed(keys):
            scene.store.put(key, [key.encode()])
        assert [one.key for one in scene.store.list("")] == sorted(keys)
        assert [one.key for one in scene.store.list("b")] == ["b/a", "b/c/a", "b/c/b", "b/cc/a"]
        assert [one.key for one in scene.store.list("b/c")] == ["b/c/a", "b/c/b"]
        assert scene.store.list("absent") == []
        assert scene.store.list("absent/deeper") == []

    def test_more_than_a_page_is_listed_and_deleted(self, scene: StoreScene) -> None:
        """Stores answer with a thousand at a time."""
        keys = [f"many/{number:05}" for number in range(1100)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: scene.store.replace(key, b""), keys))
        assert [one.key for one in scene.store.list("many")] == keys
        scene.store.delete(keys)
        assert scene.store.list("") == []

    def test_what_was_deleted_may_be_deleted_again(self, scene: StoreScene) -> None:
        """What is not there is deleted already; nothing else goes."""
        scene.store.put("a/b", [b"x"])
        scene.store.put("a/c", [b"y"])
        for _ in range(2):
            scene.store.delete(["a/b", "never/was"])
            assert [one.key for one in scene.store.list("")] == ["a/c"]
        scene.store.delete([])
        scene.store.delete(["a/c"])
        assert scene.store.list("") == []

    def test_a_stream_that_fails_leaves_nothing(self, scene: StoreScene) -> None:
        """Its own exception comes out: who dumped must not be told that the store failed."""
        for size in (0, 1000, LARGE):
            for failure in (KeyError("dump"), OSError(5, "of the dump"), FileNotFoundError("dump")):
                error = raised(scene.store.put, "a/b", failing(size, failure))
                assert error is failure
                assert scene.store.list("") == []
                assert scene.debris() == []

    def test_hostile_keys_are_refused_everywhere(self, scene: StoreScene) -> None:
        """Before anything is touched."""
        store = scene.store
        acts: list[Callable[[str], object]] = [
            lambda key: store.put(key, [b"x"]),
            lambda key: store.put_new(key, b"x"),
            lambda key: store.replace(key, b"x"),
            lambda key: store.exchange(key, b"x", b"y"),
            store.get,
            reading(store),
            lambda key: store.delete([key]),
        ]
        for key in HOSTILE_KEYS:
            for act in acts if key == "" else [*acts, store.list]:
                error = refused(act, key)
                assert isinstance(error, RefusedError), f"{key!r}"
                assert error.code == "bad-key"
                assert all(sign.isprintable() for sign in str(error))
        assert store.list("") == []
        assert scene.debris() == []

    def test_where_it_is_can_be_said(self, scene: StoreScene) -> None:
        """To people, on one line."""
        assert scene.store.describe().isprintable()


def pattern(size: int) -> bytes:
    """Bytes in which no two places look alike."""
    return hashlib.shake_128(b"pattern").digest(size)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    """Content in chunks."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


def failing(size: int, failure: BaseException) -> Iterator[bytes]:
    """A stream that fails after so many bytes."""
    yield from cut(pattern(size), MEBIBYTE)
    raise failure


def reading(store: ObjectStore) -> Callable[[str], bytes]:
    """Read an object to its end."""
    return lambda key: b"".join(store.read(key))


def refused(act: Callable[[str], object], key: str) -> LastgoodError | None:
    """The error of ours that an act ended with."""
    try:
        act(key)
    except LastgoodError as error:
        return error
    return None


def raised(
    put: Callable[[str, Iterable[bytes]], object], key: str, chunks: Iterable[bytes]
) -> BaseException | None:
    """Whatever a put ended with."""
    try:
        put(key, chunks)
    except Exception as error:  # noqa: BLE001 - which one is what is asked
        return error
    return None
