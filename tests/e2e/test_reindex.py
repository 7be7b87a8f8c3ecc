"""A reindex of the deployed stack, as an operator runs it and as people then search.

The tests share one deployment and build on each other, in the order of this file.
"""

from __future__ import annotations

import json
import time

import pytest

from reindex.domain.failures import OriginalNotFound
from reindex.domain.indexer_pace import IndexerPace
from reindex.domain.provenance import Provenance
from reindex.domain.states import Phase, State
from reindex.image.truth import Row
from reindex.settings import LibrarySettings, Queue
from tests import corpus
from tests.e2e.runs import eventually, record, report, run, upload
from tests.local.fill import original_key
from tests.local.sample_library import (
    SHOWPIECE_CREDIT,
    SHOWPIECE_KEYWORD,
    SHOWPIECE_TITLE,
    SampleImage,
    SampleLibrary,
)
from tests.local.stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def library(stack: LocalStack) -> SampleLibrary:
    made = SampleLibrary.generate(60)
    stack.fill(made)
    return made


@pytest.fixture(scope="module")
def showpiece(library: SampleLibrary) -> SampleImage:
    return library.images[0]


@pytest.fixture(scope="module")
def mailbox(stack: LocalStack) -> str:
    """URL of a queue that gets what is sent to the alarms' topic."""
    sns, sqs = stack.client("sns"), stack.client("sqs")
    url: str = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    names = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    [topic] = [t["TopicArn"] for t in sns.list_topics()["Topics"] if "alarms" in t["TopicArn"]]
    arn = names["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


@pytest.fixture(scope="module")
def first_run(
    stack: LocalStack,
    library: SampleLibrary,
    mailbox: str,
) -> str:
    assert upload(stack, library.ids).startswith(f"{len(library.images)} new, 0 queued again")
    return run(stack)


def verified(library: SampleLibrary) -> set[str]:
    return {image.id for image in library.images if image.ending.state is State.VERIFIED}


@pytest.mark.usefixtures("first_run")
def test_every_image_ends_as_it_should(stack: LocalStack, library: SampleLibrary) -> None:
    outcomes = stack.outcomes()
    assert library.deviations(outcomes) == []
    assert outcomes.keys() == set(library.ids)


def test_people_are_notified_that_the_run_ended(
    stack: LocalStack, first_run: str, mailbox: str
) -> None:
    received = stack.client("sqs").receive_message(QueueUrl=mailbox, WaitTimeSeconds=20)
    [message] = received["Messages"]
    notice = json.loads(message["Body"])

    assert notice["Subject"].endswith(f"run {first_run} succeeded")
    assert "reindex requeue --fingerprint " in notice["Message"]


@pytest.mark.usefixtures("first_run")
def test_the_index_holds_the_verified_images_and_no_others(
    stack: LocalStack, library: SampleLibrary
) -> None:
    assert stack.search({"match_all": {}}).keys() == verified(library)


def test_each_document_says_which_projection_it_is(stack: LocalStack, first_run: str) -> None:
    rows = stack.rows()
    for image_id, document in stack.search({"match_all": {}}).items():
        provenance = Provenance.of(document)
        assert provenance is not None
        assert provenance.is_of(rows[image_id].digest, first_run)


@pytest.mark.usefixtures("first_run")
@pytest.mark.parametrize(
    "query",
    [
        {"match": {"metadata.title": {"query": SHOWPIECE_TITLE, "operator": "and"}}},
        {"term": {"metadata.credit": SHOWPIECE_CREDIT}},
        {"term": {"metadata.keywords": SHOWPIECE_KEYWORD}},
        {"term": {"originalMetadata.credit": "Freelance"}},
        {"term": {"fileMetadata.exif.Model": "NIKON Z 9"}},
        {"term": {"identifiers.agencyref": "WS-2024-0112"}},
        {"term": {"userMetadata.photoshoot.title": "Winter 2024"}},
        {"term": {"collections.pathId": "news/winter 2024"}},
        {
            "nested": {
                "path": "usages",
                "query": {
                    "bool": {
                        "filter": [
                            {"term": {"usages.platform": "print"}},
                            {"term": {"usages.printUsageMetadata.storyName": "winter"}},
                        ]
                    }
                },
            }
        },
    ],
    ids=lambda query: next(iter(next(iter(query.values())))),
)
def test_people_find_the_image_by_what_is_known_of_it(
    stack: LocalStack, library: SampleLibrary, showpiece: SampleImage, query: dict[str, object]
) -> None:
    found = stack.search(query)
    assert showpiece.id in found
    # What says nothing about an image in particular would find them all.
    assert len(found) < len(verified(library)) / 2


@pytest.mark.usefixtures("first_run")
def test_people_find_all_images_with_a_crop(stack: LocalStack, library: SampleLibrary) -> None:
    found = stack.search({"term": {"exports.id": "10_20_200_150"}})
    assert found.keys() == {image.id for image in library.images if image.crops}


@pytest.mark.usefixtures("first_run")
def test_what_the_file_says_stays_beside_what_people_say(
    stack: LocalStack, showpiece: SampleImage
) -> None:
    document = stack.search({"term": {"id": showpiece.id}})[showpiece.id]
    assert document["originalMetadata"]["title"] == "Swans"
    assert document["metadata"]["title"] == SHOWPIECE_TITLE
    assert document["metadata"]["byline"] == "Imke de Vries"
    assert document["uploadInfo"] == {"filename": "Swans 100% Prinsengracht é.jpg"}
    assert document["source"]["orientation"] == "portrait"
    assert document["thumbnail"]["dimensions"] == {"width": 256, "height": 192}
    assert len(document["usages"]) == 7
    assert {lease["active"] for lease in document["leases"]["leases"]} == {True, False}


def test_a_run_turns_itself_off_and_reports(
    stack: LocalStack, library: SampleLibrary, first_run: str
) -> None:
    assert stack.phases_on() == []
    ended = record(stack)
    assert (ended.run_id, ended.status, ended.phase) == (first_run, "succeeded", None)
    found = report(stack, first_run)
    assert found["status"] == "succeeded"
    assert found["images"] == len(library.images)
    assert found["states"][State.VERIFIED] == len(verified(library))
    assert found["failure_codes"]["not_found"] == found["states"][State.NOT_FOUND] == 8
    assert not stack.ticker.failures


@pytest.mark.usefixtures("first_run")
def test_a_run_with_nothing_to_do_does_not_start(stack: LocalStack) -> None:
    before = record(stack)
    refused = stack.reindex("start")
    assert refused.returncode == 1
    assert "nothing is queued" in refused.stderr
    assert (record(stack).status, record(stack).last_reported) == ("failed", before.run_id)
    again = stack.reindex("report", "--run-id", before.run_id)
    assert again.returncode == 0, "what was reported before can still be read"


@pytest.mark.usefixtures("first_run")
def test_a_run_without_an_alias_does_not_start_and_touches_nothing(
    stack: LocalStack, showpiece: SampleImage
) -> None:
    upload(stack, [showpiece.id])
    before = stack.rows()
    cluster, alias = stack.cluster, stack.alias
    [index] = cluster.read("GET", f"/_alias/{alias}")
    cluster.send("DELETE", f"/{index}/_alias/{alias}")
    try:
        refused = stack.reindex("start")
    finally:
        cluster.send("PUT", f"/{index}/_alias/{alias}")
    assert refused.returncode == 1
    assert f"no index behind the alias {alias}" in refused.stderr
    assert stack.rows() == before
    assert not record(stack).is_open
    assert stack.phases_on() == []


@pytest.mark.usefixtures("first_run")
def test_an_unreadable_message_is_set_aside_and_counted(stack: LocalStack) -> None:
    queues, sqs = stack.settings[Queue], stack.client("sqs")
    sqs.send_message(QueueUrl=queues.reingest_queue_url, MessageBody="not a message of ours")

    def dead_letters() -> int:
        wanted = "ApproximateNumberOfMessages"
        asked = sqs.get_queue_attributes(
            QueueUrl=queues.dead_letter_queue_url, AttributeNames=[wanted]
        )
        return int(asked["Attributes"][wanted])

    eventually(lambda: dead_letters() == 1, "one dead letter")
    status = stack.reindex("status")
    assert "dead letters  1" in status.stdout
    shown = stack.reindex("dlq")
    assert shown.returncode == 0, shown.stderr
    assert "unreadable" in shown.stdout.lower() or "json" in shown.stdout.lower()


def test_a_second_run_follows_the_truth(
    stack: LocalStack, library: SampleLibrary, showpiece: SampleImage, first_run: str
) -> None:
    """Between the runs people edit one image, delete another, and the index learns something."""
    names = stack.settings[LibrarySettings]
    stack.client("dynamodb").update_item(
        TableName=names.edits_table,
        Key={"id": {"S": showpiece.id}},
        UpdateExpression="SET #metadata.#title = :title",
        ExpressionAttributeNames={"#metadata": "metadata", "#title": "title"},
        ExpressionAttributeValues={":title": {"S": "Swans take off"}},
    )
    deleted = library.images[1].id
    stack.client("s3").delete_object(Bucket=names.originals_bucket, Key=original_key(deleted))
    learnt = {"doc": {"usagesLastModified": "2024-05-01T00:00:00.000Z"}}
    stack.cluster.send("POST", f"/{stack.alias}/_update/{showpiece.id}", body=learnt)

    # One of them waits since the run that could not start.
    again = len(library.images) - 1
    assert f"0 new, {again} queued again, 0 left finished, 1 in work" in upload(stack, library.ids)
    second_run = run(stack)

    outcomes = stack.outcomes()
    assert outcomes.pop(deleted) == (State.NOT_FOUND, OriginalNotFound.code)
    assert [line for line in library.deviations(outcomes) if deleted not in line] == []
    documents = stack.search({"match_all": {}})
    # What the index holds of a deleted image is the live library's to delete.
    provenances = {id_: Provenance.of(document) for id_, document in documents.items()}
    runs = {id_: found.run_id for id_, found in provenances.items() if found}
    assert runs == {**dict.fromkeys(verified(library), second_run), deleted: first_run}
    assert documents[showpiece.id]["metadata"]["title"] == "Swans take off"
    assert documents[showpiece.id]["usagesLastModified"] == "2024-05-01T00:00:00.000Z"
    assert report(stack, second_run)["dead_letters"] == 1


@pytest.mark.usefixtures("first_run")
def test_an_aborted_run_leaves_nothing_ticking_and_the_next_one_finishes(
    stack: LocalStack, library: SampleLibrary
) -> None:
    rest = SampleLibrary(library.images[2:])
    upload(stack, rest.ids)
    with stack.indexer_stopped():
        started = stack.reindex("start")
        assert started.returncode == 0, started.stderr
        eventually(lambda: record(stack).phase is Phase.CHECK, "the check phase")
        aborted = stack.reindex("abort")
        assert aborted.returncode == 0, aborted.stderr

        assert stack.phases_on() == []
        ended = record(stack)
        assert (ended.status, ended.phase) == ("aborted", None)
        execution = stack.client("stepfunctions").describe_execution(executionArn=ended.execution)
        assert execution["status"] == "ABORTED"
        states = {stack.rows()[image_id].state for image_id in rest.ids}
        assert State.ENQUEUED in states
        assert State.VERIFIED not in states
        ticks = dict(stack.ticker.ticks)
        time.sleep(3)
        assert stack.ticker.ticks == ticks

    assert run(stack) != ended.run_id
    assert rest.deviations(stack.outcomes()) == []


@pytest.mark.usefixtures("first_run")
def test_a_run_sets_how_many_indexers_the_queue_is_given_to(
    stack: LocalStack, library: SampleLibrary
) -> None:
    client, mapping = stack.client("lambda"), stack.indexer_mapping()
    client.update_event_source_mapping(UUID=mapping, ScalingConfig={"MaximumConcurrency": 9})
    upload(stack, library.ids[2:3])

    run(stack)

    pace = IndexerPace.of(record(stack).indexer_pace)
    assert pace is not None
    assert pace.is_applied
    assert pace.concurrency < 9
    found = client.get_event_source_mapping(UUID=mapping)["ScalingConfig"]
    assert found == {"MaximumConcurrency": pace.concurrency}


def test_real_photos_are_verified_or_their_failure_says_why(stack: LocalStack) -> None:
    photos = SampleLibrary.from_folder(corpus.corpus() / "photos")
    stack.fill(photos)
    upload(stack, photos.ids)
    run(stack)
    outcomes = stack.outcomes()
    assert photos.deviations(outcomes) == []
    ended_verified = [id_ for id_ in photos.ids if outcomes[id_][0] is State.VERIFIED]
    assert len(ended_verified) > 0.9 * len(photos.ids)
    titles: dict[str, Row] = {image.id: {"title": image.title} for image in photos.images}
    documents = stack.search({"terms": {"id": ended_verified}})
    assert all(
        documents[id_]["metadata"]["title"] == titles[id_]["title"] for id_ in ended_verified
    )
