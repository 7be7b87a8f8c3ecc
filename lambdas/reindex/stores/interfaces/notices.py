"""The channels for notices to people."""

from __future__ import annotations

from typing import Protocol


class NoticeTopic(Protocol):
    """The topic that people subscribe to."""

    def publish(self, subject: str, text: str) -> None:
        """Send a text to all subscribers.

        Args:
            subject: At most 100 ASCII characters.
            text: At most 256 KB.

        Raises:
            StoreUnavailable: The topic does not accept it.
        """
        ...


class Chat(Protocol):
    """A channel of a chat."""

    def post(self, text: str) -> None:
        """Post a text.

        Raises:
            StoreUnavailable: The chat does not accept it; the message says why.
        """
        ...
