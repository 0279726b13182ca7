from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.check.command.driver import CommandCheck
from lastgood.drivers.check.command.options import CommandOptions
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from lastgood.model.check import CheckResult
    from lastgood.ports.toolbox import Toolbox


@pytest.fixture
def toolbox(toolbox: Toolbox) -> Toolbox:
    return replace(toolbox, children=PlainChildren(Masker(["hunter22"])))


async def ran(
    toolbox: Toolbox, script: str, instance: str | None = None, **options: Any
) -> CheckResult:
    wanted = {"command": [sys.executable, "-c", script], "timeout": 60, **options}
    check = CommandCheck(CommandOptions.model_validate(wanted), toolbox)
    try:
        return await check.probe(instance)
    finally:
        await check.close()


async def test_exit_code_nothing_is_ok(toolbox: Toolbox) -> None:
    result = await ran(toolbox, "print('v1.2'); print('more')", version={"stdout": True})
    assert (result.ok, result.status, result.version, result.error) == (
        True,
        "exit 0",
        "v1.2",
        None,
    )
    assert result.address == PurePath(sys.executable).name


async def test_any_other_exit_code_is_not_ok_and_says_the_last_words(toolbox: Toolbox) -> None:
    result = await ran(
        toolbox, "import sys; print('a\\n\\x1b[31mqueue is full', file=sys.stderr); sys.exit(3)"
    )
    assert (result.ok, result.status) == (False, "exit 3")
    assert result.error == "exit code 3: queue is full"


async def test_killed_by_a_signal(toolbox: Toolbox) -> None:
    result = await ran(toolbox, "import os; os.kill(os.getpid(), 9)")
    assert result.error == "ended by signal 9"


async def test_program_that_hangs_is_stopped(toolbox: Toolbox) -> None:
    result = await ran(toolbox, "import time; time.sleep(600)", timeout=0.5)
    assert not result.ok
    assert result.status is None
    assert result.error


async def test_program_that_is_not_there(toolbox: Toolbox) -> None:
    result = await ran(toolbox, "", command=["no-such-program-anywhere"])
    assert not result.ok
    assert result.error


async def test_endless_output_and_bytes_that_are_no_text(toolbox: Toolbox) -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 50000); sys.exit(1)"
    result = await ran(toolbox, script)
    assert result.error is not None
    assert result.error.isprintable()
    assert len(result.error) <= 310


async def test_secrets_in_the_output_are_masked(toolbox: Toolbox) -> None:
    result = await ran(toolbox, "raise SystemExit('password=hunter22 is wrong')")
    assert result.error == "exit code 1: password=*** is wrong"


async def test_instance_is_told_by_the_environment(toolbox: Toolbox) -> None:
    script = "import os; print(os.environ['LASTGOOD_INSTANCE'])"
    result = await ran(toolbox, script, "http://10.0.0.1:8000", version={"stdout": True})
    assert result.version == "http://10.0.0.1:8000"
