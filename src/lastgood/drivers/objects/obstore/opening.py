"""Makes obstore's own store from our options."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.store import AzureStore, GCSStore, S3Store

from lastgood.config.options import Secret

if TYPE_CHECKING:
    from lastgood.drivers.objects.obstore.options import ObstoreOptions

FIRST_PAUSE = timedelta(milliseconds=200)
LONGEST_PAUSE = timedelta(seconds=10)


def opened(options: ObstoreOptions) -> S3Store | GCSStore | AzureStore:
    """The store; credentials that are not given come from the environment."""
    common: Any = {
        "prefix": options.folder or None,
        "client_options": _client(options),
        "retry_config": _retries(options),
    }
    if options.scheme == "s3":
        return S3Store(options.bucket, config=_s3(options), **common)
    if options.scheme == "gs":
        return GCSStore(options.bucket, config=_google(options), **common)
    return AzureStore(options.bucket, config=_azure(options), **common)


def _client(options: ObstoreOptions) -> dict[str, Any]:
    plain = options.endpoint is not None and options.endpoint.startswith("http://")
    return {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=options.connect_timeout),
        "timeout": timedelta(seconds=options.timeout),
    }


def _retries(options: ObstoreOptions) -> dict[str, Any]:
    return {
        "max_retries": options.retries,
        "retry_timeout": timedelta(seconds=options.retry_for),
        "backoff": {"init_backoff": FIRST_PAUSE, "max_backoff": LONGEST_PAUSE, "base": 2},
    }


def _s3(options: ObstoreOptions) -> Any:  # noqa: ANN401 - obstore's type is not there at run time
    return _given(
        endpoint=options.endpoint,
        region=options.region,
        access_key_id=options.access_key_id,
        secret_access_key=options.secret_access_key,
        session_token=options.session_token,
    )


def _google(options: ObstoreOptions) -> Any:  # noqa: ANN401 - likewise
    account = options.service_account
    return _given(
        base_url=options.endpoint, service_account=None if account is None else str(account)
    )


def _azure(options: ObstoreOptions) -> Any:  # noqa: ANN401 - likewise
    return _given(
        endpoint=options.endpoint,
        account_name=options.account,
        account_key=options.account_key,
    )


def _given(**settings: str | Secret | None) -> dict[str, str]:
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in settings.items()
        if value is not None
    }
