"""A search server, as the tests see it."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.error import HTTPError

from reindex import settings
from reindex.stores.search.cluster import REQUEST_SECONDS, SearchCluster
from reindex.stores.search.connecting import connect
from tests.local import loopback

#: Seconds that a node may take to recover the cluster's state after it first answers.
_START_SECONDS = 60.0


@dataclass(frozen=True)
class IndexServer:
    """A server that speaks Elasticsearch's API.

    Attributes:
        name: Which one it is: `noida`, `elasticsearch`, `opensearch` or `given`.
        url: Its base URL.
        has_analysis_common: Whether it knows the analysis pieces that our mapping's two analysers
            are made of (stemmer, asciifolding, path_hierarchy). A mapping meant for a server
            without them uses `standard` in their place.
    """

    name: str
    url: str
    has_analysis_common: bool

    @classmethod
    def at(cls, url: str, name: str) -> "IndexServer":
        """Asks the server at `url` what it has.

        Raises:
            OSError: It does not answer, or answers with an unexpected error.
        """
        asked = {"tokenizer": "path_hierarchy", "text": "a/b"}
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                loopback.send("POST", f"{url}/_analyze", asked)
            except HTTPError as error:
                # On a busy machine, a node answers before it has recovered the cluster's state.
                is_starting = error.code == HTTPStatus.SERVICE_UNAVAILABLE
                if is_starting and time.monotonic() < until:
                    time.sleep(0.5)
                    continue
                if error.code != HTTPStatus.BAD_REQUEST:
                    raise
                return cls(name, url, has_analysis_common=False)
            return cls(name, url, has_analysis_common=True)

    def cluster(self, *, request_seconds: float = REQUEST_SECONDS) -> SearchCluster:
        """Connects as the lambdas do."""
        place = settings.Cluster(self.url)
        return connect(place, None, request_seconds=request_seconds)
