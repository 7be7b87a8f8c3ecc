"""A day of edits that the index follows leaves a reindex with nothing to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, cast

import pytest

from reindex.composition.lane import LiveLane
from reindex.composition.run import RunSteps
from reindex.image.truth import UserData
from reindex.settings import Following, ImageLoader, Naming
from reindex.steps.deliveries import Delivery
from tests.twins.submissions import MemoryHighPriority
from tests.unit.image.truths import FULL, lease, usage
from tests.unit.library_settings import EVERYTHING
from tests.unit.steps.ingest_world import LocalProjector, jpeg
from tests.unit.steps.test_follow import change, crop
from tests.unit.steps.world import TruthProjector, World

LIBRARY = replace(EVERYTHING, thumbnails_bucket=None, usages_image="imageId")
IMAGES = [f"image-{number:02}" for number in range(30)]
EDITS = 400

#: Records that Lambda is given at once, and that one window folds.
BATCH = 25


class FollowedWorld(World):
    """A library whose index follows it, and from which a reindex can be run."""

    def __init__(self) -> None:
        super().__init__()
        for image_id in IMAGES:
            self.library.originals[image_id] = jpeg()
        projection = self.run_steps.projection
        self.projector = cast(TruthProjector, LocalProjector(projection))
        self.high_priority = MemoryHighPriority()

    def groups(self) -> list[object]:
        return [*super().groups(), Naming(), ImageLoader(), LIBRARY, Following()]

    def reindexed(self, run_id: str) -> list[str]:
        """Reindex every image that has changed; return the images that were written."""
        self.upload(IMAGES, name=f"upload-{run_id}")
        self.index.bulks.clear()
        self.reindex(run_id, skip_unchanged=True)
        assert self.states() == {"verified": len(IMAGES)}
        return sorted(image_id for bulk in self.index.bulks for image_id in bulk)

    def follow(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Give the follow function a batch of records, and the live indexer what comes of it."""
        queue = self.high_priority.queue
        ports = replace(
            self.ports,
            high_priority=self.high_priority,
            live_deliveries=queue,
            lane_dead_letters=self.dead_letters,
        )
        lane = LiveLane(ports, RunSteps(ports))
        lane.follow.handle(records)
        while taken := queue.receive(10):
            deliveries = [Delivery(d.receipt, d.receipt, d.body, d.received) for d in taken]
            again = lane.live_messages.handle(deliveries)
            queue.settle({"batchItemFailures": [{"itemIdentifier": each} for each in again]})

    def edit(self, rng: Random, number: int) -> dict[str, Any]:
        """Change a row or a crop of an image; return the record that is sent about it."""
        image_id, kind = rng.choice(IMAGES), rng.choice([*CHANGES])
        before = self.library.rows.get(image_id, UserData())
        if kind == "crops":
            # An object of S3 is never changed, but replaced.
            crops = [replace(each, size=number) for each in FULL.user_data.crops]
            self.library.crop_objects[image_id] = crops if rng.random() < 0.8 else []
            return crop(f"{image_id}/1.jpg")
        self.library.rows[image_id] = replace(before, **{kind: CHANGES[kind](number)})
        if kind in ("usages", "leases"):
            attribute = {"usages": "imageId", "leases": "mediaId"}[kind]
            return change(kind, Keys={"id": "row"}, NewImage={attribute: image_id})
        return change(kind, Keys={"id": image_id})


#: The value that an edit gives to each part of an image's user data; of some edits, none.
CHANGES: Mapping[str, Callable[[int], Any]] = {
    "usages": lambda n: [usage(last_modified=Decimal(1718186400000 + n))][: n % 5],
    "leases": lambda n: [lease(notes=f"note {n}")][: n % 5],
    "collections": lambda n: FULL.user_data.collections if n % 2 else None,
    "edits": lambda n: {**(FULL.user_data.edits or {}), "labels": {f"label {n}"}},
    "syndication": lambda n: FULL.user_data.syndication if n % 2 else None,
    "status": lambda n: FULL.user_data.status if n % 2 else None,
    "crops": lambda _: None,
}


def named(record: Mapping[str, Any]) -> str:
    """The image that a record names, or the key of the crop."""
    if "body" in record:
        return str(record["body"])
    parts = record["dynamodb"]
    values = {**parts["Keys"], **parts.get("NewImage", {})}
    return str(values.get("imageId") or values.get("mediaId") or values["id"])


@pytest.fixture
def world() -> FollowedWorld:
    followed = FollowedWorld()
    assert followed.reindexed("run-1") == sorted(IMAGES)
    return followed


@pytest.mark.parametrize("seed", range(3))
def test_a_run_writes_nothing_after_a_day_of_edits_that_the_index_followed(
    world: FollowedWorld, seed: int
) -> None:
    rng = Random(seed)
    before = {i: world.index.documents[i] for i in IMAGES}
    sent: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for number in range(EDITS):
        waiting.append(world.edit(rng, number))
        if len(waiting) == BATCH:
            # A batch comes out of order, with records twice and some from before.
            batch = [*waiting, *rng.choices(waiting, k=5), *rng.sample(sent, min(5, len(sent)))]
            rng.shuffle(batch)
            world.follow(batch)
            sent += waiting
            waiting = []
    # A re-sharded stream is read again from its oldest record that has not expired.
    world.follow(sent[len(sent) // 2 :])

    changed = [i for i in IMAGES if world.index.documents[i] != before[i]]
    assert len(changed) == len(IMAGES)
    assert world.reindexed("run-2") == []
    assert not world.dead_letters.letters


def test_a_record_that_expired_unread_is_mended_by_a_run_unless_a_later_one_names_its_image(
    world: FollowedWorld,
) -> None:
    rng = Random(1)
    records = [world.edit(rng, number) for number in range(EDITS // 10)]
    expired, read = records[: len(records) // 2], records[len(records) // 2 :]
    world.follow(read)

    followed = " ".join(map(named, read)) + " "
    missed = {i for i in IMAGES if any(i in named(r) for r in expired) and i not in followed}
    written = world.reindexed("run-2")
    assert written
    assert set(written) <= missed
    assert world.reindexed("run-3") == []
