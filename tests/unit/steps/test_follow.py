"""The index follows the truth: a changed row or crop has its image indexed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from reindex.domain.changes import ids_of_crops
from reindex.domain.failures import StoreUnavailable
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.steps.follow import Follow
from tests.unit.steps.ingest_world import IngestWorld, jpeg

LIBRARY = LibrarySettings(
    "originals",
    crops_bucket="crops",
    usages_table="usages",
    leases_table="leases",
    edits_table="edits",
    usages_image="imageId",
)


def change(table: str, **parts: dict[str, str]) -> dict[str, Any]:
    """A record of a stream, as Lambda passes it."""
    images = {part: {n: {"S": v} for n, v in values.items()} for part, values in parts.items()}
    arn = f"arn:aws:dynamodb:eu-west-1:111122223333:table/{table}/stream/2026-01-01T00:00:00.000"
    return {"eventSource": "aws:dynamodb", "eventSourceARN": arn, "dynamodb": images}


def crop(*keys: str) -> dict[str, Any]:
    """A message of the queue of S3's events."""
    records = [{"s3": {"object": {"key": quote_plus(key, safe="/")}}} for key in keys]
    return {"eventSource": "aws:sqs", "body": json.dumps({"Records": records})}


@pytest.fixture
def world() -> IngestWorld:
    return IngestWorld()


def follow(world: IngestWorld, *records: dict[str, Any]) -> list[str]:
    """Follow changes; return the images that were sent."""
    before = len(world.high_priority.queue.bodies)
    Follow(world.high_priority, LIBRARY, 5, world.meter).handle(records)
    return [json.loads(body)["id"] for body in world.high_priority.queue.bodies[before:]]


def test_every_table_names_its_images_in_its_own_way(world: IngestWorld) -> None:
    assert follow(
        world,
        change("edits", Keys={"id": "a"}),
        change("usages", Keys={"grouping": "g", "usage_id": "u"}, NewImage={"imageId": "b"}),
        change("leases", Keys={"id": "l"}, OldImage={"id": "l", "mediaId": "c"}),
    ) == ["a", "b", "c"]


def test_many_changes_of_one_image_are_one_and_wait_for_the_window(world: IngestWorld) -> None:
    changes = [change("edits", Keys={"id": "a"}) for _ in range(30)]
    assert follow(world, *changes, crop("a/1.jpg", "a/master/2.jpg")) == ["a"]
    assert world.high_priority.delays == [5]


def test_a_change_of_no_image_is_passed_over(world: IngestWorld) -> None:
    assert follow(
        world,
        change("others", Keys={"id": "a"}),
        # The stream's view has no images, and the key does not name the image.
        change("usages", Keys={"grouping": "g", "usage_id": "u"}),
        {"eventSource": "aws:dynamodb", "eventSourceARN": "arn"},
        {"eventSource": "aws:sqs", "body": "no JSON"},
        change("edits", Keys={"id": ""}),
        change("edits", Keys={"id": "b"}),
    ) == ["b"]
    assert world.meter.counts["ChangesUnreadable"] == 5


def test_crops_are_found_by_the_form_of_their_keys() -> None:
    def ids(template: str, *keys: str) -> list[str]:
        return [*ids_of_crops(crop(*keys)["body"], KeyTemplate(template))]

    assert ids("{id}/", "a b+ü/1.jpg", "no-folder.jpg") == ["a b+ü"]
    assert ids("crops/{id[0:2]}/{id}/", "crops/4e/4e12/master/1.jpg", "x/4e/4e12/1") == ["4e12"]
    test_event = json.dumps({"Event": "s3:TestEvent"})
    assert [*ids_of_crops(test_event, KeyTemplate("{id}/"))] == []


def test_a_queue_that_refuses_has_the_batch_tried_again(world: IngestWorld) -> None:
    world.high_priority.fail_next()
    with pytest.raises(StoreUnavailable):
        follow(world, change("edits", Keys={"id": "a"}))


def test_a_change_brings_the_document_up_to_date(world: IngestWorld) -> None:
    world.library.originals["a"] = jpeg()
    world.index.live_write("a", {"id": "a", "embedding": [1]})
    follow(world, change("edits", Keys={"id": "a"}), change("edits", Keys={"id": "never archived"}))
    world.settle()
    assert world.index.documents["a"]["source"]["mimeType"] == "image/jpeg"
    assert world.index.documents["a"]["embedding"] == [1]
    assert world.index.documents.keys() == {"a"}
    assert not world.dead_letters.letters
