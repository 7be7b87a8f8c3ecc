"""The verdicts of ``reindex explain`` and of the desk on a deployed stack with planted faults.

The tests share one deployment. Each takes images of its own, and leaves all others searchable.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reindex.domain.audit_classes import ImageClass
from reindex.domain.states import Phase, State
from reindex.repairs.image_verdict.verdicts import Cause
from reindex.settings import LibrarySettings, Queue
from tests.chaos.index_faults import IndexFaults, index_faults
from tests.e2e.desk import ServedDesk, served_desk
from tests.e2e.runs import eventually, record, run, upload
from tests.local import loopback
from tests.local.faults import microburst
from tests.local.fill import original_key
from tests.local.index_server import IndexServer
from tests.local.noida import index_server
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e

#: Seconds that the command waits for answers: this machine may be busy.
_WAIT = "100"

#: More messages than any other test here has at a time.
_MAX_BACKLOG = 40


@pytest.fixture(scope="module")
def server() -> Iterator[IndexServer]:
    with index_server() as running:
        yield running


@pytest.fixture(scope="module")
def index(server: IndexServer) -> Iterator[IndexFaults]:
    with index_faults(server.url, Random(1)) as running:
        yield running


@pytest.fixture(scope="module")
def stack(server: IndexServer, index: IndexFaults) -> Iterator[LocalStack]:
    tuning = {"max_backlog": _MAX_BACKLOG}
    with local_stack(replace(server, url=index.url), tuning=tuning) as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


@pytest.fixture(scope="module")
def library(stack: LocalStack) -> SampleLibrary:
    made = SampleLibrary.generate(36)
    stack.fill(made)
    return made


@pytest.fixture(scope="module")
def sound(library: SampleLibrary) -> list[str]:
    return [
        image.id
        for image in library.images
        if image.ending.state is State.VERIFIED and image.thumbnail
    ]


@pytest.fixture(scope="module")
def ids(stack: LocalStack, sound: list[str]) -> Iterator[str]:
    """Ids of verified images: each that is taken is taken once. The last one is never uploaded."""
    upload(stack, sound[:-1])
    run(stack)
    return iter(sound[:-1])


def explain(stack: LocalStack, image_id: str, cause: Cause) -> dict[str, Any]:
    """Have an image explained; it must be for that cause."""
    done = stack.reindex("explain", image_id, "--json", "--wait", _WAIT)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["fine"] else 1), done.stderr
    assert found["events"] == sorted(found["events"], key=lambda event: str(event["at"]))
    assert found["cause"] == cause, done.stdout
    return found


def desk_of(stack: LocalStack) -> AbstractContextManager[ServedDesk]:
    """Run the desk of a stack."""
    return served_desk(Path(sys.executable).with_name("reindex"), stack.environ)


@pytest.fixture(scope="module")
def desk(stack: LocalStack) -> Iterator[ServedDesk]:
    with desk_of(stack) as running:
        yield running


def says_the_same(desk: ServedDesk, image_id: str, found: dict[str, Any]) -> None:
    """Hold the desk to what the verb has said of an image."""

    def agrees() -> bool:
        html = desk.explain(image_id)
        return found["sentence"] in html and found["command"] in html

    # It waits for answers for less time than the verb does here.
    eventually(agrees, found["sentence"])


def delete_document(stack: LocalStack, server: IndexServer, image_id: str) -> None:
    """Delete a document as another program would: not through the proxy."""
    loopback.send("DELETE", f"{server.url}/{stack.alias}/_doc/{image_id}?refresh=true")


def obey(stack: LocalStack, found: dict[str, Any]) -> None:
    """Run the command that an explanation ends with."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**stack.environ, "PATH": path}
    subprocess.run(["bash", "-c", found["command"]], env=environ, check=True)


def test_a_searchable_image(stack: LocalStack, desk: ServedDesk, ids: Iterator[str]) -> None:
    image_id = next(ids)
    found = explain(stack, image_id, Cause.SEARCHABLE)
    says_the_same(desk, image_id, found)
    assert [fact for fact in found["facts"] if not fact["fine"]] == []
    sources = {event["source"] for event in found["events"]}
    assert sources >= {"original", "progress table", "run", "index", "user data"}


