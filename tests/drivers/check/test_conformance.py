"""Every check driver, on real other sides, held to the same port."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.check.command.driver import CommandCheck
from lastgood.drivers.check.command.options import CommandOptions
from lastgood.drivers.check.http.driver import HttpCheck
from lastgood.drivers.check.http.options import HttpOptions
from lastgood.drivers.check.log.driver import LogCheck
from lastgood.drivers.check.log.options import LogOptions
from lastgood.drivers.check.tcp.driver import TcpCheck
from lastgood.drivers.check.tcp.options import TcpOptions
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.check import CheckCase, check_conforms

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.toolbox import Toolbox
    from lastgood.testing.hostile import HostileServer


@pytest.mark.parametrize(
    ("path", "ok"),
    [
        ("/ok", True),
        *(
            (f"/{misdeed}", False)
            for misdeed in (
                "hang",
                "drip",
                "reset",
                "silent",
                "half",
                "loop",
                "gigabytes",
                "endless",
                "bomb",
                "rubbish",
                "headers",
                "deep",
                "missing",
            )
        ),
    ],
)
async def test_http(server: HostileServer, toolbox: Toolbox, path: str, ok: bool) -> None:  # noqa: FBT001 - a parameter of the case
    limit_s = 0.3 if path in {"/hang", "/drip"} else 60.0
    options = HttpOptions.model_validate(
        {
            "url": server.url(f"{path}?token=hunter22").replace("//", "//me:pass1word@"),
            "headers": {"X-Key": "letmein99"},
            "timeout": limit_s,
            "redirects": 2,
            "expect": {} if ok else {"json": {"status": "healthy"}},
            "version": {"body": True},
        }
    )
    case = CheckCase(
        make=lambda: HttpCheck(options, toolbox),
        ok=ok,
        limit_s=limit_s,
        secrets=("hunter22", "pass1word", "letmein99"),
        spoil=server.stop,
    )
    await check_conforms(case)


async def test_tcp(server: HostileServer, toolbox: Toolbox) -> None:
    options = TcpOptions.model_validate({"tcp": f"127.0.0.1:{server.port}", "timeout": 60})
    case = CheckCase(
        make=lambda: TcpCheck(options, toolbox), ok=True, limit_s=60, spoil=server.stop
    )
    await check_conforms(case)


@pytest.mark.parametrize("code", [0, 1])
async def test_command(toolbox: Toolbox, code: int) -> None:
    real = replace(toolbox, children=PlainChildren(Masker(["hunter22"])))
    script = f"import sys; print('hunter22', file=sys.stderr); sys.exit({code})"
    options = CommandOptions.model_validate(
        {"command": [sys.executable, "-c", script], "timeout": 60}
    )
    case = CheckCase(
        make=lambda: CommandCheck(options, real),
        ok=code == 0,
        limit_s=60,
        secrets=("hunter22",),
    )
    await check_conforms(case)


@pytest.mark.parametrize("line", ["fine", "CRITICAL password=hunter22"])
async def test_log(toolbox: Toolbox, tmp_path: Path, line: str) -> None:
    log = tmp_path / "application.log"
    log.write_text(line + "\n")
    options = LogOptions.model_validate({"log": log, "fail_on": "CRITICAL", "timeout": 60})

    async def remove() -> None:
        log.unlink()

    case = CheckCase(
        make=lambda: LogCheck(options, toolbox),
        ok=line == "fine",
        limit_s=60,
        secrets=("hunter22",),
        spoil=remove,
    )
    await check_conforms(case)
