"""The conformance suites must fail what does not conform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.testing.check import CheckCase, ScriptedCheck, check_conforms
from lastgood.testing.signal import ScriptedSignal, signal_conforms

if TYPE_CHECKING:
    from lastgood.model.check import CheckResult


class Deaf(ScriptedCheck):
    async def probe(self, instance: str | None = None) -> CheckResult:
        del instance
        return await super().probe()


class Shameless(ScriptedCheck):
    async def probe(self, instance: str | None = None) -> CheckResult:
        result = await super().probe()
        del instance
        return msgspec.structs.replace(result, ok=False, error="the password is hunter22")


class Contradicting(ScriptedCheck):
    async def probe(self, instance: str | None = None) -> CheckResult:
        result = await super().probe()
        del instance
        return msgspec.structs.replace(result, error="and yet it is ok")


async def conforms(check: ScriptedCheck) -> CheckResult:
    return await check_conforms(
        CheckCase(make=lambda: check, ok=None, limit_s=30, secrets=("hunter22",))
    )


async def test_a_check_that_repeats_hostile_text_does_not_conform() -> None:
    with pytest.raises(AssertionError, match="one harmless line"):
        await conforms(ScriptedCheck())


async def test_a_good_check_conforms_and_is_closed_twice() -> None:
    check = Deaf()
    assert (await conforms(check)).ok
    assert check.closed == 2


async def test_a_check_that_shows_a_secret_does_not_conform() -> None:
    with pytest.raises(AssertionError, match="shows a secret"):
        await conforms(Shameless())


async def test_a_check_that_contradicts_itself_does_not_conform() -> None:
    with pytest.raises(AssertionError, match="has an error or is ok"):
        await conforms(Contradicting())


async def test_a_check_that_raises_does_not_conform() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        await conforms(ScriptedCheck(breaks=True))


async def test_scripted_signals_conform() -> None:
    assert (await signal_conforms(lambda: ScriptedSignal(failed=3, n=10))).n == 10
    assert (await signal_conforms(ScriptedSignal)).error == "nobody was seen"
