"""Runs that gather their ids in the cloud: from the bucket, from the index, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.ledger import FOLDED
from reindex.domain.states import State
from reindex.settings import LibrarySettings
from reindex.stores.id_sources import BucketIds
from tests.e2e.runs import eventually, record, report
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", autouse=True)
def library(stack: LocalStack) -> SampleLibrary:
    made = SampleLibrary.generate(20)
    stack.fill(made)
    return made


def run(stack: LocalStack, *arguments: str) -> str:
    """Run a reindex of what a source brings, and return its id."""
    done = stack.reindex("start", "--watch", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()[0]


def originals(stack: LocalStack) -> set[str]:
    source = BucketIds(stack.client("s3"), stack.settings[LibrarySettings])
    [whole] = source.parts(1)
    return set(source.page(whole, None).ids)


def test_so_many_originals_of_the_bucket_and_then_all(stack: LocalStack) -> None:
    run(stack, "--source", "bucket", "--limit", "7")
    assert record(stack).total == 7

    run_id = run(stack, "--source", "bucket", "--only-new")

    assert stack.rows().keys() >= originals(stack)
    assert report(stack, run_id)["status"] == "succeeded", "the ledger balances"
    listed = stack.reindex("runs", "--limit", "2", "--json").stdout.splitlines()
    runs = [json.loads(line) for line in listed]
    assert [run["options"] for run in runs] == [
        {"source": {"kind": "bucket"}, "only_new": True},
        {"source": {"kind": "bucket"}, "limit": 7},
    ]
    compared = stack.reindex("runs", "compare", *(run["run_id"] for run in runs))
    assert compared.returncode == 0, compared.stderr


def test_the_documents_that_match_and_are_as_they_were(stack: LocalStack) -> None:
    rows = stack.rows().values()
    held = sorted(row.id for row in rows if row.state is State.VERIFIED)[:3]
    query = json.dumps({"terms": {"id": held}})

    run(stack, "--source", "index", "--query", query, "--skip-unchanged")

    assert record(stack).counts == {"unchanged": 3}


def test_the_ids_of_a_file(stack: LocalStack, library: SampleLibrary, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join([*library.ids[:4], library.ids[0], ""]))

    run(stack, "--source", "file", "--file", str(ids))

    assert record(stack).total == 4


def test_what_the_schedule_starts_brings_all_back_to_the_truth(stack: LocalStack) -> None:
    rule = f"image-reindex-{stack.stage.lower()}-schedule"
    [target] = stack.client("events").list_targets_by_rule(Rule=rule)["Targets"]

    started = stack.client("stepfunctions").start_execution(
        stateMachineArn=target["Arn"], input=target["Input"]
    )["executionArn"]

    eventually(lambda: record(stack).execution == started, "the run is opened")
    eventually(lambda: not record(stack).is_open, "the run is over")
    assert record(stack).status == "succeeded"
    assert record(stack).total == len(originals(stack))
    assert record(stack).counts["unchanged"] > 0


def test_a_source_that_cannot_be_used_is_named(stack: LocalStack) -> None:
    done = stack.reindex("start", "--source", "index", "--lacking", "no.such.field")

    assert done.returncode == 1
    assert "no.such.field is no indexed field of" in done.stderr


def test_a_rehearsal_names_what_a_run_would_lose_and_the_run_loses_exactly_that(
    stack: LocalStack,
) -> None:
    rows = stack.rows().values()
    held = sorted(row.id for row in rows if row.state is State.VERIFIED)[:4]
    theirs = {"doc": {"metadata": {"bylineTitle": "only they knew"}}}
    for image_id in held:
        stack.cluster.send("POST", f"/{stack.alias}/_update/{image_id}", body=theirs)
    stack.cluster.send("POST", f"/{stack.alias}/_refresh")
    query = json.dumps({"terms": {"id": held}})

    rehearsed = stack.reindex("rehearse", "--query", query, "--json")

    assert rehearsed.returncode == 1
    fields = {f["path"]: f for f in json.loads(rehearsed.stdout)["fields"]}
    changing = {path for path, f in fields.items() if f["changed"] + f["lost"] + f["gained"]}
    assert changing == {"metadata.bylineTitle"}
    assert fields["metadata.bylineTitle"]["lost"] == 4
    before = documents(stack, held)
    source = ("--source", "index", "--query", query, "--rehearse", "4")
    refused = stack.reindex("start", *source)
    assert refused.returncode == 1
    assert "metadata.bylineTitle: 4 of 4 documents hold it now, 0 would" in refused.stderr

    run(stack, *source, "--accept", "metadata.bylineTitle")

    for image_id, document in documents(stack, held).items():
        wanted = before[image_id]
        del wanted["metadata"]["bylineTitle"]
        wanted["esInfo"]["reindex"] = document["esInfo"]["reindex"]
        assert document == wanted


def test_what_is_forgotten_leaves_the_table_and_every_later_report_tells(
    stack: LocalStack,
) -> None:
    gone = [f"never-there-{n}" for n in range(3)]
    uploaded = stack.reindex("upload-ids", "-", stdin="\n".join(gone))
    assert uploaded.returncode == 0, uploaded.stderr
    run(stack)
    assert {stack.rows()[image_id].state for image_id in gone} == {State.NOT_FOUND}

    forgot = stack.reindex("forget", "--ids", "-", "--yes", stdin="\n".join(gone))

    assert forgot.returncode == 0, forgot.stderr
    assert forgot.stdout.splitlines()[-1] == "Forgot 3 images."
    assert not stack.rows().keys() & {*gone}
    run_id = run(stack, "--source", "bucket", "--limit", "1")
    [told] = report(stack, run_id)["certificate"]["forgotten"]
    assert (told["count"], told["what"]) == (3, "a list of ids")
    assert told["by"].startswith("arn:aws:")
    assert stack.runs.uploads().keys() == {FOLDED}, "what was proved is folded"


def documents(stack: LocalStack, ids: list[str]) -> dict[str, Any]:
    found = stack.cluster.send("POST", f"/{stack.alias}/_mget", body={"ids": ids})["docs"]
    return {document["_id"]: document["_source"] for document in found}
