"""The cluster's URLs, and the credentials of requests to it."""

from __future__ import annotations

import json
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from reindex import settings
from reindex.domain.failures import IndexMisconfigured

_DOMAIN = re.compile(r"arn:aws[\w-]*:es:(?P<region>[a-z0-9-]+):\d{12}:domain/[a-z0-9-]+")

#: The hosts of collections of Amazon OpenSearch Serverless.
_SERVERLESS = re.compile(r"\.aoss(-fips)?\.([a-z0-9-]+\.on\.aws|amazonaws\.com(\.cn)?)$")


@dataclass(frozen=True, slots=True)
class Access:
    """URLs, certificate authorities and credentials for a client of the cluster.

    Attributes:
        urls: Of its nodes.
        trust: The certificate authorities that are trusted.
        authorization: The ``Authorization`` header; None without credentials, or if requests are
            signed.
        signing_region: Region of Amazon OpenSearch Service for which requests are signed with the
            credentials of this process; None for no signature.
        has_api_key: True if the header has an API key.
    """

    urls: Sequence[str]
    trust: ssl.SSLContext
    authorization: str | None = None
    signing_region: str | None = None
    has_api_key: bool = False


def access(place: settings.Cluster, secret: Mapping[str, str] | None) -> Access:
    """Parse the settings and the secret.

    Args:
        place: The settings. A URL without a port has its scheme's default.
        secret: ``username`` and ``password``, or ``api_key``; optionally ``ca``, the PEM text of
            a private certificate authority, which is then the only one trusted.

    Raises:
        IndexMisconfigured: A URL, the authority or the domain's ARN cannot be read, the secret
            holds neither an API key nor a name and password, or the URL is of OpenSearch
            Serverless.
    """
    secret = secret or {}
    urls = place.urls
    try:
        trust = ssl.create_default_context(cadata=secret.get("ca"))
        hosts = [_host(url) for url in urls]
        if not urls:
            raise ValueError("there is no URL")  # noqa: TRY301 - one more that is of no use
    except (ValueError, ssl.SSLError) as error:
        raise IndexMisconfigured(f"The cluster's URL or authority is of no use: {error}") from error
    if any(_SERVERLESS.search(host) for host in hosts):
        raise IndexMisconfigured(
            "OpenSearch Serverless is not supported: it has no cluster health and no _refresh, "
            "and does not promise that a multi-get sees the last write, nor that a write under "
            "if_seq_no is refused when the document has changed. See docs/security.md."
        )
    authorization = _authorization(secret)
    region = None
    if place.domain and not authorization:
        domain = _DOMAIN.fullmatch(place.domain)
        if not domain:
            raise IndexMisconfigured(f"{place.domain} is no ARN of an OpenSearch domain.")
        region = domain["region"]
    return Access(urls, trust, authorization, region, has_api_key="api_key" in secret)


def read_secret(text: str) -> Mapping[str, str]:
    """Parse the text of a secret for :func:`access`.

    Raises:
        IndexMisconfigured: It is not a JSON object, or a value in it is not a string.
    """
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        # The message must not contain the secret's text.
        raise IndexMisconfigured("The cluster's secret is no JSON object of texts.")
    return found


def _authorization(secret: Mapping[str, str]) -> str | None:
    """Return the ``Authorization`` header; None if the secret has no credentials."""
    if not secret.keys() - {"ca"}:
        return None
    if "api_key" in secret:
        return f"ApiKey {secret['api_key']}"
    try:
        pair = f"{secret['username']}:{secret['password']}"
    except KeyError as error:
        raise IndexMisconfigured(
            f"The cluster's secret holds no api_key and no {error.args[0]}."
        ) from None
    return f"Basic {b64encode(pair.encode()).decode()}"


def _host(url: str) -> str:
    """Return the host of a URL.

    Raises:
        ValueError: It is not a URL of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url} is no http(s) URL")
    _ = parts.port  # raises when it is not a number
    return parts.hostname
