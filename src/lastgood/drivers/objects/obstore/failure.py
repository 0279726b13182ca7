"""What a store's failure means, in our words and without anybody's secrets."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from obstore.exceptions import PermissionDeniedError, PreconditionError, UnauthenticatedError

from lastgood.errors import RefusedError, RemoteError
from lastgood.process.masking import Masker, harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 600
# A signature may be part of an address; what was asked for is not needed to understand.
_QUERY = re.compile(r"\?[^\s)\"']*")
_SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
)
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "specified bucket does not exist")
_DENIED = (
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "401 Unauthorized",
    "403 Forbidden",
)
_SILENT = ("error sending request", "operation timed out", "dns error", "Connect", "TimedOut")


class Meaning(NamedTuple):
    """How a failure is told."""

    code: str
    mend: str
    retryable: bool


DENIED = Meaning(
    "store-denied",
    "give the store's credentials the right to read, write, list and delete below this place; see "
    "that they are set and not expired",
    retryable=False,
)
NO_BUCKET = Meaning("no-bucket", "make the bucket, or name another one in `store`", retryable=False)
CHANGED = Meaning("object-changed", "see who else writes there, then do it again", retryable=True)
SILENT = Meaning(
    "store-silent",
    "see that the store can be reached from here and that `endpoint` is right, then do it again",
    retryable=True,
)
FAILED = Meaning("store-failed", "do it again; see the store's own status page", retryable=True)


def told(error: Exception, what: str, where: str, secrets: Iterable[str]) -> RemoteError:
    """The error to raise."""
    said = _masked(str(error), secrets)
    meaning = _meaning(error, str(error))
    return RemoteError(
        f"{what} in {where} failed",
        cause=said,
        mend=meaning.mend,
        code=meaning.code,
        retryable=meaning.retryable,
    )


def not_made(error: Exception, where: str, secrets: Iterable[str]) -> RefusedError:
    """The store cannot be asked anything, as it is configured."""
    return RefusedError(
        f"the store {where} cannot be used as it is configured",
        cause=_masked(str(error), secrets),
        mend="correct the store's options, or the variables that hold its credentials",
        code="store-options",
    )


def is_bucket_missing(error: Exception) -> bool:
    """Whether it is not the object that is missing, but all of the store."""
    return any(sign in str(error) for sign in _NO_BUCKET)


def _meaning(error: Exception, said: str) -> Meaning:
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return DENIED
    if isinstance(error, PreconditionError):
        return CHANGED
    for signs, meaning in ((_NO_BUCKET, NO_BUCKET), (_DENIED, DENIED), (_SILENT, SILENT)):
        if any(sign in said for sign in signs):
            return meaning
    return FAILED


def _masked(said: str, secrets: Iterable[str]) -> str:
    """The first paragraph: what follows is the store's client for its own authors."""
    text = _QUERY.sub("?...", said.partition("\n\nDebug source")[0])
    known = [*secrets, *(os.environ.get(name, "") for name in _SECRETS)]
    masker = Masker(secret for secret in known if secret)
    return " ".join(harmless(masker.mask(text)).split())[:LONGEST]
