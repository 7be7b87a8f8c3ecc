"""Notices ids of another form than the rest: upper case among lower case, blanks, a header line.

Such ids are uploaded like any other, and probably end as ``not_found``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from reindex.text import printable

if TYPE_CHECKING:
    from reindex.stores.interfaces.progress_table import ProgressTable

#: Characters of an id that are shown as an example.
_EXAMPLE: Final = 60


class Form(Enum):
    """Return the form of an id in words that complete a sentence, ignoring dashes as in UUIDs.

    Fewer than eight letters and digits are ``OTHER``: a short word of ``a`` to ``f`` is not a hash.
    """

    DIGITS = "decimal digits"
    LOWER_HEX = "lower-case hex digits"
    UPPER_HEX = "upper-case hex digits"
    MIXED_HEX = "hex digits of both cases"
    BLANKS = "text with blanks inside"
    OTHER = "text without blanks"


_HEX: Final = frozenset({Form.LOWER_HEX, Form.UPPER_HEX, Form.MIXED_HEX})

#: Forms that pass among ids most of which are of one: random hex digits may all be decimal, and
#: text may be anything.
_USUAL_BESIDE: Final[Mapping[Form, frozenset[Form]]] = {
    Form.DIGITS: frozenset({Form.DIGITS}),
    Form.LOWER_HEX: frozenset({Form.LOWER_HEX, Form.DIGITS}),
    Form.UPPER_HEX: frozenset({Form.UPPER_HEX, Form.DIGITS}),
    Form.MIXED_HEX: _HEX | {Form.DIGITS},
    Form.BLANKS: frozenset(Form),
    Form.OTHER: frozenset(Form) - {Form.BLANKS},
}

_FORMS: Final = re.compile(
    r"(?P<DIGITS>[0-9][0-9-]*)"
    r"|(?P<LOWER_HEX>[0-9a-f-]{8,})"
    r"|(?P<UPPER_HEX>[0-9A-F-]{8,})"
    r"|(?P<MIXED_HEX>[0-9a-fA-F-]{8,})"
    r"|(?P<BLANKS>\S*\s.*)",
    re.DOTALL,
)


def form_of(image_id: str) -> Form:
    """Return what an id looks like."""
    found = _FORMS.fullmatch(image_id)
    return Form[found.lastgroup] if found and found.lastgroup else Form.OTHER


class IdForms:
    """Counts ids by form as they pass, and names those that differ from most.

    Holds a number and an example for each form, however many ids pass.

    Args:
        known: Ids to compare with. Without any, those that pass are compared with each other,
            and only by the case of their hex digits.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._compared = bool(known)
        self._usual = _more_than_half(Counter(map(form_of, known)))
        self._counts: Counter[Form] = Counter()
        self._examples: dict[Form, str] = {}

    @classmethod
    def of_table(cls, table: ProgressTable) -> IdForms:
        """Compare with what a table mostly holds, by one page of it (at most 1 MB).

        A page is in order of the ids' hashes: a fair sample.

        Raises:
            StoreUnavailable: The table does not answer.
        """
        page = table.scan(0, 1, None)
        return cls([*(row.id for row in page.rows), *page.unreadable])

    def counting(self, ids: Iterable[str]) -> Iterator[str]:
        """Yield ids as they are, each counted but empty ones."""
        for image_id in ids:
            if image_id:
                form = form_of(image_id)
                self._counts[form] += 1
                if form not in self._examples:
                    self._examples[form] = _shortened(image_id)
            yield image_id

    def warnings(self) -> Iterator[str]:
        """Yield a line for each form that differs from most, with its count and an example."""
        if self._compared:
            counts, usual, most = self._counts, self._usual, "most ids in the table"
        else:
            counts = Counter({form: self._counts[form] for form in _HEX})
            usual, most = _more_than_half(counts), "most ids of this upload"
        if usual is None:
            return
        for form in Form:
            if (count := counts[form]) and form not in _USUAL_BESIDE[usual]:
                ids = "1 id is" if count == 1 else f"{count:,} ids are"
                example = self._examples[form]
                yield (f"Warning: {ids} {form.value}, such as {example}; {most} are {usual.value}.")


def _more_than_half(counts: Counter[Form]) -> Form | None:
    """Return the form of more than half of what was counted, if there is one."""
    most = max(counts, key=lambda form: counts[form], default=None)
    return most if most and 2 * counts[most] > counts.total() else None


def _shortened(image_id: str) -> str:
    shown = printable(image_id[:_EXAMPLE])
    return f"{shown}…" if len(image_id) > _EXAMPLE else shown
