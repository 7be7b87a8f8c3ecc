"""The channels for notices to people: an SNS topic, and the incoming webhook of a chat."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from reindex.domain.failures import StoreUnavailable
from reindex.stores.aws import USER_AGENT, unavailable

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

#: Seconds for each attempt at a webhook, and attempts in all.
_SECONDS: Final = 5.0
_ATTEMPTS: Final = 3

#: Answers after which another attempt may help: throttled, or the chat's own fault.
_PASSING: Final = (429, 500, 502, 503, 504)

_SUCCESS = range(200, 300)


class SnsTopic:
    """An SNS topic.

    Args:
        client: Of SNS.
        arn: The topic's.
    """

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    @unavailable("SNS")
    def publish(self, subject: str, text: str) -> None:
        """Send a text to all subscribers.

        Raises:
            StoreUnavailable: SNS does not take it.
        """
        self._client.publish(TopicArn=self._arn, Subject=subject, Message=text)


class ChatWebhook:
    """The incoming webhook of a chat: Slack, Mattermost, Google Chat and Teams take this form.

    https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

    Args:
        read_url: Reads the webhook's URL, which is a secret: anyone who knows it can post.
    """

    def __init__(self, read_url: Callable[[], str]) -> None:
        self._read_url = read_url
        self._pool = PoolManager(
            timeout=Timeout(_SECONDS),
            retries=Retry(
                _ATTEMPTS - 1,
                status_forcelist=_PASSING,
                allowed_methods=None,
                backoff_factor=0.5,
                raise_on_status=False,
            ),
        )

    def post(self, text: str) -> None:
        """Post a text.

        Raises:
            StoreUnavailable: The chat does not take it, or there is no URL to post to.
        """
        url = self._read_url().strip()
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise StoreUnavailable("the secret of the chat's webhook is no URL")
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        body = json.dumps({"text": text})
        try:
            answer = self._pool.request("POST", url, body=body, headers=headers, redirect=False)
        except HTTPError as error:
            # Its text would name the URL.
            raise StoreUnavailable(
                f"the chat at {parts.hostname} cannot be reached: {type(error).__name__}"
            ) from None
        if answer.status not in _SUCCESS:
            raise StoreUnavailable(f"the chat at {parts.hostname} answered {answer.status}")
