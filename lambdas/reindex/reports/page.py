"""The common parts of all pages of reports. Each page is one self-contained file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reindex.reports.markup import Markup, element, joined

CONTENT_TYPE = "text/html; charset=utf-8"

#: A page's content security policy: pictures are part of it; nothing is loaded.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)

_CENT = 0.01

STYLE = """\
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #5b6570; --line: #d9dee4;
  --ok: #17713b; --attention: #8a5300; --bad: #b3261e;
  --ok-back: #e3f4e9; --attention-back: #fdf0d8; --bad-back: #fce8e6;
  --enqueued: #2563c9; --verified: #178a45; --failed: #cf2e24; --gate: #c58b12;
  --not_found: #b58a2b; --known_error: #d9622b; --unknown_error: #cf2e24;
  --inconsistent: #9c3fb0; --queued: #8b95a1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2128; --text: #e6eaef; --soft: #9aa6b3; --line: #333c46;
    --ok: #6fd695; --attention: #f2bf63; --bad: #ff938a;
    --ok-back: #153323; --attention-back: #3a2c10; --bad-back: #431c19;
    --enqueued: #6ea8ff; --verified: #4cc77e; --failed: #ff6f64; --gate: #e0ac45;
    --not_found: #d6b25e; --known_error: #f08a55; --unknown_error: #ff6f64;
    --inconsistent: #cf86de; --queued: #75808c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 24px 16px 48px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; }
section, header, .tiles > div { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
section { padding: 18px 20px; margin-top: 16px; }
h1 { font-size: 27px; line-height: 1.25; margin: 0; }
h2 { font-size: 17px; margin: 0 0 10px; }
p { margin: 6px 0; }
.soft, th, caption { color: var(--soft); }
header { padding: 20px 24px; border-left-width: 10px; overflow-wrap: anywhere; }
header.ok { border-color: var(--ok); background: var(--ok-back); }
header.attention { border-color: var(--attention); background: var(--attention-back); }
header.bad { border-color: var(--bad); background: var(--bad-back); }
header.ok strong { color: var(--ok); }
header.attention strong { color: var(--attention); }
header.bad strong { color: var(--bad); }
header ul { margin: 10px 0 4px; padding-left: 20px; font-weight: 600; }
.tiles { display: grid; gap: 12px; margin-top: 16px;
  grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.tiles > div { padding: 12px 16px; }
.tiles b { display: block; font-size: 22px; line-height: 1.4; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.tiles .bad b { color: var(--bad); }
.bar { display: flex; gap: 1px; height: 16px; margin: 4px 0 14px; border-radius: 4px;
  overflow: hidden; }
.bar > span { min-width: 4px; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 8px; }
.verified.key, .bar > .verified { background: var(--verified); }
.not_found.key, .bar > .not_found { background: var(--not_found); }
.known_error.key, .bar > .known_error { background: var(--known_error); }
.unknown_error.key, .bar > .unknown_error { background: var(--unknown_error); }
.inconsistent.key, .bar > .inconsistent { background: var(--inconsistent); }
.enqueued.key, .bar > .enqueued { background: var(--enqueued); }
.queued.key, .bar > .queued { background: var(--queued); }
.failed.key { background: var(--failed); }
.gate.key { background: var(--gate); opacity: .5; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: 500; text-align: left; }
th, td { padding: 5px 18px 5px 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.zero { color: var(--soft); }
td code { white-space: nowrap; }
td code.value { display: inline-block; min-width: 14em; white-space: pre-wrap; }
tfoot td { font-weight: 600; }
.falls { color: var(--bad); font-weight: 600; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  unicode-bidi: isolate; overflow-wrap: anywhere; }
.kind { display: grid; grid-template-columns: 92px 1fr; gap: 4px 18px; padding: 12px 0;
  border-top: 1px solid var(--line); }
.kind > b { font-size: 20px; line-height: 1.3; text-align: right;
  font-variant-numeric: tabular-nums; }
.kind p { margin: 0 0 4px; overflow-wrap: anywhere; }
.kind .examples { display: flex; flex-wrap: wrap; gap: 0 14px; align-items: baseline; }
.code { padding: 1px 7px; border: 1px solid var(--line); border-radius: 5px; margin-right: 6px; }
.command { display: block; padding: 5px 10px; background: var(--page); border-radius: 6px;
  white-space: pre-wrap; user-select: all; }
.legend > span { margin-right: 20px; white-space: nowrap; }
.plot { width: 100%; height: auto; display: block; }
.plot text { fill: var(--soft); font-size: 12.5px; }
.plot .across { text-anchor: end; }
.plot .along, .plot .axis { text-anchor: middle; }
.plot .grid, .plot .tick { stroke: var(--line); }
.plot .series { fill: none; stroke-width: 2; stroke-linejoin: round; }
.plot .enqueued { stroke: var(--enqueued); }
.plot .verified { stroke: var(--verified); }
.plot .failed { stroke: var(--failed); stroke-dasharray: 5 3; }
.plot .held { fill: var(--gate); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.trend { display: inline-block; height: 9px; background: var(--failed); }
summary { cursor: pointer; padding: 6px 0; }
.thumbnail { display: block; max-width: 120px; max-height: 90px; border-radius: 4px; }
"""


def page_of(title: str, *content: str) -> str:
    """Return a page that loads nothing and runs nothing.

    Args:
        title: In the browser's tab.
        content: Markup, or text that is escaped.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element("body", element("main", *content))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def tile(name: str, number: str, aside: str, *, bad: bool = False) -> Markup:
    """Return a large number, with what it counts above and a word about it below."""
    return element(
        "div",
        element("span", name, class_="soft"),
        element("b", number),
        element("span", aside, class_="soft"),
        class_="bad" if bad else "tile",
    )


def section(title: str, *content: str) -> Markup:
    """Return a part of a page under a heading."""
    return joined(Markup("\n"), element("section", element("h2", title), *content))


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int],
    foot: Sequence[str] = (),
) -> Markup:
    """Return a table.

    Args:
        heads: Its columns' names.
        rows: Of cells.
        numbers: Columns whose values are numbers, from 0.
        foot: The last row.
    """
    right = set(numbers)

    def cells(name: str, texts: Sequence[str]) -> Iterator[Markup]:
        for n, text in enumerate(texts):
            zero = " zero" if text == "0" else ""
            yield element(name, text, **({"class_": f"number{zero}"} if n in right else {}))

    def row(texts: Sequence[str]) -> Markup:
        return joined(Markup("\n"), element("tr", *cells("td", texts)))

    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *cells("th", heads))),
            element("tbody", *map(row, rows)),
            element("tfoot", row(foot)) if foot else "",
        ),
        class_="wide",
    )


def shown_value(value: Any) -> Markup:
    """Return a value of a document's field; None for a field that the document does not hold."""
    if value is None:
        return element("span", "nothing", class_="soft")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return element("code", text, class_="value")


def moment(text: str) -> str:
    """Return a moment of a report, to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC"


def dollars(amount: float) -> str:
    """Return an amount of US dollars."""
    return f"${amount:,.2f}" if amount >= _CENT or not amount else "< $0.01"
