"""How a failure to read the truth becomes the failure of the image it was read for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from reindex.failures import ReindexFailure, SourceArchived, SourceForbidden, SourceUnavailable
from reindex.stores.aws import TRANSIENT, client_config, error_code

#: Refusals that pass although their status is that of a wrong request: of the connection,
#: and of credentials or a clock about to be renewed.
_PASSING = TRANSIENT | {"ExpiredToken", "RequestExpired", "RequestTimeTooSkewed", "RequestTimeout"}


def source_config(concurrency: int) -> Config:
    """How the clients of the library's buckets and tables call.

    Less patient than others: an image that cannot be read now comes round again, and the
    projection of its whole batch has 30 s.

    Args:
        concurrency: Calls in flight at once.
    """
    return client_config(max_pool_connections=concurrency, read_timeout=5, attempts=3)


@contextmanager
def reading(service: str) -> Iterator[None]:
    """Turn what botocore raises, once its retries are spent, into the image's own failure.

    A store catches the codes that are answers (an absent object) inside.

    Args:
        service: Its name for people.

    Raises:
        SourceArchived: It is in an archive, from which it must be restored first.
        SourceForbidden: The service refuses to let us read.
        SourceUnavailable: It does not answer, or what was read has changed meanwhile.
    """
    try:
        yield
    except ClientError as error:
        raise _failure(service, error) from error
    except (BotoCoreError, HTTPError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise SourceUnavailable(f"{service} did not answer.", detail) from error


def _failure(service: str, error: ClientError) -> ReindexFailure:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = error.response.get("Error", {}).get("Message", "")
    detail = f"{error.operation_name}: {code}: {message}"
    if code == "InvalidObjectState":
        return SourceArchived("It is archived, and must be restored before it can be read.", detail)
    if status == HTTPStatus.PRECONDITION_FAILED:
        return SourceUnavailable("It changed while it was read.", detail)
    if (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or code.removesuffix("Exception") in _PASSING
    ):
        return SourceUnavailable(f"{service} did not answer.", detail)
    return SourceForbidden(f"{service} refused us.", detail)
