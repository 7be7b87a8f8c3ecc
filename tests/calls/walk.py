"""A walk through every verb and every function, on one deployment whose calls are recorded.

It is there for the calls alone: what the verbs achieve is tested elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image

from reindex.domain.migration import MigrationState
from reindex.domain.states import Phase, State
from reindex.settings import Ingest, IngestQueues, LibrarySettings, Queue, Tables
from reindex.stores.submissions import DynamoSubmissions
from tests.chaos.index_faults import IndexFaults, index_faults
from tests.local.deploy import ACCOUNT, REGION
from tests.local.fill import original_key
from tests.local.sample_library import SampleLibrary
from tests.local.search_servers import real_server
from tests.local.stack import LocalStack, local_stack
from tests.local.versions import SearchServer

_IMAGES: Final = 16

#: Seconds for one thing to come true, on a machine that has other things to do.
_PATIENCE: Final = 400
_PAUSE: Final = 0.5

#: The server that knows all of our analysis, and points in time, which migrations need.
_SERVER: Final = SearchServer.OPENSEARCH_2


class WalkError(Exception):
    """A step did not end as it must; the message names it."""


def walk(work: Path) -> None:
    """Deploy, and call every verb once at least.

    Args:
        work: A folder for files.

    Raises:
        WalkError: A step failed.
    """
    with (
        real_server(_SERVER) as server,
        real_server(_SERVER) as other,
        index_faults(server.url, Random(1)) as index,
        local_stack(
            replace(server, url=index.url),
            overrides={
                "ingest": {"follow": {"crops": True}},
                "index": {"other_cluster": {"url": other.url}},
            },
        ) as stack,
    ):
        library = SampleLibrary.generate(_IMAGES)
        stack.fill(library)
        sound = [image.id for image in library.images if image.ending.state is State.VERIFIED]
        _reindex(stack, "prepare-index")
        _hold_a_run(stack, library)
        _look(stack, sound, library, work)
        _audit(stack, sound, work)
        _choose_again(stack, index, sound, work)
        _gather(stack, sound, work)
        _lose_work(stack, sound)
        _set_aside(stack, sound)
        _submit(stack, index, work)
        _follow(stack, sound[0])
        _migrate(stack, sound[0], work)
        _move(stack, other.url)


def _hold_a_run(stack: LocalStack, library: SampleLibrary) -> None:
    """Start a run, pause, resume and abort it, and have the next one finish."""
    _reindex(stack, "upload-ids", "-", stdin="\n".join(library.ids))
    with stack.indexer_stopped():
        with _ticks_stopped(stack):
            _reindex(stack, "start")
            _await(lambda: _phase(stack) is Phase.INDEX, "the index phase")
            _reindex(stack, "pause")
            _reindex(stack, "status")
            _reindex(stack, "explain", library.ids[0], may_fail=True)
            _reindex(stack, "resume")
        _await(lambda: _phase(stack) is Phase.CHECK, "the check phase")
        _reindex(stack, "status")
        _reindex(stack, "explain", library.ids[0], may_fail=True)
        _reindex(stack, "abort")
    _reindex(stack, "start", "--watch")


def _look(stack: LocalStack, sound: list[str], library: SampleLibrary, work: Path) -> None:
    """Call the verbs that change nothing."""
    bucket = stack.settings[LibrarySettings].originals_bucket
    unsound = next(image.id for image in library.images if image.id not in sound)
    _reindex(stack, "status")
    _reindex(stack, "report", "--html", str(work / "report.html"))
    _reindex(stack, "report", "--again")
    _reindex(stack, "scan-states")
    _reindex(stack, "certify", "--deep")
    page = str(work / "rehearsal.html")
    _reindex(stack, "rehearse", "--sample", "3", "--html", page, may_fail=True)
    for image_id in (sound[0], unsound, "never-uploaded"):
        _reindex(stack, "explain", image_id, may_fail=True)
    _reindex(stack, "project", sound[0], "--diff")
    _reindex(stack, "check-projector", "--sample", "2", may_fail=True)
    _reindex(stack, "image-meta", "--file", f"/{bucket}/{original_key(sound[0])}")
    _reindex(stack, "image-meta", "--bucket", bucket)
    _reindex(stack, "now", sound[0])


def _audit(stack: LocalStack, sound: list[str], work: Path) -> None:
    """Audit a library of which a document and an original are gone."""
    bucket = stack.settings[LibrarySettings].originals_bucket
    stack.client("s3").delete_object(Bucket=bucket, Key=original_key(sound[-1]))
    stack.cluster.send("DELETE", f"/{stack.alias}/_doc/{sound[-2]}")
    _reindex(stack, "audit", may_fail=True)
    _reindex(stack, "audit", "--deep", "--html", str(work / "audit.html"), may_fail=True)
    _reindex(stack, "audit", "--last", "--lists", str(work / "audit"), may_fail=True)


def _choose_again(stack: LocalStack, index: IndexFaults, sound: list[str], work: Path) -> None:
    """Queue images again, one of which the index refuses, and forget some."""
    index.refused_ids.add(sound[0])
    ids = work / "again.txt"
    ids.write_text("\n".join(sound[:2]))
    _reindex(stack, "requeue", "--ids", str(ids), "--yes")
    _reindex(stack, "requeue", "--state", "verified", "--yes")
    _reindex(stack, "start", "--watch")
    index.refused_ids.clear()
    _reindex(stack, "forget", "--state", "not_found", "--yes")
    _reindex(stack, "forget", "--ids", str(ids), "--yes")


def _gather(stack: LocalStack, sound: list[str], work: Path) -> None:
    """Run what each source brings."""
    _reindex(stack, "start", "--source", "bucket", "--watch")
    query = json.dumps({"terms": {"id": sound[:3]}})
    _reindex(stack, "start", "--source", "index", "--query", query, "--watch")
    ids = work / "ids.txt"
    ids.write_text("\n".join(sound[:3]))
    _reindex(stack, "start", "--source", "file", "--file", str(ids), "--watch")
    runs = [json.loads(line)["run_id"] for line in _reindex(stack, "runs", "--json").splitlines()]
    _reindex(stack, "runs", "compare", *runs[:2])


def _lose_work(stack: LocalStack, sound: list[str]) -> None:
    """Take chunks off the work list, so that the Tally must find the rows."""
    dynamodb, table = stack.client("dynamodb"), stack.settings[Tables].work_table
    _reindex(stack, "upload-ids", "-", stdin="\n".join(sound[:3]))
    for item in dynamodb.scan(TableName=table)["Items"]:
        key = {name: item[name] for name in ("phase", "chunk")}
        dynamodb.delete_item(TableName=table, Key=key)
    _reindex(stack, "start", "--watch")


def _set_aside(stack: LocalStack, sound: list[str]) -> None:
    """Move messages to the dead-letter queue, and clear it both ways."""
    queues, sqs = stack.settings[Queue], stack.client("sqs")
    for clear in ("--requeue", "--discard"):
        _reindex(stack, "upload-ids", "-", stdin="\n".join(sound[:3]))
        with stack.indexer_stopped():
            _reindex(stack, "start")
            _await(lambda: _phase(stack) is Phase.CHECK, "the check phase")
            for message in sqs.receive_message(QueueUrl=queues.reingest_queue_url)["Messages"]:
                sqs.send_message(QueueUrl=queues.dead_letter_queue_url, MessageBody=message["Body"])
                sqs.delete_message(
                    QueueUrl=queues.reingest_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
            _reindex(stack, "explain", json.loads(message["Body"])["id"], may_fail=True)
            _reindex(stack, "dlq")
            _reindex(stack, "dlq", clear)
        _await(lambda: not _is_running(stack), "the end of the run")
    sqs.send_message(QueueUrl=queues.reingest_queue_url, MessageBody="not a message of ours")


def _submit(stack: LocalStack, index: IndexFaults, work: Path) -> None:
    """Submit an image, a file that is none, and an image that the index refuses."""
    table = DynamoSubmissions(stack.client("dynamodb"), stack.settings[Ingest].submissions_table)
    picture, text, eager, refused = (
        work / name for name in ("a.jpg", "text.jpg", "eager.jpg", "refused.jpg")
    )
    Image.new("RGB", (640, 480), "red").save(picture)
    Image.new("RGB", (640, 480), "blue").save(eager)
    text.write_text("not an image at all")
    _reindex(stack, "submit", str(picture), str(text))
    _await(lambda: any(row.searchable_at for row in table.scan()), "it is searchable")
    _await(lambda: any(row.failure for row in table.scan()), "it failed")
    _reindex(stack, "submit", str(picture))
    _reindex(stack, "submit", "--eager", str(eager), str(text), may_fail=True)
    rows = [json.loads(line) for line in _reindex(stack, "submissions", "--json").splitlines()]
    image_id = next(row["image_id"] for row in rows if not row.get("failure"))
    _reindex(stack, "submissions", "--failed")
    _reindex(stack, "trace", image_id)
    _reindex(stack, "explain", image_id, may_fail=True)
    _reindex(stack, "resubmit", "--code", "not_an_image", "--yes")
    Image.new("RGB", (640, 480), "green").save(refused)
    refused_id = hashlib.sha1(refused.read_bytes()).hexdigest()
    index.refused_ids.add(refused_id)
    _reindex(stack, "submit", str(refused))
    _await(
        lambda: any(row.image_id == refused_id and row.failure for row in table.scan()),
        "the index refused it",
    )
    for url in (
        stack.settings[Ingest].high_priority_queue_url,
        stack.settings[IngestQueues].ingest_queue_url,
    ):
        stack.client("sqs").send_message(QueueUrl=url, MessageBody="not a message of ours")


def _follow(stack: LocalStack, image_id: str) -> None:
    """Store a crop, of which S3 tells a queue."""
    s3, bucket = stack.client("s3"), stack.settings[LibrarySettings].crops_bucket
    queues = stack.client("sqs").list_queues()["QueueUrls"]
    [crops] = [url.rpartition("/")[2] for url in queues if "CropsQueue" in url]
    told = {"QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{crops}", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]}
    )
    bounds = {f"bounds-{name}": "10" for name in ("x", "y", "width", "height")}
    metadata = {**bounds, "type": "crop", "source": "s", "width": "10", "height": "10"}
    s3.put_object(Bucket=bucket, Key=f"{image_id}/walk.jpg", Body=b"x", Metadata=metadata)

    def has_crop() -> bool:
        exports = stack.search({"term": {"id": image_id}})[image_id].get("exports", [])
        return any(crop["id"] == "walk" or "walk" in json.dumps(crop) for crop in exports)

    _await(has_crop, "the crop is in the document")


def _migrate(stack: LocalStack, image_id: str, work: Path) -> None:
    """Migrate there, back and there again; give one new index up, and the old one."""
    _reindex(stack, "migrate", "start", "--source", "bucket", "--sample", "3")
    for verb in ("pause", "resume"):
        _reindex(stack, "migrate", verb)
    _reindex(stack, "migrate", "abort", "--yes")
    _await(lambda: not _is_running(stack), "the end of the round")
    _reindex(stack, "migrate", "start")
    _await(lambda: _has_caught_up(stack), "the new index has caught up")
    migration = stack.migrations.current()
    assert migration
    tolerant = ("--tolerate-missing", "50", "--tolerate", "100")
    _reindex(stack, "migrate", "compare", *tolerant, may_fail=True)
    page = ("--html", str(work / "comparison.html"))
    names = (migration.old.name, migration.new.name)
    _reindex(stack, "compare", *names, *page, *tolerant, may_fail=True)
    # A change after the last round, which the switch itself must bring along.
    change = {"doc": {"usagesLastModified": "2024-05-01T00:00:00.000Z"}}
    stack.cluster.send("POST", f"/{stack.alias}/_update/{image_id}", body=change)
    _reindex(stack, "migrate", "switch", "--yes")
    _reindex(stack, "migrate", "rollback")
    _await(lambda: _has_caught_up(stack), "the old index has caught up")
    _reindex(stack, "migrate", "switch", "--yes")
    _reindex(stack, "migrate", "abort", "--yes")
    _reindex(stack, "migrate", "start")
    _await(lambda: _has_caught_up(stack), "the new index has caught up")
    _reindex(stack, "migrate", "compare", *tolerant)
    _reindex(stack, "migrate", "switch", "--yes")
    _reindex(stack, "migrate", "drop-old", "--yes")


def _move(stack: LocalStack, url: str) -> None:
    """Migrate to the other cluster."""
    _reindex(stack, "migrate", "start", "--to", url)
    _await(lambda: _has_caught_up(stack), "the other cluster has caught up")
    _reindex(stack, "migrate", "compare", "--tolerate-missing", "50", "--tolerate", "100")
    _reindex(stack, "migrate", "switch", "--yes")
    _reindex(stack, "migrate", "finish", "--yes")


def _has_caught_up(stack: LocalStack) -> bool:
    found = json.loads(_reindex(stack, "migrate", "status", "--json"))
    is_built = found["state"] in (MigrationState.CATCHING_UP, MigrationState.ROLLING_BACK)
    return is_built and found["lag"] == 0 and found["round"] is None


@contextmanager
def _ticks_stopped(stack: LocalStack) -> Iterator[None]:
    """Keep a run in its phase for the time of a `with` block."""
    rules, stack.ticker.rules = stack.ticker.rules, ()
    try:
        yield
    finally:
        stack.ticker.rules = rules


def _phase(stack: LocalStack) -> Phase | None:
    """The phase that the latest run is in."""
    run = stack.runs.current()
    return run.phase if run else None


def _is_running(stack: LocalStack) -> bool:
    run = stack.runs.current()
    return bool(run and run.is_open)


def _reindex(
    stack: LocalStack, *arguments: str, stdin: str | None = None, may_fail: bool = False
) -> str:
    """Call the command; return what it printed.

    Raises:
        WalkError: It failed.
    """
    print(f"reindex {' '.join(arguments)}", flush=True)
    done = stack.reindex(*arguments, stdin=stdin)
    if done.returncode and not may_fail:
        raise WalkError(f"reindex {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise WalkError(f"still not so: {what}")
        time.sleep(_PAUSE)
