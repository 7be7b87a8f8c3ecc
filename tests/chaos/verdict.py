"""What must hold when a chaos run has settled; each violation is one line."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Final

from reindex.domain.digest import digest
from reindex.domain.failures import ReindexFailure
from reindex.domain.progress import ProgressRow
from reindex.domain.provenance import Provenance
from reindex.domain.states import Phase, State
from reindex.repairs.certify import Difference
from reindex.steps.shift import LEASE_MARGIN
from tests.chaos.live_library import LiveLibrary, titles
from tests.local.cloud import Cloud

#: Documents that are compared with a projection made from the truth now, one by one.
PROJECTED: Final = 60

#: Lines shown of each kind of violation.
SHOWN: Final = 5


@dataclass(frozen=True)
class Scene:
    """All there is to look at.

    Attributes:
        library: What is true.
        uploaded: Every id ever given to the reindex.
        rows: The progress table.
        documents: The index, whole.
        submitted: Ids of images that came by the live lane.
    """

    library: LiveLibrary
    uploaded: Collection[str]
    rows: Mapping[str, ProgressRow]
    documents: Mapping[str, Mapping[str, Any]]
    submitted: Collection[str] = ()


def violations(scene: Scene) -> list[str]:
    """Everything that is not as it must be after any run."""
    return [
        *shown("id without a row, or row without an id", _unbalanced(scene)),
        *shown("image not in the state it must be in", _astray(scene)),
        *shown("document missing, or of an image that is gone", _misplaced(scene)),
        *shown("document older than its truth", _outdated(scene)),
        *shown("verified, and not what was projected", _changed(scene)),
    ]


def _unbalanced(scene: Scene) -> Iterator[str]:
    yield from sorted(set(scene.uploaded) ^ scene.rows.keys())


def _astray(scene: Scene) -> Iterator[str]:
    for image_id, row in scene.rows.items():
        # An image may have been verified before it was deleted.
        gone = image_id in scene.library.gone
        if row.state is not State.VERIFIED and not (gone and row.state is State.NOT_FOUND):
            yield f"{image_id}: {row.state} ({row.failure.code if row.failure else None})"


def _misplaced(scene: Scene) -> Iterator[str]:
    # Every image that exists was uploaded, or indexed by its creator.
    standing = scene.library.titles.keys() | set(scene.submitted)
    yield from (f"{i}: missing" for i in sorted(standing - scene.documents.keys()))
    for image_id in sorted(scene.documents.keys() - standing):
        row = scene.rows.get(image_id)
        yield f"{image_id}: too many, by {Provenance.of(scene.documents[image_id])}; {row}"


def _outdated(scene: Scene) -> Iterator[str]:
    for image_id, title in titles(scene.documents).items():
        newest = scene.library.titles.get(image_id)
        if newest is not None and title != newest:
            yield f"{image_id}: {title!r}, and people gave it {newest!r}"


def _changed(scene: Scene) -> Iterator[str]:
    """Documents of verified images that were not changed, and that are not their projection."""
    for image_id, row in scene.rows.items():
        if row.state is not State.VERIFIED or image_id in scene.library.touched:
            continue
        source = scene.documents.get(image_id, {})
        provenance = Provenance.of(source)
        if provenance is None or not provenance.is_of(row.digest, row.run_id):
            yield f"{image_id}: is {provenance}, its row says {row.digest} of {row.run_id}"


def out_of_date(
    scene: Scene,
    project: Callable[[str], Mapping[str, Any]],
    rng: Random,
    preserve: Sequence[str],
) -> list[str]:
    """Of some documents that a reindex wrote: those that a projection now would not give."""
    ours = sorted(
        i
        for i, row in scene.rows.items()
        if row.state is State.VERIFIED and i not in scene.library.touched
    )
    found = []
    for image_id in rng.sample(ours, min(PROJECTED, len(ours))):
        try:
            now = digest(project(image_id), preserve)
        except ReindexFailure as failure:
            found.append(f"{image_id}: cannot be projected: {failure}")
            continue
        if now != digest(scene.documents[image_id], preserve):
            found.append(f"{image_id}: a projection now gives another document")
    return list(shown("document is not what the truth gives", found))


def unexplained(scene: Scene, differences: Sequence[Difference]) -> list[str]:
    """Differences of the certificate that people's doings since do not explain."""
    found = [
        f"{difference.about}: {difference.what}"
        for difference in differences
        if difference.about not in scene.library.touched
    ]
    return list(shown("the certificate is not true", found))


def left_behind(cloud: Cloud) -> list[str]:
    """What of a run is still there when none is open: rules that tick, lasting leases, messages."""
    return [
        *(f"the rule of the {phase} phase is on" for phase in cloud.stack.phases_on()),
        *(
            f"a chunk of the {phase} phase is held by a lease that does not run out"
            for phase in Phase
            for held in cloud.held_chunks(phase)
            # Who dies, or cannot give it back, leaves one: it runs out by itself.
            if held.until > time.time() + cloud.rules.function_seconds + LEASE_MARGIN
        ),
        *(f"{depth} messages on the {name}" for name, depth in cloud.depths().items() if depth),
    ]


def states(rows: Mapping[str, ProgressRow]) -> dict[str, int]:
    """How many rows are in each state."""
    return dict(Counter(str(row.state) for row in rows.values()))


def shown(kind: str, found: Iterator[str] | Sequence[str]) -> Iterator[str]:
    """The first violations of a kind, and how many more there are."""
    lines = iter(found)
    first = list(islice(lines, SHOWN))
    yield from (f"{kind}: {line}" for line in first)
    more = sum(1 for _ in lines)
    if more:
        yield f"{kind}: and {more} more"
