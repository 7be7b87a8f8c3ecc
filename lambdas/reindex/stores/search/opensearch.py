"""OpenSearch's own client library."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import boto3
from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import ConnectionTimeout, SerializationError, TransportError

from reindex.domain.failures import IndexMisconfigured
from reindex.stores.search.access import Access
from reindex.stores.search.cluster import PointInTimeApi, Refusal, Request, Unanswered

_LINES = {"content-type": "application/x-ndjson"}

#: Connections to a node that are kept open; further concurrent requests open their own.
_CONNECTIONS = 10

#: The name of Amazon OpenSearch Service in signatures.
_SERVICE = "es"


class OpenSearchClient:
    """A client of OpenSearch 2.x or 3.x."""

    #: A sequence number is unique within one shard. ``_shard_doc``, which is unique across shards,
    #: exists only since 3.3.
    point_in_time = PointInTimeApi(
        open_path="_search/point_in_time",
        # Otherwise the documents of a shard that does not answer would be left out.
        open_params={"allow_partial_pit_creation": "false"},
        close_path="/_search/point_in_time",
        id_field="pit_id",
        sort="_seq_no",
        by_shard=True,
        closing=lambda opened: {"pit_id": [opened]},
    )

    def __init__(self, access: Access) -> None:
        if access.has_api_key:
            raise IndexMisconfigured(
                "OpenSearch has no API keys: give the secret a username and a password."
            )
        # The library logs a warning for each error, which the caller handles.
        logging.getLogger("opensearch").setLevel(logging.ERROR)
        signature = None
        if access.signing_region:
            credentials = boto3.Session().get_credentials()
            if credentials is None:
                raise IndexMisconfigured("There are no AWS credentials to sign requests with.")
            signature = Urllib3AWSV4SignerAuth(credentials, access.signing_region, _SERVICE)
        self._transport = OpenSearch(
            [_host(url) for url in access.urls],
            headers={"authorization": access.authorization} if access.authorization else {},
            http_auth=signature,
            ssl_context=access.trust,
            pool_maxsize=_CONNECTIONS,
            max_retries=0,
            retry_on_timeout=False,
            retry_on_status=(),
        ).transport

    def perform(self, request: Request, seconds: float) -> Any:
        """Send a request, see :meth:`reindex.stores.search.cluster.Client.perform`."""
        try:
            return self._transport.perform_request(
                request.method,
                request.path,
                params=dict(request.params),
                body=request.body,
                timeout=seconds,
                headers=_LINES if isinstance(request.body, bytes) else None,
            )
        except NoConnection as error:
            timed_out = isinstance(error, ConnectionTimeout)
            raise Unanswered(str(error), timed_out=timed_out) from error
        except SerializationError as error:
            raise Unanswered(f"the answer is not JSON: {error}") from error
        except TransportError as error:
            raise Refusal(int(error.status_code), error.info, str(error.error)) from error

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _host(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return {
        "host": parts.hostname,
        "port": parts.port or (443 if secure else 80),
        "use_ssl": secure,
        "url_prefix": parts.path.strip("/"),
    }
