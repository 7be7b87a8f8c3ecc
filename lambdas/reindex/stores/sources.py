"""How a failure to read the truth becomes the failure of the image it was read for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserFactory
from botocore.utils import parse_timestamp
from urllib3.exceptions import HTTPError

from reindex.domain.failures import (
    ReindexFailure,
    SourceArchived,
    SourceForbidden,
    SourceUnavailable,
)
from reindex.stores.aws import TRANSIENT, client_config, error_code

#: Storage classes from which an object must be restored before it can be read. An object in an
#: archive tier of Intelligent-Tiering is listed as any other.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html
ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

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
    config = client_config(max_pool_connections=concurrency, read_timeout=5, attempts=3)
    # S3 gives no checksum of a part of an object, and little else is read.
    return config.merge(Config(response_checksum_validation="when_required"))


def source_session() -> boto3.Session:
    """Return a session for these clients: one that reads times quickly.

    Every object that is read or listed has one. botocore's parser, which accepts any form of time,
    takes a tenth of a call for it, and two thirds of a listing.
    """
    session = botocore.session.get_session()
    parsers: ResponseParserFactory = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(botocore_session=session)


def _time(value: str) -> datetime:
    """Read a time in either form that S3 writes, in a listing or in a header; else as botocore."""
    try:
        is_iso = value[:1].isdigit()
        return datetime.fromisoformat(value) if is_iso else parsedate_to_datetime(value)
    except (TypeError, ValueError):
        found: datetime = parse_timestamp(value)
        return found


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
