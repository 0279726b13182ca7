"""A key of AWS KMS: it wraps and opens data keys by one request each, and never leaves there.

The encryption context is the backup's id, so that a wrapped key opens its own backup only.
Credentials are found as boto3 finds them. The endpoint is Amazon's, or `AWS_ENDPOINT_URL_KMS`; the
general `AWS_ENDPOINT_URL` is passed over: it often names an object store, and what is asked of
this service holds a data key.
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lastgood.backup.kmsfailure import WRONG, told, unusable
from lastgood.errors import RefusedError
from lastgood.model.sealed import RecipientKind

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "aws-kms"
CONTEXT = "lastgood-backup"
CONNECT_S, READ_S = 5.0, 10.0
TRIES = 3
ENDPOINT = "AWS_ENDPOINT_URL_KMS"
_ARN = re.compile(
    r"arn:aws[a-z0-9-]*:kms:(?P<region>[a-z0-9-]{1,40}):\d{12}:"
    r"(key/[A-Za-z0-9-]{1,80}|alias/[A-Za-z0-9/_-]{1,250})",
    re.ASCII,
)


class KmsKey:
    """A key by its ARN, or by its alias's; as a recipient and as an identity.

    Attributes:
        recipient: the ARN as it is written.

    Raises:
        RefusedError: the text is no such ARN (`recipient`), or boto3 is not installed (`no-boto3`).
    """

    kind = RecipientKind.AWS_KMS

    def __init__(self, arn: str) -> None:
        found = _ARN.fullmatch(arn)
        if found is None:
            raise RefusedError(
                "a recipient of backups is no key of AWS KMS",
                cause=f"what is written after `{SCHEME}:` is not the ARN of a key or an alias",
                mend=f"write {SCHEME}:arn:aws:kms:REGION:ACCOUNT:key/ID, or alias/NAME at its end",
                code="recipient",
            )
        if find_spec("boto3") is None:
            raise RefusedError(
                "AWS KMS cannot be asked",
                cause="the package boto3 is not installed here",
                mend="pip install 'lastgood[aws]'",
                code="no-boto3",
            )
        self.recipient = arn
        self._region = found["region"]

    def __repr__(self) -> str:
        return f"KmsKey({self.recipient})"

    @property
    def recipients(self) -> frozenset[str]:
        """The names whose wrapped keys this opens."""
        return frozenset({self.recipient})

    def wrap(self, data_key: bytes, backup: str) -> bytes:
        """A data key that only this key opens, and only as this backup's.

        Raises:
            RefusedError: there are no credentials here (`kms-credentials`).
            RemoteError: KMS refuses, fails or does not answer (`kms-...`).
        """
        wrapped = self._asked(
            "wrapping a data key",
            lambda client: client.encrypt(
                KeyId=self.recipient, Plaintext=data_key, EncryptionContext={CONTEXT: backup}
            )["CiphertextBlob"],
        )
        return bytes(wrapped)

    def unwrap(self, wrapped: bytes, backup: str) -> bytes | None:
        """The data key; None when this key does not open it or it is another backup's.

        Raises:
            RefusedError: as `wrap`.
            RemoteError: as `wrap`.
        """
        # An alias that names another key by now still opens what its former key wrapped.
        named = {} if ":alias/" in self.recipient else {"KeyId": self.recipient}
        from botocore.exceptions import ClientError  # noqa: PLC0415 - slow, only where needed

        def opened(client: Any) -> Any:  # noqa: ANN401 - boto3 has no types
            try:
                return client.decrypt(
                    CiphertextBlob=wrapped, EncryptionContext={CONTEXT: backup}, **named
                )["Plaintext"]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in WRONG:
                    return None
                raise

        data_key = self._asked("opening a data key", opened)
        return None if data_key is None else bytes(data_key)

    def _asked(self, what: str, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - likewise
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see above

        try:
            return ask(self._client)
        except (BotoCoreError, ClientError, KeyError) as error:
            raise told(error, what, self.recipient, self._session) from None

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - likewise
        from boto3.session import Session  # noqa: PLC0415 - see above
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see above

        try:
            return Session()
        except BotoCoreError as error:  # AWS_PROFILE names none
            raise unusable(self.recipient, str(error)) from None

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - likewise
        from botocore.config import Config  # noqa: PLC0415 - see above

        limits = Config(
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
        )
        try:
            return self._session.client(
                "kms",
                region_name=self._region,
                endpoint_url=os.environ.get(ENDPOINT) or None,
                config=limits,
            )
        except ValueError as error:  # what the variable says is no address
            raise unusable(self.recipient, f"{ENDPOINT}: {error}") from None
