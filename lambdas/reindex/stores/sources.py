"""Clients for the truth, and the conversion of their errors to failures of images."""

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

#: Transient errors, although some have the status of a wrong request: of the connection, or of
#: credentials or a clock that will be renewed.
_PASSING = TRANSIENT | {"ExpiredToken", "RequestExpired", "RequestTimeTooSkewed", "RequestTimeout"}


def source_config(concurrency: int) -> Config:
    """Return the configuration of the clients of the library's buckets and tables.

    Its time-outs are shorter than others: an image that cannot be read is retried later, and the
    projection of a whole batch has 30 s.

    Args:
        concurrency: Concurrent calls.
    """
    config = client_config(max_pool_connections=concurrency, read_timeout=5, attempts=3)
    # S3 returns no checksum for a range of an object, and nearly all reads are ranges.
    return config.merge(Config(response_checksum_validation="when_required"))


def source_session() -> boto3.Session:
    """Return a session for these clients, with a fast parser for times.

    Every object that is read or listed has a time. botocore's own parser accepts any form of time;
    it takes a tenth of the processor time of a call, and two thirds of that of a listing.
    """
    session = botocore.session.get_session()
    parsers: ResponseParserFactory = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_time)
    return boto3.Session(botocore_session=session)


def _time(value: str) -> datetime:
    """Parse a time in S3's two forms, of listings and of headers; any other as botocore does."""
    try:
        is_iso = value[:1].isdigit()
        return datetime.fromisoformat(value) if is_iso else parsedate_to_datetime(value)
    except (TypeError, ValueError):
        found: datetime = parse_timestamp(value)
        return found


@contextmanager
def reading(service: str) -> Iterator[None]:
    """Convert the exceptions that botocore raises after its retries to failures of the image.

    Codes that are results (an absent object) must be caught inside the block.

    Args:
        service: Its name in messages.

    Raises:
        SourceArchived: The object is in an archive, from which it must be restored first.
        SourceForbidden: The service denies access.
        SourceUnavailable: It does not answer, or the object changed while it was read.
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
