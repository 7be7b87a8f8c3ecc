"""Clients of AWS services in process, and faults put between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import moto.core.models  # noqa: F401 - must hook into botocore before the session is made
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders

#: Makes clients in a fiftieth of the time that ``boto3.client`` takes under moto, which throws
#: the default session away, and with it the services' models, with every test.
SESSION = boto3.Session(
    region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
)


class Calls:
    """The calls of one operation that a client makes, and what is to go wrong with the next.

    Args:
        client: A boto3 client.
        operation: In botocore's spelling: ``GetObject``.

    Attributes:
        parameters: Of each call that went through or failed, in order, as they are sent.
    """

    def __init__(self, client: BaseClient, operation: str) -> None:
        self.parameters: list[dict[str, Any]] = []
        self._faults: list[Callable[[], tuple[AWSResponse, dict[str, Any]]]] = []
        self._edits: list[Callable[[dict[str, Any]], None]] = []
        service = client.meta.service_model.service_id.hyphenize()
        handlers: dict[str, Callable[..., Any]] = {
            "provide-client-params": self._note,
            "before-call": self._before,
            "after-call": self._after,
        }
        for event, handler in handlers.items():
            client.meta.events.register_first(f"{event}.{service}.{operation}", handler)

    def refuse(self, code: str, status: int = 400, *, times: int = 1) -> None:
        """Let the service answer the next calls with an error."""

        def answer() -> tuple[AWSResponse, dict[str, Any]]:
            error = {"Code": code, "Message": "a test wants it so"}
            metadata = {"HTTPStatusCode": status}
            return _response(status), {
                "Error": error,
                "ResponseMetadata": metadata,
            }

        self._faults += [answer] * times

    def lose(self, error: Exception, *, times: int = 1) -> None:
        """Let the next calls end in an exception of the connection."""

        def answer() -> tuple[AWSResponse, dict[str, Any]]:
            raise error

        self._faults += [answer] * times

    def answer(self, parsed: dict[str, Any]) -> None:
        """Let the next call be answered with this; the service does not see it."""
        self._faults.append(lambda: (_response(200), parsed))

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the service's next answer."""
        self._edits.append(change)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.parameters.append(params)

    def _before(self, **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        return self._faults.pop(0)() if self._faults else None

    def _after(self, parsed: dict[str, Any], **_: Any) -> None:
        if self._edits:
            self._edits.pop(0)(parsed)


def _response(status: int) -> AWSResponse:
    return AWSResponse("", status, HTTPHeaders(), None)
