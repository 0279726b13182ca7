"""Up and down, and nothing left behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import pytest

from lastgood.demo.layout import Layout, layout_file
from lastgood.demo.production import Production
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    class Eventually(Protocol):
        def __call__(self, true: Callable[[], object], seconds: float = 40) -> None: ...


pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(240),
]

OWNER = """
    import sys, time
    from pathlib import Path
    from lastgood.demo.production import Production

    with Production.start(Path(sys.argv[1])) as production:
        if "ship" in sys.argv:
            production.ship()
            production.traffic.start()
        print("ready", flush=True)
        time.sleep(600)
"""


def owner(root: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(root), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_up_and_down_twice_at_the_same_place(
    tmp_path: Path, left_of: Callable[[Layout], list[str]]
) -> None:
    for _ in range(2):
        with Production.start(tmp_path / "root") as production:
            assert production.live_commit("backend") is None
        assert left_of(production.layout) == []


def test_up_under_the_strictest_umask(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        with Production.start(tmp_path / "root") as production:
            assert production.ship().outcome == "deployed"
    finally:
        os.umask(former)


def test_two_side_by_side(tmp_path: Path, left_of: Callable[[Layout], list[str]]) -> None:
    roots = [tmp_path / name for name in ("one", "an odd 100% name, 'quoted'")]
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(Production.start, roots)
    with first, second:
        ours = {first.edge_url, *first.instances}
        assert not ours & {second.edge_url, *second.instances}
        assert second.ship().outcome == "deployed"
        assert first.live_commit("backend") is None
    assert left_of(first.layout) == []
    assert left_of(second.layout) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_the_owner_ends(
    tmp_path: Path,
    number: signal.Signals,
    left_of: Callable[[Layout], list[str]],
    eventually: Eventually,
) -> None:
    words = ["ship"] if number == signal.SIGKILL else []
    with owner(tmp_path / "root", *words) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        layout = Layout.load(tmp_path / "root")

        process.send_signal(number)

    eventually(lambda: left_of(layout) == [])


def test_nothing_is_left_when_the_owner_is_killed_while_it_starts(
    tmp_path: Path, left_of: Callable[[Layout], list[str]], eventually: Eventually
) -> None:
    root = tmp_path / "root"
    with owner(root) as process:
        eventually(layout_file(root).exists)
        layout = Layout.load(root)
        process.kill()

    eventually(lambda: left_of(layout) == [])


def test_nothing_is_left_when_the_host_is_killed(
    tmp_path: Path, left_of: Callable[[Layout], list[str]], eventually: Eventually
) -> None:
    with Production.start(tmp_path / "root") as production:
        production._host.kill()
        # Its processes go by themselves; the files go with the owner.
        eventually(lambda: len(left_of(production.layout)) == 2)
    assert left_of(production.layout) == []


def test_one_that_is_kept_lives_until_it_is_told_to_stop(
    tmp_path: Path, left_of: Callable[[Layout], list[str]], eventually: Eventually
) -> None:
    root = tmp_path / "root"
    production = Production.start(root)
    production.keep()

    assert production.ship().outcome == "deployed"
    stop = [sys.executable, "-m", "lastgood.demo.host", "--stop", str(root)]
    subprocess.run(stop, check=True)

    eventually(lambda: left_of(production.layout) == [])


def test_a_directory_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine", encoding="utf-8")

    with pytest.raises(RefusedError) as refused:
        Production.start(tmp_path)

    assert refused.value.code == "place-taken"
    assert refused.value.mend
    assert precious.read_text(encoding="utf-8") == "mine"
