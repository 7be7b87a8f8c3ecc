"""Decides which requests the desk answers: those of its own pages, on this machine.

A page of any other site can send requests to 127.0.0.1, and a name of such a site may be made to
resolve to it (DNS rebinding). So a request must name our own host, carry the token that is part
of the desk's address, and not come from another origin.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from werkzeug.wrappers import Request

#: The only address that the desk listens on.
LOOPBACK: Final = "127.0.0.1"

#: Sources of a request, as the browser itself names them, that may read; ``none`` is an address
#: that the operator opened. https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
_OWN: Final = frozenset({"same-origin", "none"})

#: Headers of every response. Scripts, styles, pictures and requests are the desk's own, and never
#: inline; no page may frame it; nothing is stored; other sites are not sent its address.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Judges requests.

    Attributes:
        token: Part of the desk's address, and of every request.
        port: That the desk listens on.
    """

    token: str
    port: int

    @property
    def address(self) -> str:
        """The URL of the desk."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    def refusal(self, request: Request) -> str | None:
        """Return why a request is refused; None for one that is not.

        Args:
            request: The request. One that may change something must come from our own page; one
                that opens the page may come from anywhere, such as a file with a link to it.
        """
        hosts = {f"{LOOPBACK}:{self.port}", f"localhost:{self.port}"}
        if request.headers.get("Host", "") not in hosts:
            return "this is not the host that the request names"
        given = request.path.split("/")[1]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return "the address lacks the token: open the one that reindex desk printed"
        origin = request.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            return "the request comes from another site"
        is_read = request.method in {"GET", "HEAD"}
        if not is_read and origin is None:
            return "the request does not say which page it comes from"
        source = request.headers.get("Sec-Fetch-Site", "none")
        is_opened = is_read and request.headers.get("Sec-Fetch-Mode") == "navigate"
        return None if source in _OWN or is_opened else "the request comes from another site"
