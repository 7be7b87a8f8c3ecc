"""The page of a rehearsal: the fields, those that lose most first, with examples."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reindex.reports.field_changes import CHANGED, GAINED, LOST
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import dollars, page_of, section, shown_value, table, tile
from reindex.text import counted

_KINDS = (LOST, CHANGED, GAINED)


def page(rehearsed: Mapping[str, Any], thumbnails: Mapping[str, str]) -> str:
    """Return the page of a rehearsal.

    Args:
        rehearsed: As :func:`reindex.reports.rehearsal.to_json` returns it.
        thumbnails: Of images that are examples: ``data:`` URLs by id.
    """
    word = "passed" if rehearsed["passed"] else "did not pass"
    return page_of(
        f"The rehearsal {word}: {rehearsed['index']}",
        _verdict(rehearsed, word),
        _tiles(rehearsed),
        _fields(rehearsed["fields"]),
        _examples(rehearsed["fields"], thumbnails),
        _groups("Not projected: these documents would stay as they are", rehearsed["failures"]),
        _groups(
            "Refused: the index's mapping would not take these documents",
            {group["message"]: group for group in rehearsed["refused"]},
        ),
    )


def _verdict(rehearsed: Mapping[str, Any], word: str) -> Markup:
    passed = rehearsed["passed"]
    mood = "bad" if not passed else "attention" if rehearsed["refused_documents"] else "ok"
    problems = [element("li", problem) for problem in rehearsed["problems"]]
    lost = [f["path"] for f in rehearsed["fields"] if not f["allowed"]]
    accept = " ".join(f"--accept {shlex.quote(path)}" for path in lost)
    return element(
        "header",
        element(
            "h1",
            element("strong", f"{'✓' if passed else '✗'} The rehearsal {word}"),
            f": {counted(rehearsed['compared'], 'document')} compared",
        ),
        element("ul", *problems) if problems else "",
        element("p", "What may go: ", element("code", accept)) if accept else "",
        element("p", "Nothing was written. Index ", element("code", rehearsed["index"]), "."),
        class_=mood,
    )


def _tiles(rehearsed: Mapping[str, Any]) -> Markup:
    cost = rehearsed["forecast"]
    failed = sum(group["count"] for group in rehearsed["failures"].values())
    return element(
        "div",
        tile("as they are", f"{rehearsed['identical']:,}", "documents written anew unchanged"),
        tile("without a document", f"{rehearsed['new']:,}", "would get one"),
        tile("not projected", f"{failed:,}", "stay as they are", bad=failed > 0),
        tile(
            "refused",
            f"{rehearsed['refused_documents']:,}",
            "by the index's mapping",
            bad=rehearsed["refused_documents"] > 0,
        ),
        tile("the whole library", f"{cost['hours']:,.1f} h", counted(cost["images"], "image")),
        tile("cost, estimate", dollars(cost["dollars"]), f"bound by: {cost['bound_by']}"),
        class_="tiles",
    )


def _fields(fields: Sequence[Mapping[str, Any]]) -> Markup:
    moving = [f for f in fields if any(f[kind] for kind in _KINDS)]
    rows = [
        (
            element("code", f["path"]),
            f"{f['fill_before']:g}%",
            f"{f['fill_after']:g}%",
            *(f"{f[kind]:,}" for kind in (*_KINDS, "same")),
            "" if f["allowed"] else "falls too far",
        )
        for f in moving
    ]
    heads = ("field", "held now", "held then", *_KINDS, "same", "")
    still = counted(len(fields) - len(moving), "field")
    return section(
        "Fields, by harm",
        table(heads, rows, numbers=range(1, 7)) if rows else element("p", "No field changes."),
        element("p", f"Of {still} nothing changes.", class_="soft"),
    )


def _examples(fields: Sequence[Mapping[str, Any]], thumbnails: Mapping[str, str]) -> Markup:
    parts = [
        element(
            "details",
            element("summary", element("code", f["path"])),
            table(
                ("", "image", "now", "then"),
                list(_example_rows(f, thumbnails)),
                numbers=(),
            ),
            **({} if f["allowed"] else {"open": "open"}),
        )
        for f in fields
        if f["examples"]
    ]
    return section("Examples", *(parts or [element("p", "None.")]))


def _example_rows(
    field: Mapping[str, Any], thumbnails: Mapping[str, str]
) -> Iterator[Sequence[str]]:
    for kind in _KINDS:
        for example in field["examples"].get(kind, ()):
            image_id = example["id"]
            picture = (
                element("img", src=thumbnails[image_id], alt="", class_="thumbnail")
                if image_id in thumbnails
                else Markup("")
            )
            yield (
                kind,
                joined(picture, element("code", image_id)),
                shown_value(example["before"]),
                shown_value(example["after"]),
            )


def _groups(title: str, groups: Mapping[str, Mapping[str, Any]]) -> Markup:
    if not groups:
        return Markup("")
    rows = [
        (
            element("code", name),
            f"{group['count']:,}",
            group["message"],
            joined(*(element("code", f"{example} ") for example in group["examples"])),
        )
        for name, group in sorted(groups.items(), key=lambda pair: -pair[1]["count"])
    ]
    return section(title, table(("", "images", "reason", "for example"), rows, numbers=[1]))
