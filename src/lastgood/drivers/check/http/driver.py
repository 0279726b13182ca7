"""Looks at an HTTP address; the only module that needs aiohttp."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from lastgood.drivers.check.certificate import expiry, tls_context
from lastgood.drivers.check.http.answer import BODY_LIMIT, Answer, Examiner, UnreadableError
from lastgood.drivers.check.http.faults import FAULTS, explain
from lastgood.drivers.check.http.secrets import secrets_of
from lastgood.drivers.check.lookup import Lookup
from lastgood.model.check import CheckResult
from lastgood.process.masking import Masker, harmless

if TYPE_CHECKING:
    import ssl

    from lastgood.drivers.check.http.options import HttpOptions
    from lastgood.ports.toolbox import Toolbox

# A kept connection hides a change of the name's address and what a load balancer would do now.
RENEW_S = 10.0
LONGEST_ERROR = 300
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULTS = {
    "User-Agent": "lastgood",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",  # what a cache kept says nothing of now
}


class HttpCheck:
    """One HTTP address with its own connections, so that another one's hang does not matter."""

    def __init__(self, options: HttpOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._name = toolbox.name
        self._url = URL(options.url)
        self._examiner = Examiner(options)
        self._masker = Masker(secrets_of(options))
        given = {name: value.reveal() for name, value in options.headers.items()}
        named = {name.lower() for name in given}
        self._headers = given | {n: v for n, v in _DEFAULTS.items() if n.lower() not in named}
        self._body = options.body.reveal().encode() if options.body is not None else None
        self._address = self._shown(self._url)
        self._session: aiohttp.ClientSession | None = None
        self._renewed = 0.0

    @property
    def names_version(self) -> bool:
        """Whether a good answer says which version answered."""
        return self._options.version is not None

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once, at the configured address or at the same path of one instance."""
        begun = datetime.now(UTC)
        url, address = self._url, self._address
        if instance is not None:
            try:
                url = self._at(instance)
            except ValueError:
                return self._failed(instance, begun, "this is no address of an instance")
            address = self._shown(url)
        try:
            async with asyncio.timeout(self._options.timeout):
                answer, moved = await self._ask(url, own_host=instance is None)
        except TimeoutError:
            return self._failed(address, begun, f"no whole answer in {self._options.timeout:g} s")
        except UnreadableError as unreadable:
            return self._failed(address, begun, str(unreadable))
        except FAULTS as error:
            return self._failed(address, begun, explain(error))
        return self._judged(address, begun, answer, moved)

    async def close(self) -> None:
        """Close the kept connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _judged(
        self, address: str, begun: datetime, answer: Answer, moved: URL | None
    ) -> CheckResult:
        faults, version = self._examiner.examine(answer)
        if faults and moved is not None:
            faults[0] += f" (moved to {self._shown(moved)}; `redirects: 1` follows it)"
        return CheckResult(
            name=self._name,
            address=address,
            at=begun,
            ok=not faults,
            status=str(answer.status),
            latency_ms=answer.latency_ms,
            version=self._line(version) if version else None,
            error=self._line("; ".join(faults)) if faults else None,
            tls_expires_at=answer.tls_expires_at,
        )

    def _failed(self, address: str, begun: datetime, error: str) -> CheckResult:
        return CheckResult(
            name=self._name,
            address=self._line(address),
            at=begun,
            ok=False,
            error=self._line(error),
        )

    def _line(self, text: str) -> str:
        """One line that may be shown: no secret, nothing that acts on a terminal."""
        text = " ".join(harmless(self._masker.mask(text)).split())
        return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."

    def _at(self, instance: str) -> URL:
        base = URL(instance)
        if base.scheme not in {"http", "https"} or not base.host:
            raise ValueError(instance)
        moved = self._url.with_scheme(base.scheme).with_host(base.host)
        return moved.with_port(base.port)

    def _shown(self, url: URL) -> str:
        return self._line(f"{url.origin()}{url.raw_path}")

    async def _ask(self, url: URL, *, own_host: bool) -> tuple[Answer, URL | None]:
        """The final answer, and where it points when it is a redirect and none are followed."""
        headers, body, method = self._headers, self._body, self._options.method
        server_name = None
        if self._options.keep_host and not own_host:
            headers = {"Host": _host_header(self._url), **headers}
            server_name = self._url.host
        started = time.perf_counter()
        for left in range(self._options.redirects, -1, -1):
            answer = await self._exchange(url, method, headers, body, server_name, started)
            target = _target(url, answer)
            if target is None or self._examiner.accepts(answer.status):
                return answer, None
            if not self._options.redirects:
                return answer, target
            if not left:
                break
            if answer.status == 303 or (answer.status in {301, 302} and method == "POST"):  # noqa: PLR2004 - as browsers do
                method, body = "GET" if method != "HEAD" else method, None
            elsewhere = target.origin() != url.origin()
            if elsewhere and not own_host:
                raise UnreadableError(f"redirected away from the instance: {self._shown(target)}")
            if elsewhere:
                headers, body, server_name = _without_secrets(headers), None, None
            url = target
        raise UnreadableError(
            f"redirected more than {self._options.redirects} times, last by {self._shown(url)}"
        )

    async def _exchange(
        self,
        url: URL,
        method: str,
        headers: dict[str, str],
        body: bytes | None,
        server_name: str | None,
        started: float,
    ) -> Answer:
        async with self._opened().request(
            method,
            url,
            headers=self._for_now(method, headers),
            data=body,
            allow_redirects=False,
            ssl=self._tls(url),
            server_hostname=server_name,
        ) as response:
            content = await _read(response)
            latency_ms = (time.perf_counter() - started) * 1000
            expires_at = response.tls_expires_at if isinstance(response, _Response) else None
            return Answer(response.status, response.headers, content, latency_ms, expires_at)

    def _for_now(self, method: str, headers: dict[str, str]) -> dict[str, str]:
        """The headers, with the wish to close a connection that must not be used again.

        A question that is no mere reading cannot be repeated when a kept connection turns out to
        be closing just then, so it never gets a kept one.
        """
        now = time.monotonic()
        if method in _REPEATABLE and now - self._renewed <= RENEW_S:
            return headers
        self._renewed = now
        return {**headers, "Connection": "close"}

    def _tls(self, url: URL) -> ssl.SSLContext | bool:
        if url.scheme != "https":
            return True
        return tls_context(self._options.ca, verify=self._options.verify)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._renewed = time.monotonic()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=_Resolver(), limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                response_class=_Response,
                read_bufsize=64 * 1024,
            )
        return self._session


