"""The page of a comparison of two indices: the verdict, and its reasons."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reindex.reports.field_changes import CHANGED, GAINED, LOST
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import page_of, section, shown_value, table, tile
from reindex.text import counted

#: Percentage points by which a value's share shifts where all values of its field are shown.
_SHIFT: Final = 1.0


def page(found: Mapping[str, Any], thumbnails: Mapping[str, str]) -> str:
    """Return the page of a comparison.

    Args:
        found: As :func:`reindex.reports.comparison.to_json` returns it.
        thumbnails: Of the images that are shown: ``data:`` URLs by id.
    """
    word = "may replace" if found["passed"] else "should not replace"
    return page_of(
        f"{found['new']} {word} {found['old']}",
        _verdict(found, word),
        _tiles(found),
        _one_sided(found),
        _fields(found),
        _searches(found["searches"]),
        _values(found),
        _sample(found, thumbnails),
    )


def _verdict(found: Mapping[str, Any], word: str) -> Markup:
    passed = found["passed"]
    problems = [element("li", problem) for problem in found["problems"]]
    fallen = [field["path"] for field in found["fields"] if not field["allowed"]]
    accept = " ".join(f"--accept {shlex.quote(path)}" for path in fallen)
    return element(
        "header",
        element(
            "h1",
            element("strong", "✓ " if passed else "✗ "),
            f"{found['new']} ",
            element("strong", word),
            f" {found['old']}",
        ),
        element("ul", *problems) if problems else "",
        element("p", "To accept these fields: ", element("code", accept, class_="command"))
        if accept
        else "",
        element("p", _about(found), class_="soft"),
        class_="ok" if passed else "bad",
    )


def _about(found: Mapping[str, Any]) -> str:
    read = "All documents of both were read; nothing was written."
    if not found["settled"]:
        return read
    settled = counted(found["settled"], "document")
    return f"{read} {settled} differed at first, and no more when they were read again."


def _tiles(found: Mapping[str, Any]) -> Markup:
    documents, missing, extra = found["documents"], found["missing"], found["extra"]
    fallen = sum(not field["allowed"] for field in found["fields"])
    return element(
        "div",
        tile("old", f"{documents['old']:,}", f"documents in {found['old']}"),
        tile("new", f"{documents['new']:,}", f"documents in {found['new']}"),
        tile(
            "missing",
            f"{missing['count']:,}",
            "in the old one only",
            bad=missing["count"] > found["tolerate_missing"],
        ),
        tile("extra", f"{extra['count']:,}", "in the new one only"),
        tile(
            "fields that fall",
            f"{fallen:,}",
            f"of {len(found['fields']):,}, by more than {found['tolerate_percent']:g} points",
            bad=fallen > 0,
        ),
        class_="tiles",
    )


def _one_sided(found: Mapping[str, Any]) -> Markup:
    rows = [
        (said, f"{found[kind]['count']:,}", _ids(found[kind]["examples"]))
        for kind, said in (("missing", "in the old one only"), ("extra", "in the new one only"))
        if found[kind]["count"]
    ]
    if not rows:
        return Markup("")
    heads = ("", "documents", "for example")
    return section("Documents of one index alone", table(heads, rows, numbers=[1]))


def _fields(found: Mapping[str, Any]) -> Markup:
    fields = found["fields"]
    heads = (
        "field", "held, old", "held, new", "lost", "gained", "found, old", "found, new",
        "lost by",
    )  # fmt: skip
    rows = [
        (
            joined(
                element("code", field["path"]),
                "" if field["allowed"] else element("div", "falls too far", class_="falls"),
            ),
            f"{field['fill_before']:g}%",
            f"{field['fill_after']:g}%",
            f"{field['lost']['count']:,}",
            f"{field['gained']:,}",
            _count(field["searchable"]["before"]),
            _count(field["searchable"]["after"]),
            _ids(field["lost"]["examples"]),
        )
        for field in fields
        if field["differs"]
    ]
    return section(
        "Fields, by harm",
        element(
            "p",
            "Held: documents with a value, whatever the mapping. Found: documents that a search "
            "by the field finds; a hyphen where the mapping does not index it.",
            class_="soft",
        ),
        table(heads, rows, numbers=range(1, 7)) if rows else element("p", "No field differs."),
        element("details", element("summary", "All fields"), _all_fields(fields)),
    )


def _all_fields(fields: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        (
            element("code", field["path"]),
            f"{field['before']:,}",
            f"{field['after']:,}",
            f"{field['fill_before']:g}%",
            f"{field['fill_after']:g}%",
            _count(field["searchable"]["before"]),
            _count(field["searchable"]["after"]),
        )
        for field in sorted(fields, key=lambda field: str(field["path"]))
    ]
    heads = ("field", "old", "new", "held, old", "held, new", "found, old", "found, new")
    return table(heads, rows, numbers=range(1, 7))


def _searches(searches: Sequence[Mapping[str, Any]]) -> Markup:
    if not searches:
        return Markup("")
    rows = [
        (
            search["name"],
            _count(search["before"]["count"]),
            _count(search["after"]["count"]),
            f"{search['overlap']:.0%}",
            f"{search['still_found']} of {len(search['before']['top'])}",
            joined(
                _ids(search["not_found"]),
                *(element("span", search[side]["refused"]) for side in ("before", "after")),
            ),
        )
        for search in searches
    ]
    heads = (
        "search", "hits, old", "hits, new", "overlap of the best 50", "old's best found in new",
        "not found, or refused",
    )  # fmt: skip
    return section("Saved searches", table(heads, rows, numbers=range(1, 5)))


def _values(found: Mapping[str, Any]) -> Markup:
    old, new = found["documents"]["old"], found["documents"]["new"]
    fields = [
        (path, *_shares(counts, old, new))
        for path, counts in found["values"].items()
        if counts["before"] or counts["after"]
    ]
    fields.sort(key=lambda field: -field[1])
    if not fields:
        return Markup("")
    shifted = [_counts(*field) for field in fields if field[1] >= _SHIFT]
    steady = [_counts(*field) for field in fields if field[1] < _SHIFT]
    rest = f"{counted(len(steady), 'field')} of which no value's share shifts by {_SHIFT:g} point"
    return section(
        "Values of keyword fields that have few",
        *shifted,
        element("details", element("summary", rest), *steady) if steady else "",
    )


def _counts(path: str, shift: float, rows: Sequence[Sequence[str]]) -> Markup:
    return element(
        "details",
        element(
            "summary",
            element("code", path),
            f" {counted(len(rows), 'value')}, shift of at most {shift:.2f} points",
        ),
        table(("value", "old", "new", "share, old", "share, new"), rows, numbers=range(1, 5)),
        **({"open": "open"} if shift >= _SHIFT else {}),
    )


def _shares(
    counts: Mapping[str, Mapping[str, int]], old: int, new: int
) -> tuple[float, list[tuple[Markup, str, str, str, str]]]:
    """Return by how many points a value's share shifts at most, and a row for each value."""
    before, after = counts["before"], counts["after"]
    rows, shifts = [], []
    for value in sorted(before.keys() | after.keys(), key=lambda v: (-before.get(v, 0), v)):
        one, other = before.get(value, 0), after.get(value, 0)
        share, other_share = (100 * n / max(1, of) for n, of in ((one, old), (other, new)))
        shifts.append(abs(share - other_share))
        numbers = (f"{one:,}", f"{other:,}", f"{share:.2f}%", f"{other_share:.2f}%")
        rows.append((element("code", value), *numbers))
    return max(shifts), rows


