from __future__ import annotations

import asyncio
import gzip
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.check.http.driver import HttpCheck
from lastgood.drivers.check.http.options import HttpOptions
from lastgood.model.noun import to_json
from lastgood.testing.hostile import HostileServer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import trustme

    from lastgood.model.check import CheckResult
    from lastgood.ports.toolbox import Toolbox


@asynccontextmanager
async def checking(toolbox: Toolbox, **options: Any) -> AsyncIterator[HttpCheck]:
    # A loaded machine is no fault of the check: only tests of the limit have a short one.
    check = HttpCheck(HttpOptions.model_validate({"timeout": 60, **options}), toolbox)
    try:
        yield check
    finally:
        await check.close()


async def probed(toolbox: Toolbox, **options: Any) -> CheckResult:
    async with checking(toolbox, **options) as check:
        return await check.probe()


async def test_good_answer_is_ok_with_status_latency_and_version(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/health"] = Reply(body=b'{"status":"healthy","commit":"abc123"}')
    result = await probed(
        toolbox,
        url=server.url("/health"),
        expect={"status": 200, "json": {"status": "healthy"}},
        version={"json": "commit"},
    )
    assert result.ok
    assert (result.status, result.version, result.error) == ("200", "abc123", None)
    assert result.latency_ms is not None
    assert result.latency_ms > 0
    assert result.name == "api-health"
    assert result.address == server.url("/health")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/hang", "no whole answer in 0.5 s"),
        ("/drip", "no whole answer in 0.5 s"),
        ("/reset", "the connection was reset"),
        ("/silent", "the connection was closed without an answer"),
        ("/half", "the answer broke off"),
        ("/gigabytes", "the answer is larger than 1 MiB: ask a smaller page"),
        ("/endless", "the answer is larger than 1 MiB: ask a smaller page"),
        ("/bomb", "the answer unpacks to more than 1 MiB"),
        ("/rubbish", "what answers does not speak HTTP"),
        ("/headers", "the answer's headers are longer than 8 KiB"),
        ("/deep", "the answer is no JSON"),
        ("/loop", "redirected more than 3 times, last by"),
        ("/missing", "answered 404, expected 200 to 299"),
    ],
)
async def test_each_misdeed_is_one_clear_line(
    server: HostileServer, toolbox: Toolbox, path: str, error: str
) -> None:
    result = await probed(
        toolbox,
        url=server.url(path),
        timeout=0.5 if path in {"/hang", "/drip"} else 60,
        redirects=3,
        expect={"json": {"status": "healthy"}},
    )
    assert not result.ok
    assert result.error is not None
    assert error in result.error
    assert result.error.isprintable()


async def test_nothing_listening_is_refused(server: HostileServer, toolbox: Toolbox) -> None:
    await server.stop()
    result = await probed(toolbox, url=server.url())
    assert result.error == "connection refused"
    assert result.status is None


async def test_unknown_host_has_no_address(toolbox: Toolbox) -> None:
    result = await probed(toolbox, url="http://host.invalid/")
    assert not result.ok
    assert result.error is not None
    assert "the host name has no address" in result.error


async def test_each_condition_says_what_was_expected(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/health"] = Reply(
        status=503, body=b'{"queue":{"length":12},"checks":[{"ok":true},{"ok":false}]}'
    )
    result = await probed(
        toolbox,
        url=server.url("/health"),
        expect={
            "status": [200, 204],
            "json": {"queue.length": "< 5", "checks.1.ok": True, "gone": "x", "checks.0.ok": True},
            "contains": "healthy",
            "matches": "^ok$",
        },
    )
    assert result.error == (
        "answered 503, expected 200 or 204; queue.length is 12, expected < 5; "
        "checks.1.ok is False, expected True; gone is absent, expected 'x'; "
        "the answer does not contain 'healthy'; the answer does not match '^ok$'"
    )


async def test_slow_answer_fails_on_latency(server: HostileServer, toolbox: Toolbox) -> None:
    result = await probed(toolbox, url=server.url(), expect={"latency": 0.000001})
    assert not result.ok
    assert result.error is not None
    assert "ms, expected under" in result.error


