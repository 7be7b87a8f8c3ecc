"""Notices: what is sent when a run ends or is held."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pytest

from reindex.composition.run import RunSteps
from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.rounds import RoundMark
from reindex.domain.states import Phase
from reindex.settings import Settings, Stage
from reindex.steps.notify import ALARM_RAISED, EXECUTION_ENDED
from tests.twins.notices import MemoryNotices
from tests.unit.steps.world import START, World


@dataclass
class Recipients:
    """A world with a topic and a chat."""

    world: World = field(default_factory=World)
    topic: MemoryNotices = field(default_factory=MemoryNotices)
    chat: MemoryNotices = field(default_factory=MemoryNotices)

    def receive(self, event: Mapping[str, Any]) -> str:
        """Handle an event; return what the topic received, empty if nothing."""
        ports = replace(
            self.world.ports,
            settings=Settings.of(Stage("PROD")),
            topic=self.topic,
            chat=self.chat,
        )
        self.topic.notices.clear()
        RunSteps(ports).notifier.handle(event)
        return "".join(self.topic.notices)


@pytest.fixture
def recipients() -> Recipients:
    return Recipients()


def ended(status: str, run_id: str = "run-1", **detail: Any) -> dict[str, Any]:
    """An event as Step Functions sends it."""
    times = {"startDate": START * 1000, "stopDate": (START + 90) * 1000}
    known = {"name": run_id, "status": status, "input": "{}", **times, **detail}
    return {"detail-type": EXECUTION_ENDED, "detail": known}


def reindexed(recipients: Recipients) -> None:
    """Let a run of five images end: three fail, two of them alike."""
    world = recipients.world
    world.add(*"abcde")
    for image_id in "ab":
        world.projector.failing[image_id] = Failure("too_many_pixels", "7 pixels")
    world.projector.failing["c"] = Failure("truncated", "it ends early")
    world.upload("abcde")
    world.reindex()


def test_a_run_that_ended_with_its_counts_and_the_largest_groups(recipients: Recipients) -> None:
    reindexed(recipients)

    text = recipients.receive(ended("SUCCEEDED"))

    assert text.startswith("image-reindex PROD: run run-1 succeeded\n")
    assert "5 images: 2 verified, 3 known_error." in text
    groups = [line for line in text.splitlines() if line.startswith("- ")]
    assert groups == [
        "- 2 images: too_many_pixels: 7 pixels",
        "- 1 image: truncated: it ends early",
    ]
    assert re.search("reindex explain [ab]$", text, re.MULTILINE)
    fingerprint = Failure("too_many_pixels", "8 pixels").fingerprint
    assert f"reindex requeue --fingerprint {fingerprint} --yes" in text
    assert "reindex report --run-id run-1" in text
    assert recipients.chat.notices == [text]


def test_of_many_groups_the_three_largest(recipients: Recipients) -> None:
    world = recipients.world
    for count, code in enumerate(("not_an_image", "truncated", "index_refused", "loader_refused")):
        ids = [f"{code}-{n}" for n in range(count + 1)]
        world.add(*ids)
        world.projector.failing |= dict.fromkeys(ids, Failure(code, code))
    world.upload(list(world.library.originals))
    world.reindex()

    text = recipients.receive(ended("SUCCEEDED"))

    assert "The largest groups" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("- ")] == [
        *("4", "3", "2"),
    ]


def test_a_run_that_failed_before_its_report_says_why(recipients: Recipients) -> None:
    recipients.world.add("a")
    recipients.world.upload("a")
    recipients.world.preflight()
    recipients.world.runs.update("run-1", {"reason": "States.HeartbeatTimeout: no tick was heard"})

    text = recipients.receive(
        ended("FAILED", error="States.HeartbeatTimeout", cause="no tick was heard")
    )

    assert "run run-1 failed after 90 s." in text.lower()
    assert "Reason: States.HeartbeatTimeout: no tick was heard" in text
    assert "reindex start" in text


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ended("FAILED", error="PreflightFailed", cause="the index is red"), "the index is red"),
        (ended("TIMED_OUT"), "ran out of time"),
        (ended("ABORTED"), "aborted"),
        (ended("FAILED", input="no JSON", error="SettingsError", cause="the input"), "the input"),
    ],
)
def test_a_run_that_left_no_trace_is_reported_by_its_execution(
    recipients: Recipients, event: dict[str, Any], expected: str
) -> None:
    assert expected in recipients.receive(event)


def test_a_run_is_reported_while_the_next_is_open(recipients: Recipients) -> None:
    reindexed(recipients)
    recipients.world.upload(["e"], name="second")
    recipients.world.preflight("run-2")

    assert "5 images: 2 verified" in recipients.receive(ended("SUCCEEDED"))


def test_the_rounds_of_a_migration_send_no_notice(recipients: Recipients) -> None:
    assert not recipients.receive(ended("SUCCEEDED", input=json.dumps({"migration": "m-1"})))
    recipients.world.add("a")
    recipients.world.upload("a")
    recipients.world.preflight()
    mark = RoundMark("m-1", "images-000001", is_partial=True)
    recipients.world.runs.update("run-1", {"migration": asdict(mark)})
    assert not recipients.receive(ended("FAILED", input=None))


def test_a_held_run_names_its_gate(recipients: Recipients) -> None:
    recipients.world = World.in_phase(Phase.INDEX, "a")
    recipients.world.runs.update("run-1", {"held_by": "the cluster is red"})
    recipients.world.clock.sleep(1900)

    text = recipients.receive({"detail-type": ALARM_RAISED, "detail": {}})

    assert "run run-1 is held" in text
    assert "no progress for 32 min" in text
    assert "Held by: the cluster is red. Phase: index." in text


def test_an_alarm_without_a_run_says_nothing(recipients: Recipients) -> None:
    assert not recipients.receive({"detail-type": ALARM_RAISED, "detail": {}})


def test_a_chat_that_does_not_answer_does_not_keep_the_topic_from_its_notice(
    recipients: Recipients,
) -> None:
    recipients.chat.problem = "the chat at chat.example answered 404"

    text = recipients.receive(ended("ABORTED"))

    assert text.endswith("This was not posted to the chat: the chat at chat.example answered 404")


def test_a_topic_that_does_not_take_it_has_the_event_again(recipients: Recipients) -> None:
    recipients.topic.problem = "SNS: Publish: Throttling"

    with pytest.raises(StoreUnavailable):
        recipients.receive(ended("ABORTED"))

    recipients.topic.problem = ""
    assert "aborted" in recipients.receive(ended("ABORTED"))