def test_an_id_that_was_never_uploaded(
    stack: LocalStack, ids: Iterator[str], sound: list[str]
) -> None:
    next(ids)
    found = explain(stack, sound[-1], Cause.NEVER_UPLOADED)

    obey(stack, found)

    explain(stack, sound[-1], Cause.SEARCHABLE)


def test_a_stale_document_and_the_command_that_mends_it(
    stack: LocalStack, desk: ServedDesk, ids: Iterator[str]
) -> None:
    image_id = next(ids)
    stack.client("dynamodb").update_item(
        TableName=stack.settings[LibrarySettings].edits_table,
        Key={"id": {"S": image_id}},
        UpdateExpression="SET #labels = :labels",
        ExpressionAttributeNames={"#labels": "labels"},
        ExpressionAttributeValues={":labels": {"SS": ["front page"]}},
    )
    found = explain(stack, image_id, Cause.STALE)
    assert "userMetadata" in found["sentence"]
    says_the_same(desk, image_id, found)

    obey(stack, found)

    explain(stack, image_id, Cause.SEARCHABLE)


def test_a_deleted_original_and_an_orphan(
    stack: LocalStack, server: IndexServer, desk: ServedDesk, ids: Iterator[str]
) -> None:
    bucket = stack.settings[LibrarySettings].originals_bucket
    deleted, orphan = next(ids), next(ids)
    for image_id in (deleted, orphan):
        stack.client("s3").delete_object(Bucket=bucket, Key=original_key(image_id))
    delete_document(stack, server, deleted)

    says_the_same(desk, deleted, explain(stack, deleted, Cause.ORIGINAL_DELETED))
    says_the_same(desk, orphan, explain(stack, orphan, Cause.ORPHAN))


def test_a_forbidden_key(stack: LocalStack, ids: Iterator[str]) -> None:
    image_id = next(ids)
    with microburst(stack.endpoint_url) as between:
        refusal = {"error": {"code": "AccessDenied", "status": 403}}
        between.set_rules(
            [{"service": "s3", "operation": o, **refusal} for o in ("GetObject", "HeadObject")]
        )
        refused = replace(stack, endpoint_url=between.url)
        found = explain(refused, image_id, Cause.FORBIDDEN)
        with desk_of(refused) as desk:
            says_the_same(desk, image_id, found)
    assert "refuse" in found["sentence"]


def test_a_document_that_the_mapping_refuses_and_the_command_once_it_is_mended(
    stack: LocalStack,
    server: IndexServer,
    index: IndexFaults,
    desk: ServedDesk,
    ids: Iterator[str],
) -> None:
    image_id = next(ids)
    delete_document(stack, server, image_id)
    explain(stack, image_id, Cause.DOCUMENT_LOST)
    index.refused_ids.add(image_id)
    upload(stack, [image_id])
    run(stack)
    found = explain(stack, image_id, Cause.INDEX_REFUSES)
    assert "document_parsing_exception" in found["sentence"]
    failures = desk.panel("failures")
    assert "index_refused" in failures
    assert f'data-explain="{image_id}"' in failures

    index.refused_ids.clear()
    obey(stack, found)

    explain(stack, image_id, Cause.SEARCHABLE)


@contextmanager
def run_that_waits(stack: LocalStack, server: IndexServer, ids: list[str]) -> Iterator[None]:
    """A run whose messages are not consumed, over images whose documents are gone."""
    for image_id in ids:
        delete_document(stack, server, image_id)
    upload(stack, ids)
    with stack.indexer_stopped():
        started = stack.reindex("start")
        assert started.returncode == 0, started.stderr
        eventually(lambda: record(stack).phase is Phase.CHECK, "the check phase")
        yield


def test_what_holds_up_an_image_in_work(
    stack: LocalStack,
    server: IndexServer,
    index: IndexFaults,
    desk: ServedDesk,
    ids: Iterator[str],
) -> None:
    waiting, poison = next(ids), next(ids)
    with run_that_waits(stack, server, [waiting, poison]):
        explain(stack, waiting, Cause.INDEXER_OFF)

        set_aside(stack, poison)
        says_the_same(desk, poison, explain(stack, poison, Cause.DEAD_LETTER))
        eventually(
            lambda: "The dead-letter queue holds 1 message." in desk.panel("run"),
            "the desk shows the dead letter",
        )

        paused = stack.reindex("pause")
        assert paused.returncode == 0, paused.stderr
        found = explain(stack, waiting, Cause.RUN_PAUSED)
        eventually(lambda: "It is paused" in desk.panel("run"), "the desk shows the pause")
        obey(stack, found)

        index.is_red = True
        says_the_same(desk, waiting, explain(stack, waiting, Cause.CLUSTER_RED))
        index.is_red, index.rejects = False, True
        found = explain(stack, waiting, Cause.WRONG_SECRET)
        assert "unable to authenticate" in found["sentence"]
        says_the_same(desk, waiting, found)
        index.rejects = False

        obey(stack, explain(stack, poison, Cause.DEAD_LETTER))
    eventually(lambda: not record(stack).is_open, "the run is over")
    for image_id in (waiting, poison):
        explain(stack, image_id, Cause.SEARCHABLE)