@pytest.mark.parametrize(
    ("version", "expected"),
    [({"json": "build.commit"}, "77"), ({"header": "x-version"}, "v1"), ({"body": True}, None)],
)
async def test_version_is_read_where_it_is_said_to_be(
    server: HostileServer, toolbox: Toolbox, version: dict[str, Any], expected: str | None
) -> None:
    body = b'\n {"build":{"commit":77}}\nmore'
    server.replies["/v"] = Reply(
        body=body if "body" in version else body.replace(b"more", b""), headers={"X-Version": "v1"}
    )
    result = await probed(toolbox, url=server.url("/v"), version=version)
    assert result.version == (expected or '{"build":{"commit":77}}')


async def test_a_failing_answer_still_names_its_version(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/v"] = Reply(status=500, body=b'{"commit":"bad1"}')
    result = await probed(toolbox, url=server.url("/v"), version={"json": "commit"})
    assert not result.ok
    assert result.version == "bad1"


async def test_hostile_version_cannot_act_on_a_terminal(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/v"] = Reply(body=b"\x1b[2J\x1b]0;owned\x07v1 " + b"x" * 5000)
    result = await probed(toolbox, url=server.url("/v"), version={"body": True})
    assert result.version is not None
    assert result.version.startswith("v1 x")
    assert result.version.isprintable()
    assert len(result.version) <= 210


async def test_secrets_that_come_back_are_masked(server: HostileServer, toolbox: Toolbox) -> None:
    server.replies["/echo"] = Reply(
        status=401, body=b'{"status":"Bearer hunter22hunter","commit":"letmein99"}'
    )
    result = await probed(
        toolbox,
        url=server.url("/echo?token=querysecret").replace("http://", "http://me:pass1word@"),
        method="POST",
        headers={"X-Key": "Bearer hunter22hunter"},
        body='{"user":"probe","password":"letmein99"}',
        expect={"json": {"status": "healthy"}},
        version={"json": "commit"},
    )
    written = to_json(result)
    for secret in ("hunter22hunter", "letmein99", "querysecret", "pass1word"):
        assert secret not in written
    assert server.questions[0].headers["authorization"].startswith("Basic ")
    assert server.questions[0].headers["x-key"] == "Bearer hunter22hunter"
    assert server.questions[0].body == b'{"user":"probe","password":"letmein99"}'
    assert result.address == server.url("/echo")


async def test_options_do_not_print_their_secrets() -> None:
    options = HttpOptions.model_validate(
        {"url": "http://h/", "headers": {"X-Key": "hunter22"}, "body": "letmein99"}
    )
    assert "hunter22" not in f"{options!r}{options.model_dump_json()}"
    assert "letmein99" not in f"{options!r}{options.model_dump_json()}"


async def test_redirect_is_not_followed_unless_asked(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/old"] = Reply(status=301, headers={"Location": "/ok?key=abcdefgh"})
    result = await probed(toolbox, url=server.url("/old"))
    assert not result.ok
    assert result.error == (
        f"answered 301, expected 200 to 299 (moved to {server.url('/ok')}; "
        "`redirects: 1` follows it)"
    )
    followed = await probed(toolbox, url=server.url("/old"), redirects=1)
    assert (followed.ok, followed.status) == (True, "200")
    wanted = await probed(toolbox, url=server.url("/old"), redirects=1, expect={"status": 301})
    assert (wanted.ok, wanted.status) == (True, "301")


async def test_secrets_do_not_follow_a_redirect_to_another_host(
    server: HostileServer, toolbox: Toolbox
) -> None:
    async with HostileServer() as other:
        server.replies["/out"] = Reply(status=307, headers={"Location": other.url()})
        result = await probed(
            toolbox,
            url=server.url("/out"),
            method="POST",
            redirects=2,
            headers={"X-Key": "hunter22"},
            body="letmein99",
        )
        assert result.ok
        assert "x-key" not in other.questions[0].headers
        assert other.questions[0].body == b""


async def test_no_other_address_speaks_for_an_instance(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/v"] = Reply(body=b"c2")
    async with HostileServer() as instance:
        instance.replies["/v"] = Reply(status=302, headers={"Location": server.url("/v")})
        options = {"url": server.url("/v"), "redirects": 3, "version": {"body": True}}
        async with checking(toolbox, **options) as check:
            assert (await check.probe()).version == "c2"
            result = await check.probe(instance.base)
        assert (result.ok, result.version) == (False, None)
        assert result.error == f"redirected away from the instance: {server.url('/v')}"


@pytest.mark.parametrize(
    ("age", "version"), [("0", "c2"), ("007", None), ("86400", None), ("rubbish", "c2")]
)
async def test_an_answer_out_of_a_cache_names_no_version(
    server: HostileServer, toolbox: Toolbox, age: str, version: str | None
) -> None:
    server.replies["/v"] = Reply(body=b"c2", headers={"Age": age})
    result = await probed(toolbox, url=server.url("/v"), version={"body": True})
    assert (result.ok, result.version) == (True, version)
    assert server.questions[0].headers["cache-control"] == "no-cache"


async def test_a_header_that_is_given_is_sent_once(server: HostileServer, toolbox: Toolbox) -> None:
    await probed(toolbox, url=server.url("/ok"), headers={"user-agent": "a", "ACCEPT": "b"})
    sent = server.questions[0].headers
    assert (sent["user-agent"], sent["accept"]) == ("a", "b")


async def test_see_other_turns_into_a_plain_question(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/form"] = Reply(status=303, headers={"Location": "/ok"})
    result = await probed(toolbox, url=server.url("/form"), method="POST", body="a=b", redirects=1)
    assert result.ok
    assert [question.method for question in server.questions] == ["POST", "GET"]


async def test_redirect_to_another_kind_of_address_is_the_answer(
    server: HostileServer, toolbox: Toolbox
) -> None:
    server.replies["/file"] = Reply(status=302, headers={"Location": "file:///etc/passwd"})
    result = await probed(toolbox, url=server.url("/file"), redirects=3)
    assert (result.ok, result.status) == (False, "302")


async def test_connections_are_kept_for_reading_only(
    server: HostileServer, toolbox: Toolbox
) -> None:
    async with checking(toolbox, url=server.url()) as check:
        results = [await check.probe() for _ in range(5)]
    assert all(result.ok for result in results)
    assert server.connections == 1
    async with checking(toolbox, url=server.url(), method="POST", body="x") as check:
        results = [await check.probe() for _ in range(3)]
    assert [result.error for result in results] == [None] * 3
    assert server.connections == 4


async def test_a_kept_connection_that_the_server_dropped_is_no_failure(
    toolbox: Toolbox,
) -> None:
    async with HostileServer() as server, checking(toolbox, url=server.url()) as check:
        assert (await check.probe()).ok
        for serving in server._open:
            serving.cancel()
        await asyncio.sleep(0.05)
        assert (await check.probe()).ok


async def test_instance_is_asked_at_the_same_path(server: HostileServer, toolbox: Toolbox) -> None:
    async with HostileServer() as instance:
        instance.replies["/health"] = Reply(body=b'{"commit":"c2"}')
        async with checking(
            toolbox, url=server.url("/health?deep=1"), version={"json": "commit"}
        ) as check:
            result = await check.probe(instance.base)
        assert (result.version, result.address) == ("c2", instance.url("/health"))
        assert instance.questions[0].path == "/health?deep=1"
        assert instance.questions[0].headers["host"] == f"127.0.0.1:{instance.port}"
        async with checking(toolbox, url="http://paiid.example/health", keep_host=True) as check:
            await check.probe(instance.base + "/")
        assert instance.questions[1].headers["host"] == "paiid.example"
    assert not server.questions


@pytest.mark.parametrize("instance", ["", "nonsense", "ftp://h/", "http://", "http://h:99999/"])
async def test_instance_that_is_no_address(toolbox: Toolbox, instance: str) -> None:
    async with checking(toolbox, url="http://127.0.0.1/") as check:
        result = await check.probe(instance)
    assert result.error == "this is no address of an instance"


async def test_valid_certificate_tells_its_end(
    tls_server: HostileServer, toolbox: Toolbox, roots: Path
) -> None:
    result = await probed(toolbox, url=tls_server.url(), ca=roots)
    assert result.ok
    assert result.tls_expires_at is not None
    assert result.tls_expires_at > datetime.now(UTC)


async def test_certificate_that_ends_soon_is_not_ok(
    authority: trustme.CA, toolbox: Toolbox, roots: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    end = datetime.now(UTC) + timedelta(days=2)
    authority.issue_cert("127.0.0.1", not_after=end).configure_cert(context)
    async with HostileServer(context) as server:
        soon = await probed(toolbox, url=server.url(), ca=roots, tls_expires_within="7d")
        fine = await probed(toolbox, url=server.url(), ca=roots, tls_expires_within="1d")
    assert not soon.ok
    assert soon.error is not None
    assert "the certificate ends in 2.0 days" in soon.error
    assert fine.ok


async def test_bad_certificates(
    tls_server: HostileServer, authority: trustme.CA, toolbox: Toolbox, roots: Path
) -> None:
    unknown = await probed(toolbox, url=tls_server.url())
    assert unknown.error is not None
    assert unknown.error.startswith("bad certificate: unable to get")
    loose = await probed(toolbox, url=tls_server.url(), verify=False)
    assert loose.ok
    for names, not_after, words in (
        (["other.example"], None, "mismatch"),
        (["127.0.0.1"], datetime.now(UTC) - timedelta(days=1), "expired"),
    ):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*names, not_after=not_after).configure_cert(context)
        async with HostileServer(context) as server:
            result = await probed(toolbox, url=server.url(), ca=roots)
        assert result.error is not None
        assert result.error.startswith("bad certificate: ")
        assert words in result.error


async def test_http_where_tls_is_expected_and_the_other_way_round(
    server: HostileServer, tls_server: HostileServer, toolbox: Toolbox
) -> None:
    plain = await probed(toolbox, url=server.url().replace("http:", "https:"), timeout=0.5)
    assert plain.error == "no whole answer in 0.5 s"
    wrapped = await probed(toolbox, url=tls_server.url().replace("https:", "http:"))
    assert not wrapped.ok
    assert wrapped.error is not None


async def test_missing_roots_are_a_result(
    tls_server: HostileServer, toolbox: Toolbox, tmp_path: Path
) -> None:
    result = await probed(toolbox, url=tls_server.url(), ca=tmp_path / "none.pem")
    assert not result.ok
    assert result.error == "no connection: no such file or directory"


async def test_gzip_that_nobody_asked_for_is_read(server: HostileServer, toolbox: Toolbox) -> None:
    server.replies["/z"] = Reply(
        body=gzip.compress(b'{"status":"healthy"}'), headers={"Content-Encoding": "gzip"}
    )
    server.replies["/br"] = Reply(body=b"??", headers={"Content-Encoding": "br"})
    server.replies["/no"] = Reply(body=b"??", headers={"Content-Encoding": "gzip"})
    expect = {"json": {"status": "healthy"}}
    assert (await probed(toolbox, url=server.url("/z"), expect=expect)).ok
    other = await probed(toolbox, url=server.url("/br"), expect=expect)
    assert other.error == "the answer is packed as 'br', which was not asked for"
    broken = await probed(toolbox, url=server.url("/no"), expect=expect)
    assert broken.error == "the answer says gzip, and is not"


async def test_closes_twice_and_opens_again(server: HostileServer, toolbox: Toolbox) -> None:
    check = HttpCheck(HttpOptions.model_validate({"url": server.url()}), toolbox)
    assert (await check.probe()).ok
    await check.close()
    await check.close()
    assert (await check.probe()).ok
    await check.close()
