"""Connects to a port and hangs up."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.check.certificate import ends_too_soon, expiry, tls_context, tls_fault
from lastgood.drivers.check.lookup import Address, Lookup
from lastgood.model.check import CheckResult
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from lastgood.drivers.check.tcp.options import TcpOptions
    from lastgood.ports.toolbox import Toolbox


class TcpCheck:
    """One port that must accept connections."""

    names_version = False

    def __init__(self, options: TcpOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._name = toolbox.name
        self._address = harmless(options.tcp)
        self._lookup = Lookup()

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once; a port has no instances, so the configured one is always asked."""
        del instance
        at = datetime.now(UTC)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._options.timeout):
                expires_at = await self._connect()
        except TimeoutError:
            return self._failed(at, f"no connection in {self._options.timeout:g} s")
        except OSError as fault:
            return self._failed(at, _explain(fault))
        latency_ms = (time.perf_counter() - started) * 1000
        error = None
        if expires_at is not None and self._options.tls_expires_within is not None:
            error = ends_too_soon(expires_at, at, self._options.tls_expires_within)
        return CheckResult(
            name=self._name,
            address=self._address,
            at=at,
            ok=error is None,
            status="connected",
            latency_ms=latency_ms,
            error=error,
            tls_expires_at=expires_at,
        )

    async def close(self) -> None:
        """No connection is kept."""

    async def _connect(self) -> datetime | None:
        """Connect to the first address that accepts; the certificate's end where there is TLS."""
        addresses = await self._lookup.addresses(self._options.host, self._options.port)
        context = (
            tls_context(self._options.ca, verify=self._options.verify)
            if self._options.tls
            else None
        )
        fault: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                # One address that swallows everything must leave time for the others.
                async with asyncio.timeout(self._options.timeout / left):
                    return await self._greet(address, context)
            except TimeoutError as error:
                if left == 1:
                    raise
                fault = error
            except OSError as error:
                fault = error
        raise fault

    async def _greet(self, address: Address, context: ssl.SSLContext | None) -> datetime | None:
        _, writer = await asyncio.open_connection(
            address.text,
            self._options.port,
            family=address.family,
            ssl=context,
            server_hostname=self._options.host if context else None,
        )
        try:
            return expiry(writer.get_extra_info("ssl_object"))
        finally:
            # Politeness would wait for the other side, which may hang.
            writer.transport.abort()

    def _failed(self, at: datetime, error: str) -> CheckResult:
        return CheckResult(name=self._name, address=self._address, at=at, ok=False, error=error)


def _explain(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return tls_fault(error)
    if isinstance(error, socket.gaierror):
        return f"the host name has no address: {str(error.strerror).lower()}"
    if error.errno == errno.ECONNREFUSED:
        return "connection refused"
    if error.errno in {errno.ECONNRESET, errno.EPIPE}:
        return "the connection was reset"
    if error.errno is not None and error.errno > 0:
        return f"no connection: {os.strerror(error.errno).lower()}"
    return f"no connection: {type(error).__name__}"