def test_a_full_queue(
    stack: LocalStack, server: IndexServer, desk: ServedDesk, ids: Iterator[str]
) -> None:
    first, second = next(ids), next(ids)
    url, sqs = stack.settings[Queue].reingest_queue_url, stack.client("sqs")
    with run_that_waits(stack, server, [first]):
        answer = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, WaitTimeSeconds=5)
        for _ in range(_MAX_BACKLOG):
            sqs.send_message(QueueUrl=url, MessageBody=answer["Messages"][0]["Body"])
        aborted = stack.reindex("abort")
        assert aborted.returncode == 0, aborted.stderr
        delete_document(stack, server, second)
        upload(stack, [second])
        started = stack.reindex("start")
        assert started.returncode == 0, started.stderr
        eventually(lambda: record(stack).held_by is not None, "the queue holds the run")
        # The queue is full because of that.
        found = explain(stack, second, Cause.INDEXER_OFF)
        assert f"{_MAX_BACKLOG + 1} messages" in found["sentence"]
        says_the_same(desk, second, found)
        eventually(lambda: "the backlog is full" in desk.panel("run"), "the desk shows the gate")
    eventually(lambda: not record(stack).is_open, "the run is over")
    for image_id in (first, second):
        explain(stack, image_id, Cause.SEARCHABLE)


