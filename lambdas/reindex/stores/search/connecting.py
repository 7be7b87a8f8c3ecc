"""Connecting to Elasticsearch."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from elastic_transport.client_utils import url_to_node_config
from elasticsearch import Elasticsearch

from reindex import settings
from reindex.domain.failures import IndexMisconfigured

#: Seconds a request may take. Longer than the server's own patience with a bulk (1 min by
#: default, for a shard to come back) would only hold a worker that can do nothing else.
REQUEST_SECONDS = 30.0

#: Documents may be nested a thousand deep. Python gives up reading an answer that is nested as deep
#: as its recursion limit, by default a thousand too, with all documents that are in it. Recursion
#: of this depth fits a thread's smallest usual stack, 512 KB.
_RECURSION_LIMIT = 2_500


def connect(
    place: settings.Elasticsearch,
    secret: Mapping[str, str] | None,
    *,
    request_seconds: float = REQUEST_SECONDS,
) -> Elasticsearch:
    """Make a client of the cluster; nothing is sent yet.

    The client never repeats a request by itself: a bulk that was in fact written would, sent
    again, conflict with its own guards.

    The recursion limit of the whole process is raised, so that an answer can be read however deep
    its documents are nested.

    Args:
        place: Where the cluster is. A URL without a port means its scheme's own.
        secret: ``username`` and ``password``, or ``api_key``; optionally ``ca``, the PEM text of
            a private certificate authority, which is then the only one trusted.
        request_seconds: How long one request may take.

    Raises:
        IndexMisconfigured: A URL or the authority cannot be read, or the secret holds neither
            an API key nor a name and password.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION_LIMIT))
    secret = secret or {}
    try:
        trust = ssl.create_default_context(cadata=secret.get("ca"))
        nodes = [
            url_to_node_config(url.strip(), use_default_ports_for_scheme=True)
            for url in place.elasticsearch_url.split(",")
            if url.strip()
        ]
    except (ValueError, ssl.SSLError) as error:
        raise IndexMisconfigured(f"The cluster's URL or authority is of no use: {error}") from error
    return Elasticsearch(
        [n.replace(ssl_context=trust) if n.scheme == "https" else n for n in nodes],
        **_credentials(secret),
        request_timeout=request_seconds,
        max_retries=0,
        retry_on_timeout=False,
        retry_on_status=(),
    )


def _credentials(secret: Mapping[str, str]) -> dict[str, Any]:
    if not secret.keys() - {"ca"}:
        return {}
    if "api_key" in secret:
        return {"api_key": secret["api_key"]}
    try:
        return {"basic_auth": (secret["username"], secret["password"])}
    except KeyError as error:
        raise IndexMisconfigured(
            f"The Elasticsearch secret holds no api_key and no {error.args[0]}."
        ) from None


def read_secret(text: str) -> Mapping[str, str]:
    """Read the text of a secret, as :func:`connect` wants it.

    Raises:
        IndexMisconfigured: It is no JSON object, or a value in it is no text.
    """
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        # The text itself is for nobody's eyes.
        raise IndexMisconfigured("The Elasticsearch secret is no JSON object of texts.")
    return found
