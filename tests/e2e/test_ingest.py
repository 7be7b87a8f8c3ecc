"""The live lane of the deployed stack: from ``reindex submit`` to a search that finds the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reindex.settings import Ingest, LibrarySettings
from reindex.stores.submissions import DynamoSubmissions
from tests.e2e.originals import Original, hard_originals
from tests.e2e.runs import eventually, record, run, upload
from tests.local.deploy import ACCOUNT, REGION, deploy
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with local_stack(overrides={"ingest": {}}) as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


def picture(path: Path, colour: str = "red") -> str:
    """Write a JPEG; return its image id."""
    Image.new("RGB", (640, 480), colour).save(path, quality=90)
    return hashlib.sha1(path.read_bytes()).hexdigest()


def submit(stack: LocalStack, *arguments: str | Path) -> str:
    done = stack.reindex("submit", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def submissions(stack: LocalStack, *options: str) -> list[dict[str, Any]]:
    done = stack.reindex("submissions", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(stack: LocalStack) -> DynamoSubmissions:
    """The submissions table: tests that wait ask it, for the command takes seconds to start."""
    return DynamoSubmissions(stack.client("dynamodb"), stack.settings[Ingest].submissions_table)


def test_a_submitted_file_is_archived_rendered_and_found(stack: LocalStack, tmp_path: Path) -> None:
    path = tmp_path / "a b+ü(1)%41.jpg"
    image_id = picture(path)

    assert image_id in submit(stack, path, "--as", "agency", "--identifier", "ref=WS 1")
    eventually(lambda: any(row.searchable_at for row in table(stack).scan()), "searchable")

    document = stack.search({"term": {"identifiers.ref": "WS 1"}})[image_id]
    assert document["uploadedBy"] == "agency"
    assert document["uploadInfo"]["filename"] == path.name
    assert document["thumbnail"]["dimensions"] == {"width": 256, "height": 192}
    s3, library = stack.client("s3"), stack.settings[LibrarySettings]
    key = f"{'/'.join(image_id[:6])}/{image_id}"
    stored = s3.get_object(Bucket=library.originals_bucket, Key=key)
    assert stored["Body"].read() == path.read_bytes()
    lane = stack.settings[Ingest]
    eventually(
        lambda: not s3.list_object_versions(Bucket=lane.ingest_bucket).get("Versions"), "removed"
    )


def test_a_file_that_is_no_image_fails_with_its_reason_and_its_bytes(
    stack: LocalStack, tmp_path: Path
) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("not an image at all")

    submit(stack, path, "--as", "someone")
    eventually(lambda: any(row.failure for row in table(stack).scan()), "failed")

    [row] = submissions(stack, "--failed", "--by", "someone")
    assert row["failure"]["code"] == "not_an_image"
    s3, bucket = stack.client("s3"), stack.settings[Ingest].failed_bucket
    kept = s3.get_object(Bucket=bucket, Key=row["failed_key"])["Body"].read()
    assert kept == path.read_bytes()
    reason = s3.get_object(Bucket=bucket, Key=f"{row['failed_key']}.reason.json")["Body"].read()
    assert json.loads(reason)["failure"]["code"] == "not_an_image"


def test_its_trace_spans_functions(stack: LocalStack) -> None:
    [row] = submissions(stack, "--by", "agency")
    story = stack.reindex("trace", row["image_id"])
    assert story.returncode == 0, story.stderr
    order = [story.stdout.index(what) for what in ("submitted: ", " archived ", " indexed ")]
    assert order == sorted(order), story.stdout
    assert stack.reindex("trace", row["id"]).stdout


def test_a_failed_file_is_sent_round_again(stack: LocalStack) -> None:
    [before] = submissions(stack, "--failed")
    assert "Would send 1 submission" in stack.reindex("resubmit", before["id"]).stdout
    done = stack.reindex("resubmit", "--code", "not_an_image", "--yes")
    assert "Sent 1 submission" in done.stdout, done.stderr

    def is_another() -> bool:
        return any(row.failure and row.ref.id != before["id"] for row in table(stack).scan())

    eventually(is_another, "failed again, for it is no image still")


def test_eager_mode_and_now_work_in_one_process(stack: LocalStack, tmp_path: Path) -> None:
    path = tmp_path / "eager.jpg"
    image_id = picture(path, "purple")
    said = submit(stack, path, "--as", "me", "--eager")
    assert f"{image_id}  {path}  processed" in said
    assert stack.search({"match_all": {}})[image_id]["uploadedBy"] == "me"

    stack.cluster.send("DELETE", f"/{stack.alias}/_doc/{image_id}")
    done = stack.reindex("now", image_id)
    assert (done.returncode, done.stdout) == (0, f"{image_id}  verified\n"), done.stderr
    assert image_id in stack.search({"match_all": {}})
    assert stack.reindex("now", "no-such-image").returncode == 1


#: Files of each format that are submitted, and images of the reindex that runs meanwhile.
OF_EACH = 27
REINDEXED = 500

#: Largest difference of a rendition's colour from its reference, in each band.
DELTA = 15


def crowd(folder: Path) -> None:
    """Write files of every format, and two that are cut off or no image."""
    kinds = ("JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP", "JPEG2000")
    for number in range(OF_EACH):
        for kind in kinds:
            colour = (10 + number * 8, 30 * kinds.index(kind), 90)
            Image.new("RGB", (300, 200), colour).save(folder / f"{number}.{kind.lower()}", kind)
    (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:90])
    (folder / "broken text.jpg").write_text("no image")


def test_files_of_every_kind_are_found_while_a_reindex_runs(
    stack: LocalStack, tmp_path: Path
) -> None:
    library = SampleLibrary.generate(REINDEXED)
    stack.fill(library)
    upload(stack, library.ids)
    folder = tmp_path / "folder"
    folder.mkdir()
    crowd(folder)
    hard = hard_originals(folder)
    paths = sorted(folder.iterdir())
    ids = {image_id_of(path) for path in paths if "broken" not in path.name}

    started = stack.reindex("start")
    assert started.returncode == 0, started.stderr
    said = submit(stack, folder, "--as", "crowd")
    assert said.count("  sent") == len(paths)

    def are_searchable() -> bool:
        rows = [row for row in table(stack).scan() if row.ref.submitter == "crowd"]
        return {row.image_id for row in rows if row.searchable_at} == ids

    eventually(are_searchable, "all searchable", patience=300)
    assert ids <= stack.search({"match_all": {}}).keys()
    failures = {
        row["key"].rpartition("/")[2]: row["failure"]["code"]
        for row in submissions(stack, "--failed", "--by", "crowd")
    }
    assert failures == {"broken.png": "cannot_render", "broken text.jpg": "not_an_image"}
    assert submit(stack, folder, "--as", "crowd").count("archived already") == len(ids)
    assert [flaw for original in hard for flaw in flaws(stack, original)] == []

    eventually(lambda: record(stack).report is not None, "the reindex has ended", patience=300)
    assert library.deviations(stack.outcomes()) == []
    certified = stack.reindex("certify")
    assert certified.returncode == 0, certified.stdout
    # Of the live lane, too: a run finds that its documents are what the truth gives.
    upload(stack, ids)
    run(stack)
    assert library.deviations({i: o for i, o in stack.outcomes().items() if i not in ids}) == []
    certified = stack.reindex("certify", "--deep")
    assert certified.returncode == 0, certified.stdout


def image_id_of(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


def flaws(stack: LocalStack, original: Original) -> Iterator[str]:
    """What is wrong with the published renditions of an original."""
    s3, image_id = stack.client("s3"), image_id_of(original.path)
    for kind in ("screen", "screen-webp"):
        key = f"{kind}/{'/'.join(image_id[:6])}/{image_id}"
        body = s3.get_object(Bucket=stack.settings[Ingest].public_bucket, Key=key)["Body"]
        shown = Image.open(body)
        name = f"{original.path.name}, {kind}"
        if shown.size != original.size:
            yield f"{name}: {shown.size}"
        # WebP keeps transparency; people see it on white.
        seen = Image.new("RGBA", shown.size, "white")
        seen.alpha_composite(shown.convert("RGBA"))
        for (across, down), wanted in original.colours.items():
            place = int(across * shown.width), int(down * shown.height)
            found = seen.convert("RGB").crop((*place, place[0] + 1, place[1] + 1)).tobytes()
            if max(abs(a - b) for a, b in zip(found, wanted, strict=True)) > DELTA:
                yield f"{name}: {tuple(found)}, not {wanted}"


def test_a_changed_row_and_a_new_crop_are_followed(tmp_path: Path) -> None:
    """A deployment of its own: a stream has no ARN before its table exists."""
    with local_stack(overrides={"ingest": {}}) as stack:
        assert stack.reindex("prepare-index").returncode == 0
        library = stack.settings[LibrarySettings]
        dynamodb, s3 = stack.client("dynamodb"), stack.client("s3")
        described = dynamodb.update_table(
            TableName=library.edits_table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        follow = {
            "streams": [described["TableDescription"]["LatestStreamArn"]],
            "crops": True,
            "window_seconds": 1,
        }
        overrides = {"elasticsearch_url": stack.index.url, "ingest": {"follow": follow}}
        deploy(stack.stage, stack.endpoint_url, overrides)
        path = tmp_path / "photo.jpg"
        image_id = picture(path)
        submit(stack, path)
        eventually(lambda: image_id in stack.search({"match_all": {}}), "searchable")

        edit = {"id": {"S": image_id}, "labels": {"SS": ["a label"]}}
        dynamodb.put_item(TableName=library.edits_table, Item=edit)
        labelled = {"term": {"userMetadata.labels": "a label"}}
        eventually(lambda: image_id in stack.search(labelled), "the edit is in the index")

        queues = stack.client("sqs").list_queues()["QueueUrls"]
        [crops] = [url for url in queues if "CropsQueue" in url]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{crops.rpartition('/')[2]}"
        s3.put_bucket_notification_configuration(
            Bucket=library.crops_bucket,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
        )
        bounds = {f"bounds-{name}": "10" for name in ("x", "y", "width", "height")}
        metadata = {**bounds, "type": "crop", "source": "s", "width": "10", "height": "10"}
        s3.put_object(
            Bucket=library.crops_bucket, Key=f"{image_id}/1.jpg", Body=b"x", Metadata=metadata
        )
        eventually(
            lambda: "exports" in stack.search({"match_all": {}})[image_id], "the crop is there"
        )
