"""What a failure of AWS KMS means, in our words and without anybody's secrets."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.process.masking import Masker, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 400
WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
"""What KMS answers when a wrapped key is not this key's, or not this backup's."""

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Meaning(NamedTuple):
    """How a failure is told."""

    code: str
    mend: str
    retryable: bool = False


DENIED = Meaning(
    "kms-denied",
    "give the credentials kms:Encrypt and kms:Decrypt for this key, in their policy and in the "
    "key's own; see that they are not expired: aws sts get-caller-identity",
)
NO_KEY = Meaning("kms-no-key", "write the ARN of a key that exists: aws kms list-aliases")
UNUSABLE = Meaning(
    "kms-key-unusable",
    "enable the key, or cancel its deletion: aws kms enable-key, aws kms cancel-key-deletion; "
    "until then open backups by another recipient's key",
)
SILENT = Meaning(
    "kms-silent",
    "see that AWS KMS in the key's region can be reached from here (AWS_ENDPOINT_URL_KMS, a "
    "proxy), then do it again; backups open by another recipient's key: --key FILE",
    retryable=True,
)
FAILED = Meaning(
    "kms-failed",
    "do it again; see the status of AWS KMS; backups open by another recipient's key: --key FILE",
    retryable=True,
)
_CODES = {
    "AccessDenied": DENIED,
    "AccessDeniedException": DENIED,
    "ExpiredToken": DENIED,
    "ExpiredTokenException": DENIED,
    "IncompleteSignature": DENIED,
    "InvalidClientTokenId": DENIED,
    "InvalidSignatureException": DENIED,
    "MissingAuthenticationTokenException": DENIED,
    "UnrecognizedClientException": DENIED,
    "InvalidArnException": NO_KEY,
    "NotFoundException": NO_KEY,
    "DisabledException": UNUSABLE,
    "InvalidKeyUsageException": UNUSABLE,
    "KMSInvalidStateException": UNUSABLE,
}


def told(error: Exception, what: str, key: str, session: Any) -> LastgoodError:  # noqa: ANN401 - boto3 has no types
    """The error to raise."""
    from botocore import exceptions  # noqa: PLC0415 - slow, only where needed

    said = _masked(str(error), session)
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.CredentialRetrievalError
        | exceptions.TokenRetrievalError
        | exceptions.SSOError,
    ):
        return unusable(key, said)
    meaning = FAILED
    if isinstance(error, exceptions.ClientError):
        meaning = _CODES.get(error.response.get("Error", {}).get("Code", ""), FAILED)
    elif isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        meaning = SILENT
    elif isinstance(error, KeyError):
        said = f"the answer has no {said}"
    return RemoteError(
        f"{what} by AWS KMS failed, with {key}",
        cause=said,
        mend=meaning.mend,
        code=meaning.code,
        retryable=meaning.retryable,
    )


def unusable(key: str, why: str) -> RefusedError:
    """KMS cannot be asked anything from here."""
    return RefusedError(
        f"AWS KMS cannot be asked for {key}",
        cause=harmless(why)[:LONGEST],
        mend="give credentials as for the aws program: variables, a profile, or the machine's "
        "role; see who we are: aws sts get-caller-identity",
        code="kms-credentials",
    )


def _masked(said: str, session: Any) -> str:  # noqa: ANN401 - likewise
    """The first line: what may follow repeats the request with its headers."""
    masker = Masker(_known(session))
    return harmless(masker.mask(said.partition("\n")[0]))[:LONGEST]


def _known(session: Any) -> Iterator[str]:  # noqa: ANN401 - likewise
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

    yield from filter(None, (os.environ.get(name) for name in _SECRETS))
    with suppress(BotoCoreError, ClientError):  # then there are none that could be shown
        credentials = session.get_credentials()
        if credentials is not None:
            yield from filter(None, credentials.get_frozen_credentials())
