"""This machine's own address: free ports, and HTTP that no proxy setting can divert."""

import json
import socket
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ADDRESS: Final = "127.0.0.1"

_opener = build_opener(ProxyHandler({}))


def free_port() -> int:
    """A TCP port that nothing listens on now.

    Another process may take it before the caller does; the server then fails to start and says so.
    """
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def url(port: int) -> str:
    """The base URL of a server on this machine, without a trailing slash."""
    return f"http://{ADDRESS}:{port}"


def status(address: str, *, seconds: float = 2) -> int | None:
    """The HTTP status that a GET of `address` is answered with; None if nothing answers.

    Args:
        address: A full URL.
        seconds: How long one answer may take.
    """
    try:
        with _opener.open(address, timeout=seconds) as response:
            code: int = response.status
            return code
    except HTTPError as error:
        return error.code
    except OSError:
        return None


def send(method: str, address: str, body: object = None) -> Any:
    """Sends a request with a JSON body and returns the JSON of the answer.

    Raises:
        urllib.error.HTTPError: The answer's status was not 2xx.
        OSError: Nothing answered.
    """
    data = None if body is None else json.dumps(body).encode()
    request = Request(
        address, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    with _opener.open(request, timeout=60) as response:
        return json.load(response)
