"""Asking the library's image loader: a real service, and everything it may answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reindex.domain.documents import MAX_DOCUMENT_BYTES
from reindex.domain.failures import (
    NoTimeLeft,
    OriginalNotFound,
    ReindexFailure,
    StoreUnavailable,
)
from reindex.settings import ImageLoader as Place
from reindex.stores import loader as loader_module
from reindex.stores.loader import HttpLoader
from reindex.time_limit import TimeLimit
from tests.local.image_loader import HEADER, KEY, ImageLoader, Reply, image_loader

Make = Callable[..., HttpLoader]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for moments where the loader does not say how long."""
    monkeypatch.setattr(loader_module, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def service() -> Iterator[ImageLoader]:
    with image_loader(lambda id_: None if id_ == "absent" else {"id": id_}) as running:
        yield running


@pytest.fixture
def make(service: ImageLoader) -> Make:
    def made(
        *, secret: Callable[[], str] | None = None, left: float | None = None, **changes: Any
    ) -> HttpLoader:
        limit = TimeLimit()
        if left is not None:
            limit.start(left)
        place = Place(
            **{
                "loader_url": service.url,
                "loader_header": HEADER,
                "loader_timeout_seconds": 1,
                **changes,
            }
        )
        return HttpLoader(place, secret or (lambda: json.dumps({"key": KEY})), time_limit=limit)

    return made


def failure(loader: HttpLoader, image_id: str = "a") -> ReindexFailure:
    with pytest.raises(ReindexFailure) as caught:
        loader.load(image_id)
    return caught.value


def test_a_document_comes_over_a_connection_that_is_kept(make: Make, service: ImageLoader) -> None:
    loader = make()
    assert [loader.load(id_) for id_ in ("a", "b", "c")] == [{"id": id_} for id_ in "abc"]
    assert service.connections == 1


def test_as_many_requests_as_are_allowed_share_as_many_connections(
    make: Make, service: ImageLoader
) -> None:
    loader = make(loader_requests=3)
    ids = [str(number) for number in range(30)]
    with ThreadPoolExecutor(loader.requests) as pool:
        assert [found["id"] for found in pool.map(loader.load, ids)] == ids
    assert service.connections <= 3
    assert service.most_at_once <= 3


@pytest.mark.parametrize(
    ("image_id", "segment"),
    [
        ("a/b?c=d#e%2F f", "a%2Fb%3Fc%3Dd%23e%252F%20f"),
        ("..", "%2E%2E"),
        ("é", "%C3%A9"),
        ("a.b", "a.b"),
        ("\r\nHost: x", "%0D%0AHost%3A%20x"),
    ],
)
def test_an_id_is_one_segment_of_the_path_whatever_is_in_it(
    make: Make, service: ImageLoader, image_id: str, segment: str
) -> None:
    assert make().load(image_id) == {"id": image_id}
    assert service.paths[-1].rpartition("/")[2] == segment


def test_an_image_that_the_loader_does_not_know_is_not_found(make: Make) -> None:
    with pytest.raises(OriginalNotFound):
        make().load("absent")


def test_a_refusal_comes_with_the_services_words_on_one_safe_line(
    make: Make, service: ImageLoader
) -> None:
    service.always["a"] = Reply(422, "no \x1b[31m image\n" + "x" * 5_000)
    found = failure(make())
    assert (found.code, found.message) == (
        "loader_refused",
        "the image loader refused the image: status 422",
    )
    assert found.detail.startswith(r"no \x1b[31m image\nxxx")
    assert len(found.detail) < 250
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(200, "<html>Please sign in</html>"), "the answer is not JSON"),
        (Reply(200, '{"id": "a", "sour'), "the answer is not JSON"),
        (Reply(200, b"\xff\xfe{}"), "the answer is not JSON"),
        (Reply(200, '{"id": NaN}'), "the answer is not JSON"),
        (Reply(200, "[" * 100_000), "the answer is not JSON"),
        (Reply(200, ""), "the answer is not JSON"),
        (Reply(200, "[]"), "the answer is not a JSON object"),
        (Reply(200, "null"), "the answer is not a JSON object"),
        (
            Reply(200, b'{"id": "' + b"x" * MAX_DOCUMENT_BYTES + b'"}'),
            "the document is larger than 10,000,000 bytes",
        ),
    ],
    ids=range(9),
)
def test_an_answer_that_is_no_document_has_its_own_code_and_does_not_affect_others(
    make: Make, service: ImageLoader, reply: Reply, message: str
) -> None:
    service.always["a"] = reply
    loader = make(loader_requests=1, loader_timeout_seconds=10)
    found = failure(loader)
    assert (found.code, found.message) == ("loader_answer", message)
    assert not found.retryable
    assert loader.load("b") == {"id": "b"}


