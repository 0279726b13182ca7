"""What went wrong on the way to an HTTP answer, in one clause that a person understands."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from lastgood.drivers.check.certificate import tls_fault

# All that a hostile other side can make the client raise.
FAULTS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, EOFError, RecursionError)


# The parser gives this no class of its own; it only chooses the words.
_TOO_LONG = "Got more than"
# The first class that fits says what happened.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (aiohttp.InvalidURL, "the address is none that can be asked"),
    (aiohttp.ClientResponseError, "what answers does not speak HTTP"),
    (HttpProcessingError, "what answers does not speak HTTP"),
)


def explain(error: BaseException) -> str:
    """Say what a fault means; nothing that the other side sent is repeated."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the host name has no address: {_system(error.os_error)}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    elif isinstance(error, aiohttp.ClientResponseError) and _TOO_LONG in error.message:
        return "the answer's headers are longer than 8 KiB"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, ssl.SSLError):
        return tls_fault(error)
    if isinstance(error, OSError):
        return _connection(error)
    return f"the answer cannot be read ({type(error).__name__})"


def _connection(error: OSError) -> str:
    if error.errno == errno.ECONNREFUSED:
        return "connection refused"
    resets = isinstance(error.__cause__, ConnectionResetError)
    if resets or error.errno in {errno.ECONNRESET, errno.EPIPE}:
        return "the connection was reset"
    return f"no connection: {_system(error)}"


def _system(error: OSError) -> str:
    """The system's own words; the client's hold the whole address."""
    if isinstance(error, socket.gaierror):
        return str(error.strerror).lower()
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return type(error).__name__
