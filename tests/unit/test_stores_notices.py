"""Posting to a chat's webhook: a real service, and what it may answer. And publishing to SNS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws
from urllib3 import Retry

from reindex.domain.failures import StoreUnavailable
from reindex.stores.notices import ChatWebhook, SnsTopic
from tests.local import loopback
from tests.local.chat import Chat, chat
from tests.unit.aws import SESSION


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retry, "DEFAULT_BACKOFF_MAX", 0.01)


@pytest.fixture
def service() -> Iterator[Chat]:
    with chat() as running:
        yield running


def test_it_posts_the_text_as_chats_take_it(service: Chat) -> None:
    ChatWebhook(lambda: f"{service.url}\n").post("a run ended \u2713")

    assert service.posted == [{"text": "a run ended \u2713"}]


def test_it_asks_again_when_that_may_help(service: Chat) -> None:
    service.refusals = [503, 429]

    ChatWebhook(lambda: service.url).post("text")

    assert service.requests == 3
    assert len(service.posted) == 1


@pytest.mark.parametrize("status", [404, 410, 302])
def test_a_refusal_names_the_host_and_not_the_secret(service: Chat, status: int) -> None:
    service.refusals = [status]

    with pytest.raises(StoreUnavailable, match=f"answered {status}") as caught:
        ChatWebhook(lambda: service.url).post("text")

    assert loopback.ADDRESS in str(caught.value)
    assert "a-secret" not in str(caught.value)
    assert service.requests == 1


def test_a_chat_that_is_not_there_is_named_without_its_secret() -> None:
    url = f"{loopback.url(loopback.free_port())}/services/a-secret"

    with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
        ChatWebhook(lambda: url).post("text")

    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "no URL", "ftp://chat.example/x", '{"url": "https://x"}'])
def test_a_secret_that_is_no_url_is_not_shown(text: str) -> None:
    with pytest.raises(StoreUnavailable, match="is no URL"):
        ChatWebhook(lambda: text).post("text")


@mock_aws
def test_a_topic_that_is_not_there() -> None:
    topic = SnsTopic(SESSION.client("sns"), "arn:aws:sns:us-east-1:123456789012:gone")

    with pytest.raises(StoreUnavailable, match="SNS: Publish: NotFound"):
        topic.publish("subject", "text")
