"""The desk as a server on this machine's loopback address."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from .access import LOOPBACK, Access
from .app import DeskApp
from .desk import Desk


class _Silent(WSGIRequestHandler):
    """Handles requests, and logs none: their paths hold the token."""

    # Keeps a connection for the requests of a page.
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing."""


@dataclass(frozen=True, slots=True)
class DeskServer:
    """A desk that listens.

    Attributes:
        address: Its URL, which holds the token.
        server: Serves it.
    """

    address: str
    server: BaseWSGIServer


@contextmanager
def listening(desk: Desk, port: int) -> Iterator[DeskServer]:
    """Listen for the time of a ``with`` block; the block calls ``server.serve_forever``.

    Args:
        desk: What is served.
        port: To listen on; 0 for any that is free.

    Raises:
        OSError: The port is in use.
    """
    with socket.create_server((LOOPBACK, port)) as listener:
        access = Access(secrets.token_urlsafe(24), listener.getsockname()[1])
        server = make_server(
            LOOPBACK,
            access.port,
            DeskApp(desk, access),
            threaded=True,
            request_handler=_Silent,
            fd=listener.fileno(),
        )
        try:
            yield DeskServer(access.address, server)
        finally:
            server.server_close()
