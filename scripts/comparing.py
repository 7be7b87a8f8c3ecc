"""A comparison of two indices on a stage, for the verbs that make one."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from .options import with_options
from .rehearsing import TOLERATED

if TYPE_CHECKING:
    from reindex.reports.saved_searches import SavedSearch
    from reindex.stores.interfaces.index import Index
    from reindex.wiring import Wiring

#: Documents whose old and new version are shown next to each other.
SAMPLE: Final = 20
_MOST_SAMPLED: Final = 500


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The parts of a comparison, and the differences that are accepted.

    Attributes:
        searches: Path of a file of searches to run on both indices.
        sample: Documents drawn at random, to be shown in both versions.
        seed: Of the draw.
        tolerate: Percentage points by which a field's share may fall.
        tolerate_missing: Documents that may be missing in the new index.
        accept: Fields that may fall.
        lists: Folder for the lists of all ids that only one index holds.
    """

    searches: str | None = None
    sample: int = SAMPLE
    seed: int = 1
    tolerate: float = TOLERATED
    tolerate_missing: int = 0
    accept: Sequence[str] = ()
    lists: str | None = None


_OPTIONS = (
    click.option(
        "--searches",
        type=click.Path(exists=True, dir_okay=False),
        metavar="FILE",
        help='Searches to run on both indices: JSON such as [{"query": {...}, "must_find": '
        '["id"], "name": "..."}], of which query is required.',
    ),
    click.option(
        "--sample",
        type=click.IntRange(0, _MOST_SAMPLED),
        default=SAMPLE,
        show_default=True,
        metavar="N",
        help="Documents that are drawn at random and shown side by side.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0, max=2**31 - 1),
        default=Terms.seed,
        show_default=True,
        help="Of the draw: while nothing is written, the same documents again.",
    ),
    click.option(
        "--tolerate",
        "--tolerance",
        "tolerate",
        type=click.FloatRange(0, 100),
        default=TOLERATED,
        show_default=True,
        metavar="PERCENT",
        help="Percentage points by which the share of documents that hold a field, or are found "
        "by it, may fall.",
    ),
    click.option(
        "--tolerate-missing",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="Documents that may be missing in NEW, such as those whose original is gone.",
    ),
    click.option(
        "--accept",
        multiple=True,
        metavar="FIELD",
        help="A field that may fall, with all below it; may be given several times.",
    ),
    click.option(
        "--lists",
        type=click.Path(file_okay=False),
        metavar="FOLDER",
        help="Write all ids that only one index holds to missing.txt and extra.txt in there.",
    ),
)


def comparison_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the options of a comparison, as its argument ``terms``."""

    @wraps(verb)
    def call(*args: Any, **given: Any) -> Any:
        terms = Terms(**{each.name: given.pop(each.name) for each in fields(Terms)})
        return verb(*args, terms=terms, **given)

    return with_options(call, _OPTIONS)


def compare_indices(wiring: Wiring, old: str, new: str, terms: Terms) -> dict[str, Any]:
    """Compare two concrete indices, with a progress bar, and return all that was found.

    Returns:
        What :func:`reindex.reports.comparison.to_json` does; ``problems`` is empty if the new
        index may replace the old one.

    Raises:
        SettingsError: The file of searches is not of the form.
        IndexMisconfigured: An index does not exist, or may not be read.
        StoreUnavailable: The cluster does not answer.
    """
    from reindex.repairs.comparison import Comparing, Extent
    from reindex.reports.comparison import Gate, to_json
    from reindex.reports.rehearsal import Tolerance

    from .terminal import progress

    extent = Extent(terms.sample, terms.seed, _saved_searches(terms.searches))
    gate = Gate(Tolerance(terms.tolerate, terms.accept), terms.tolerate_missing)
    index = wiring.patient_index
    total = sum(index.count(name, {"match_all": {}}) for name in (old, new))
    with (
        rare_cycle_collection(),
        _id_files(terms.lists) as lists,
        progress("Comparing", total=total) as advance,
    ):
        comparing = Comparing(
            index,
            old,
            new,
            wiring.clock,
            gate.fields,
            lists,
            lambda done: advance(done, f"{done:,} of {total:,}"),
        )
        found = comparing.compare(extent)
    return to_json(found, gate)


@contextmanager
def rare_cycle_collection() -> Iterator[None]:
    """Let Python look for cycles of garbage rarely.

    Documents hold no cycles, and are so many objects at a time that the search for some would take
    two fifths of the processor time of a comparison.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def concrete_index(index: Index, name: str) -> str:
    """Return the name of an index, or of the one index behind an alias.

    Raises:
        IndexMisconfigured: There is neither, or several indices are behind the alias.
        StoreUnavailable: The cluster does not answer.
    """
    from reindex.domain.failures import IndexGone

    try:
        index.uuid(name)
    except IndexGone:
        return index.resolve(name)
    return name


def _saved_searches(file: str | None) -> list[SavedSearch]:
    from reindex.reports.saved_searches import read_searches
    from reindex.settings import SettingsError

    if file is None:
        return []
    try:
        raw = json.loads(Path(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingsError(f"{file} is no JSON: {error}") from error
    return read_searches(raw, file)


@dataclass(frozen=True, slots=True)
class _IdFiles:
    """Files of ids, one a line."""

    missing: IO[str]
    extra: IO[str]

    def note_missing(self, image_id: str) -> None:
        self.missing.write(f"{image_id}\n")

    def note_extra(self, image_id: str) -> None:
        self.extra.write(f"{image_id}\n")


@contextmanager
def _id_files(folder: str | None) -> Iterator[_IdFiles | None]:
    if folder is None:
        yield None
        return
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        names = ("missing.txt", "extra.txt")
        opened = (files.enter_context((place / n).open("w", encoding="utf-8")) for n in names)
        yield _IdFiles(*opened)
