"""Elasticsearch's own client library."""

from __future__ import annotations

from typing import Any

from elastic_transport import ConnectionTimeout, TransportError
from elastic_transport.client_utils import url_to_node_config
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from reindex.domain.failures import IndexMisconfigured
from reindex.stores.search.access import Access
from reindex.stores.search.cluster import PointInTimeApi, Refusal, Request, Unanswered

_JSON = {"accept": "application/json", "content-type": "application/json"}
_LINES = {"accept": "application/json", "content-type": "application/x-ndjson"}


class ElasticsearchClient:
    """A client of Elasticsearch 8.x or 9.x."""

    point_in_time = PointInTimeApi(
        open_path="_pit",
        open_params={},
        close_path="/_pit",
        id_field="id",
        sort="_shard_doc",
        by_shard=False,
        closing=lambda opened: {"id": opened},
    )

    def __init__(self, access: Access) -> None:
        nodes = [url_to_node_config(u, use_default_ports_for_scheme=True) for u in access.urls]
        signing_in = {"authorization": access.authorization} if access.authorization else {}
        self._client = Elasticsearch(
            [n.replace(ssl_context=access.trust) if n.scheme == "https" else n for n in nodes],
            headers=signing_in,
            max_retries=0,
            retry_on_timeout=False,
            retry_on_status=(),
        )
        self._by_patience: dict[int, Elasticsearch] = {}

    def perform(self, request: Request, seconds: float) -> Any:
        """Send a request, see :meth:`reindex.stores.search.cluster.Client.perform`."""
        try:
            answer = self._patient(max(1, int(seconds))).perform_request(
                request.method,
                request.path,
                params=request.params,
                headers=_LINES if isinstance(request.body, bytes) else _JSON,
                body=request.body,
            )
        except TransportError as error:
            timed_out = isinstance(error, ConnectionTimeout)
            raise Unanswered(str(error.message), timed_out=timed_out) from error
        except UnsupportedProductError as error:
            raise IndexMisconfigured(f"The cluster is no Elasticsearch: {error}") from error
        except ApiError as error:
            raise Refusal(error.status_code, error.body, str(error.message)) from error

        return answer.body

    def _patient(self, seconds: int) -> Elasticsearch:
        """Return the client with a time-out, which shares the connections.

        It is cached, because each new one checks the product again at its first answer.
        """
        if seconds not in self._by_patience:
            self._by_patience[seconds] = self._client.options(request_timeout=seconds)
        return self._by_patience[seconds]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