def test_an_answer_that_breaks_off_is_asked_for_again(make: Make, service: ImageLoader) -> None:
    whole = json.dumps({"id": "a"})
    service.faults["a"] = [Reply(200, whole, sent=4)]
    loader = make(loader_requests=1)
    assert loader.load("a") == {"id": "a"}
    service.always["a"] = Reply(200, whole, sent=4)
    assert failure(loader).code == "source_unavailable"
    assert loader.load("b") == {"id": "b"}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_fails_for_a_moment_is_asked_again(
    make: Make, service: ImageLoader, status: int
) -> None:
    service.faults["a"] = [Reply(status, "later"), Reply(status, "later")]
    assert make().load("a") == {"id": "a"}
    service.always["a"] = Reply(status, "we are closed")
    found = failure(make())
    assert (found.code, found.retryable) == ("source_unavailable", True)
    assert found.detail == f"{status} we are closed"


def test_retry_after_is_honoured_by_all_within_the_time_that_is_left(
    make: Make, service: ImageLoader
) -> None:
    service.faults["a"] = [Reply(429, "", {"Retry-After": "1"})]
    loader = make()
    started = time.monotonic()
    with ThreadPoolExecutor(1) as beside:
        first = beside.submit(loader.load, "a")
        while not service.asked:
            time.sleep(0.01)
        time.sleep(0.1)
        loader.load("b")
        assert first.result() == {"id": "a"}
    assert time.monotonic() - started >= 1


def test_a_service_that_wants_to_be_left_alone_for_longer_than_there_is_time_is_not_waited_for(
    make: Make, service: ImageLoader
) -> None:
    service.always["a"] = Reply(503, "", {"Retry-After": "120"})
    loader = make(left=20)
    started = time.monotonic()
    assert "again in 120 s" in failure(loader).detail
    with pytest.raises(NoTimeLeft):
        loader.load("b")
    assert time.monotonic() - started < 2
    assert service.asked == ["a"]


@pytest.mark.parametrize(
    "reply", [Reply(200, "{}", seconds=3), Reply(200, '{"id": "a"}', drip_seconds=0.4)]
)
def test_a_service_that_is_silent_or_drips_is_not_waited_for(
    make: Make, service: ImageLoader, reply: Reply
) -> None:
    service.always["a"] = reply
    loader = make(loader_requests=1)
    started = time.monotonic()
    found = failure(loader)
    assert (found.code, found.detail) == ("source_unavailable", "nothing within 1 s")
    assert time.monotonic() - started < 2.5
    assert loader.load("b") == {"id": "b"}


def test_an_image_that_was_begun_late_is_left_for_later_and_not_charged(
    make: Make, service: ImageLoader
) -> None:
    service.always["a"] = Reply(200, "{}", seconds=6)
    with pytest.raises(NoTimeLeft):
        make(loader_timeout_seconds=25, left=3).load("a")
    with pytest.raises(NoTimeLeft):
        make(left=1).load("b")
    assert service.asked == ["a"]


def test_a_service_that_is_not_there_is_unavailable(make: Make) -> None:
    found = failure(make(loader_url="http://127.0.0.1:9/{id}"))
    assert (found.code, found.detail) == ("source_unavailable", "NewConnectionError")


def test_the_key_follows_no_redirect_to_another_host(make: Make, service: ImageLoader) -> None:
    service.always["a"] = Reply(302, "", {"Location": "http://elsewhere.example/images/a"})
    assert failure(make()).message == "the image loader redirects to another host"
    service.always["a"] = Reply(302, "", {"Location": "b"})
    assert make().load("a") == {"id": "b"}
    service.always["a"] = Reply(302, "", {"Location": "a"})
    assert failure(make()).message == "the image loader redirects without end"


def test_a_key_that_was_changed_is_read_again_and_no_image_fails_for_it(
    make: Make, service: ImageLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["old", KEY]
    reads: list[str] = []

    def read() -> str:
        reads.append(keys[min(len(reads), 1)])
        return json.dumps({"key": reads[-1]})

    monkeypatch.setattr(loader_module, "_KEY_SECONDS", -1)
    loader = make(secret=read)
    assert loader.load("a") == {"id": "a"}
    assert reads == ["old", KEY]


def test_a_key_that_stays_wrong_is_refused_and_not_read_for_each_image(
    make: Make, service: ImageLoader
) -> None:
    reads: list[str] = []

    def read() -> str:
        reads.append("wrong")
        return json.dumps({"key": "wrong"})

    loader = make(secret=read)
    for image_id in ("a", "b", "c"):
        found = failure(loader, image_id)
        assert (found.code, found.detail) == ("loader_refused", '{"errorMessage": "unknown key"}')
    assert len(reads) == 1


def test_a_secret_that_cannot_be_read_is_not_asked_for_by_each_image(make: Make) -> None:
    reads: list[str] = []

    def read() -> str:
        reads.append("read")
        raise StoreUnavailable("Secrets Manager: GetSecretValue: AccessDeniedException")

    loader = make(secret=read)
    for image_id in ("a", "b", "c"):
        with pytest.raises(StoreUnavailable, match="AccessDenied"):
            loader.load(image_id)
    assert reads == ["read"]


@pytest.mark.parametrize("secret", ["", "key", "[]", '{"key": 1}', '{"key": "a\\nb"}', "{}"])
def test_a_secret_of_another_form_is_named_and_not_shown(make: Make, secret: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"^the image loader's secret is no JSON object"):
        make(secret=lambda: secret).load("a")