class _Response(aiohttp.ClientResponse):
    """Reads the certificate, and ends what was to be closed, while the connection is known."""

    tls_expires_at: datetime | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if connection.transport is not None:
            tls = connection.transport.get_extra_info("ssl_object")
            self.tls_expires_at = expiry(tls) if tls is not None else None
        if "Connection" in self.request_info.headers and connection.protocol is not None:
            # The other side need not close it, and aiohttp would keep it then.
            connection.protocol.force_close()
        return await super().start(connection)


class _Resolver(AbstractResolver):
    """Look-ups that wait for nobody else's."""

    def __init__(self) -> None:
        self._lookup = Lookup()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._lookup.addresses(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=address.text,
                port=port,
                family=address.family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body as sent, up to the limit.

    Raises:
        UnreadableError: it is larger.
    """
    size = response.content_length or 0
    chunks: list[bytes] = []
    if size <= BODY_LIMIT or response.method == "HEAD":
        size = 0
        while chunk := await response.content.readany():
            chunks.append(chunk)
            size += len(chunk)
            if size > BODY_LIMIT:
                break
    if size > BODY_LIMIT:
        response.close()
        raise UnreadableError("the answer is larger than 1 MiB: ask a smaller page")
    return b"".join(chunks)


def _host_header(url: URL) -> str:
    return (
        f"{url.host_subcomponent}:{url.port}"
        if not url.is_default_port()
        else str(url.host_subcomponent)
    )


def _target(url: URL, answer: Answer) -> URL | None:
    """Where a redirect leads; None when the answer is none that can be followed."""
    location = answer.headers.get("Location")
    if answer.status not in REDIRECTS or not location:
        return None
    try:
        target = url.join(URL(location))
    except ValueError:
        return None
    return target if target.scheme in {"http", "https"} and target.host else None


def _without_secrets(headers: dict[str, str]) -> dict[str, str]:
    """What may be sent to another host than the configured one."""
    public = {name.lower() for name in _DEFAULTS}
    return {name: value for name, value in headers.items() if name.lower() in public}