def _sample(found: Mapping[str, Any], thumbnails: Mapping[str, str]) -> Markup:
    sample = found["sample"]
    if not sample:
        return Markup("")
    equal = sum(not document["differences"] for document in sample)
    differing = [document for document in sample if document["differences"]]
    return section(
        "Side by side",
        element(
            "p",
            f"{counted(len(sample), 'document')} drawn at random, {equal:,} of them equal but for "
            "their provenance.",
        ),
        _sample_fields(found["sample_fields"]) if differing else "",
        *(_side_by_side(document, thumbnails) for document in differing),
    )


def _sample_fields(changes: Sequence[Mapping[str, Any]]) -> Markup:
    kinds = (CHANGED, LOST, GAINED)
    rows = [
        (element("code", change["path"]), *(f"{change[kind]:,}" for kind in (*kinds, "same")))
        for change in changes
        if any(change[kind] for kind in kinds)
    ]
    return table(("field", *kinds, "same"), rows, numbers=range(1, 5))


def _side_by_side(document: Mapping[str, Any], thumbnails: Mapping[str, str]) -> Markup:
    image_id, differences = document["id"], document["differences"]
    picture = (
        element("img", src=thumbnails[image_id], alt="", class_="thumbnail")
        if image_id in thumbnails
        else Markup("")
    )
    rows = [
        (element("code", path), shown_value(old), shown_value(new))
        for path, old, new in differences
    ]
    return element(
        "details",
        element("summary", element("code", image_id), f" differs in {counted(len(rows), 'field')}"),
        picture,
        table(("field", "old", "new"), rows, numbers=()),
    )


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _ids(ids: Sequence[str]) -> Markup:
    return joined(*_spaced(ids))


def _spaced(ids: Sequence[str]) -> Iterator[Markup]:
    for image_id in ids:
        yield element("code", image_id)
        yield Markup(" ")