def set_aside(stack: LocalStack, image_id: str) -> None:
    """Move an image's message to the dead letters, as the queue does after too many deliveries."""
    queues, sqs = stack.settings[Queue], stack.client("sqs")
    while True:
        answer = sqs.receive_message(
            QueueUrl=queues.reingest_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=1
        )
        for message in answer.get("Messages", []):
            if json.loads(message["Body"])["id"] == image_id:
                sqs.send_message(QueueUrl=queues.dead_letter_queue_url, MessageBody=message["Body"])
                sqs.delete_message(
                    QueueUrl=queues.reingest_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                return
        time.sleep(0.2)


@dataclass(frozen=True)
class Fault:
    """Something wrong with one image, and what is to be said of it."""

    image_id: str
    cause: Cause
    classes: frozenset[ImageClass]

    @classmethod
    def of(cls, image_id: str, cause: Cause, *classes: ImageClass) -> Fault:
        return cls(image_id, cause, frozenset(classes))


def audit(stack: LocalStack, folder: Path) -> dict[str, set[str]]:
    """Audit the stack; return the classes of each image that it found something wrong with."""
    done = stack.reindex("audit", "--json", "--lists", folder)
    assert done.stdout, done.stderr
    summary = json.loads(done.stdout)
    found: dict[str, set[str]] = {}
    for each in summary["classes"]:
        ids = (folder / f"{each['name']}.txt").read_text().splitlines()
        assert len(ids) == each["count"]
        for image_id in ids:
            found.setdefault(image_id, set()).add(each["name"])
    assert done.returncode == (1 if found else 0), done.stderr
    return found


def change_document(stack: LocalStack, server: IndexServer, image_id: str, **changes: Any) -> None:
    """Change fields of a document as another program would; None removes one."""
    place = f"{server.url}/{stack.alias}/_doc/{image_id}?refresh=true"
    document = stack.search({"ids": {"values": [image_id]}})[image_id]
    changed = {name: v for name, v in {**document, **changes}.items() if v is not None}
    loopback.send("PUT", place, changed)


def plant(stack: LocalStack, server: IndexServer, ids: Iterator[str]) -> list[Fault]:
    """Plant a fault of each kind that an image can have while no run is open."""
    library, s3 = stack.settings[LibrarySettings], stack.client("s3")
    bucket = library.originals_bucket
    deleted, orphan, lost, changed = next(ids), next(ids), next(ids), next(ids)
    thumbnail, crop, theirs = next(ids), next(ids), next(ids)
    never, nobody = "f" * 40, "0" * 40
    body = s3.get_object(Bucket=bucket, Key=original_key(thumbnail))["Body"].read()
    for image_id in (deleted, orphan):
        s3.delete_object(Bucket=bucket, Key=original_key(image_id))
    for image_id in (deleted, lost):
        delete_document(stack, server, image_id)
    change_document(stack, server, changed, uploadedBy="somebody else")
    s3.delete_object(Bucket=library.thumbnails_bucket, Key=original_key(thumbnail))
    bounds = {f"bounds-{name}": "10" for name in ("x", "y", "width", "height")}
    s3.put_object(
        Bucket=library.crops_bucket, Key=f"{crop}/10_10_10_10/10.jpg", Body=b"x", Metadata=bounds
    )
    change_document(stack, server, theirs, esInfo=None)
    s3.put_object(Bucket=bucket, Key=original_key(never), Body=body)
    s3.put_object(Bucket=library.thumbnails_bucket, Key=original_key(never), Body=body)
    stack.client("dynamodb").put_item(
        TableName=library.edits_table, Item={"id": {"S": nobody}, "archived": {"BOOL": True}}
    )
    named = ImageClass
    return [
        Fault.of(deleted, Cause.ORIGINAL_DELETED, named.UPLOADED_WITHOUT_ORIGINAL),
        Fault.of(
            orphan,
            Cause.ORPHAN,
            named.DOCUMENT_WITHOUT_ORIGINAL,
            named.UPLOADED_WITHOUT_ORIGINAL,
        ),
        Fault.of(lost, Cause.DOCUMENT_LOST, named.ORIGINAL_WITHOUT_DOCUMENT),
        Fault.of(changed, Cause.STALE, named.STALE_DOCUMENT),
        Fault.of(thumbnail, Cause.STALE, named.THUMBNAIL_MISSING),
        Fault.of(crop, Cause.STALE, named.CROP_NOT_IN_DOCUMENT),
        Fault.of(theirs, Cause.SEARCHABLE, named.DOCUMENT_OF_NO_RUN),
        Fault.of(
            never,
            Cause.NEVER_UPLOADED,
            named.NEVER_UPLOADED,
            named.ORIGINAL_WITHOUT_DOCUMENT,
        ),
        Fault.of(nobody, Cause.UNKNOWN_ID, named.ROWS_WITHOUT_ORIGINAL),
    ]


def test_what_explain_the_desk_and_the_audit_say_of_each_planted_fault(
    stack: LocalStack,
    server: IndexServer,
    index: IndexFaults,
    desk: ServedDesk,
    ids: Iterator[str],
    tmp_path: Path,
) -> None:
    before = audit(stack, tmp_path / "before")
    faults = plant(stack, server, ids)
    refused, poison, waiting = next(ids), next(ids), next(ids)
    index.refused_ids.add(refused)
    delete_document(stack, server, refused)
    upload(stack, [refused])
    run(stack)
    without = ImageClass.ORIGINAL_WITHOUT_DOCUMENT
    faults += [
        Fault.of(refused, Cause.INDEX_REFUSES, without),
        Fault.of(poison, Cause.DEAD_LETTER, without),
        Fault.of(waiting, Cause.INDEXER_OFF, without),
    ]
    with run_that_waits(stack, server, [poison, waiting]):
        set_aside(stack, poison)

        found = audit(stack, tmp_path / "after")
        for fault in faults:
            says_the_same(desk, fault.image_id, explain(stack, fault.image_id, fault.cause))
        panel = desk.panel("audit")
        assert all(f"/{name}.txt" in panel for each in faults for name in each.classes)
        obey(stack, explain(stack, poison, Cause.DEAD_LETTER))
    eventually(lambda: not record(stack).is_open, "the run is over")

    planted = {fault.image_id: fault.classes for fault in faults}
    rows_of_deleted = {ImageClass.ROWS_WITHOUT_ORIGINAL}
    assert {
        image_id: classes - (rows_of_deleted if image_id in planted and len(classes) > 1 else set())
        for image_id, classes in found.items()
        if classes != before.get(image_id)
    } == planted
