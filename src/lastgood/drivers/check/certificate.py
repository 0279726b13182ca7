"""TLS for checks: contexts, and when the other side's certificate ends."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DAY_S = 86_400.0


@lru_cache(maxsize=64)
def tls_context(ca: Path | None, *, verify: bool) -> ssl.SSLContext:
    """A client's context; made once for each kind, since reading the system's roots takes 10 ms.

    Raises:
        OSError: the file of roots cannot be read or holds no certificate.
    """
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def expiry(ssl_object: object) -> datetime | None:
    """When the certificate of a connection ends; None without TLS or when it was not verified."""
    if not isinstance(ssl_object, ssl.SSLObject | ssl.SSLSocket):
        return None
    certificate = ssl_object.getpeercert()
    end = certificate.get("notAfter") if certificate else None
    if not isinstance(end, str):
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)


def ends_too_soon(expires_at: datetime, now: datetime, margin_s: float) -> str | None:
    """What is wrong with a certificate's end; None when it is far enough away."""
    if expires_at - now >= timedelta(seconds=margin_s):
        return None
    days = (expires_at - now).total_seconds() / _DAY_S
    return f"the certificate ends in {days:.1f} days, on {expires_at:%Y-%m-%d %H:%M} UTC"


def tls_fault(error: ssl.SSLError) -> str:
    """What is wrong with the other side's TLS, in one clause."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"bad certificate: {error.verify_message}"
    return f"TLS failed: {error.reason or type(error).__name__}"
