"""A rehearsal on a stage, for the verbs that hold one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from random import Random
from typing import TYPE_CHECKING, Any, Final

import click

from .options import with_options
from .run_options import json_object

if TYPE_CHECKING:
    from reindex.wiring import Wiring

#: Images of a sample: enough to see a field that one document in three hundred holds.
SAMPLE: Final = 1_000

#: Percentage points by which a field's share may fall.
TOLERATED: Final = 0.5

#: The most that the index gives at once.
MAX_SAMPLE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which images are rehearsed, and which losses are accepted.

    Attributes:
        sample: How many are drawn at random; None for a thousand of the index, or as many as
            are possible of a file.
        ids: Path of a file of ids to draw from instead, or ``-``.
        lower: Turn the file's ids to lower case.
        query: Draw from the documents that match it only.
        seed: Of the draw.
        tolerate: Percentage points by which a field's share may fall.
        accept: Fields that may go.
    """

    sample: int | None
    ids: str | None
    query: Mapping[str, Any] | None
    lower: bool = False
    seed: int = 1
    tolerate: float = TOLERATED
    accept: Sequence[str] = ()


_OPTIONS = (
    click.option(
        "--sample",
        type=click.IntRange(1, MAX_SAMPLE),
        metavar="N",
        help=f"How many images are drawn at random; without it {SAMPLE:,} of the index, or all of "
        f"a file up to {MAX_SAMPLE:,}.",
    ),
    click.option("--ids", metavar="PATH|-", help="Draw from the ids of a file; - is stdin."),
    click.option("--lower", is_flag=True, help="Turn all ids of the file to lower case."),
    click.option(
        "--query",
        type=json_object,
        metavar="JSON",
        help="Draw from the documents that match, in the cluster's query language.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0, max=2**31 - 1),
        default=Sampling.seed,
        show_default=True,
        help="Of the draw: while nothing is written, the same documents again.",
    ),
    click.option(
        "--tolerate",
        type=click.FloatRange(0, 100),
        default=TOLERATED,
        show_default=True,
        metavar="PERCENT",
        help="Percentage points by which the share of documents that hold a field may fall.",
    ),
    click.option(
        "--accept",
        multiple=True,
        metavar="FIELD",
        help="A field that may go, with all below it; may be given several times.",
    ),
)


def rehearsal_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a rehearsal, as its argument ``sampling``."""

    @wraps(verb)
    def call(*args: Any, **given: Any) -> Any:
        if given["lower"] and not given["ids"]:
            raise click.UsageError("--lower needs --ids")
        sampling = Sampling(**{name: given.pop(name) for name in Sampling.__dataclass_fields__})
        if sampling.ids and sampling.query is not None:
            raise click.UsageError("Give --ids or --query, not both.")
        return verb(*args, sampling=sampling, **given)

    return with_options(call, _OPTIONS)


def rehearse_on(wiring: Wiring, sampling: Sampling) -> dict[str, Any]:
    """Hold a rehearsal, with a progress bar, and return all that it found.

    Raises:
        ClickException: There is nothing to rehearse.
        IndexMisconfigured: The alias does not have exactly one index.
        SourceUnusable: The index rejects the query.
        StoreUnavailable: A service does not answer.
    """
    from reindex.reports.forecast import forecast
    from reindex.reports.rehearsal import Tolerance, to_json

    from .terminal import progress

    rehearsal = wiring.run_steps.rehearsal
    with progress("Drawing the sample"):
        ids = (
            _drawn_from_file(sampling.ids, sampling)
            if sampling.ids
            else rehearsal.sample_ids(sampling.sample or SAMPLE, sampling.seed, sampling.query)
        )
    if not ids:
        where = sampling.ids or "the index"
        raise click.ClickException(f"there is nothing to rehearse: no image of {where} matches")
    with progress("Rehearsing", total=len(set(ids))) as advance:
        found = rehearsal.rehearse(ids, lambda done: advance(done, f"{done:,} of {len(ids):,}"))
    whole = wiring.index.count(found.index, {"match_all": {}})
    cost = forecast(whole, whole, whole, wiring.run_steps.stage_capacity, found.per_image)
    tolerance = Tolerance(sampling.tolerate, sampling.accept)
    return to_json(found, tolerance, cost, seed=None if sampling.ids else sampling.seed)


def _drawn_from_file(file: str, sampling: Sampling) -> list[str]:
    """Draw ids of a file of any length: each is as likely to be drawn as any other."""
    from .id_files import ids_of, open_ids

    most, rng = sampling.sample or MAX_SAMPLE, Random(sampling.seed)  # noqa: S311 - a sample
    drawn: list[str] = []
    with open_ids(file) as lines:
        ids = (id_ for id_ in ids_of(lines, lower=sampling.lower) if id_)
        for number, image_id in enumerate(ids):
            if number < most:
                drawn.append(image_id)
            elif (place := rng.randrange(number + 1)) < most:
                drawn[place] = image_id
    return drawn


def example_ids(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of the images that are examples of a rehearsal."""
    for field in found["fields"]:
        for examples in field["examples"].values():
            yield from (example["id"] for example in examples)
