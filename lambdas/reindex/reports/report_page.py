"""A run's report as one page that needs nothing beside itself: no script, no other file.

It may be opened from a disk, sent by mail, or kept for years. Ids, messages and names in it
were written by others: :mod:`reindex.reports.markup` escapes all that is put into it, and its own
policy forbids whatever might be loaded or run all the same.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reindex.domain.states import CODES, State
from reindex.reports.markup import Markup, element, joined
from reindex.reports.rate_plot import plot
from reindex.text import counted, duration

CONTENT_TYPE = "text/html; charset=utf-8"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

#: The states as people look for them: success, what failed, what is left.
_MEANINGS: Mapping[State, str] = {
    State.VERIFIED: "the index holds the document of its projection",
    State.NOT_FOUND: "the original does not exist",
    State.KNOWN_ERROR: "failed for a reason with a code",
    State.UNKNOWN_ERROR: "failed for a reason we do not know",
    State.INCONSISTENT: "enqueued, yet after every round the index does not hold it",
    State.ENQUEUED: "on the queue, not checked: work was left",
    State.QUEUED: "not projected: work was left",
}

_SERIES_NAMES = {
    "enqueued": "enqueued",
    "verified": "verified",
    "failed": "failed",
    "gate": "held by a gate",
}

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
header { padding: 20px 24px; border-left-width: 10px; }
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
tfoot td { font-weight: 600; }
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
summary { cursor: pointer; padding: 6px 0; }
"""


def page(report: Mapping[str, Any]) -> str:
    """The page of a report, as it is stored."""
    status = str(report["status"])
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{status.capitalize()}: reindex {report['run_id']}"),
        element("style", Markup(STYLE)),
    )
    main = element(
        "main",
        _verdict(report),
        _tiles(report),
        _states(report),
        _failures(report),
        _rates(report),
        _gates(report),
        _run(report),
        _cost(report["cost"]),
        _certificate(report),
    )
    return f"<!doctype html>\n{element('html', head, element('body', main), lang='en')}\n"


def _unverified(report: Mapping[str, Any]) -> int:
    unverified: int = report["images"] - report["states"][State.VERIFIED]
    return unverified


def _verdict(report: Mapping[str, Any]) -> Markup:
    """What an operator wants to know first: did it succeed, how many, and what is wrong."""
    status, images = report["status"], report["images"]
    verified = report["states"][State.VERIFIED]
    wrong = [str(problem) for problem in report["problems"]]
    if letters := report["dead_letters"]:
        wrong.append(
            f"The dead-letter queue holds {counted(letters, 'message')}: "
            "reindex dlq says which, and why."
        )
    if status != "succeeded":
        sign, mood = "✗", "bad"
    elif wrong or _unverified(report):
        sign, mood = "!", "attention"
    else:
        sign, mood = "✓", "ok"
    how_many = f"{verified:,} of {counted(images, 'image')} verified"
    kinds = sorted(report["failure_codes"].items(), key=lambda pair: (-pair[1], pair[0]))
    failed = ", ".join(f"{count:,} {code}" for code, count in kinds)
    return element(
        "header",
        element("h1", element("strong", f"{sign} Reindex {status}"), f": {how_many}"),
        element("ul", *(element("li", said) for said in wrong)) if wrong else "",
        element("p", element("b", "Failed: "), failed) if failed else "",
        element(
            "p",
            "Run ",
            element("code", str(report["run_id"])),
            f" ended {_moment(report['ended_at'])}, after {duration(report['duration_seconds'])}.",
            class_="soft",
        ),
        class_=mood,
    )


def _tiles(report: Mapping[str, Any]) -> Markup:
    images, unverified = report["images"], _unverified(report)
    ours = report["this_run"][State.VERIFIED]
    share = "all of them"
    if unverified:
        # Rounded down: what is not all must not look like all.
        share = f"{math.floor(10_000 * (images - unverified) / images) / 100:g}% of all"
    rate = ours / report["duration_seconds"] if report["duration_seconds"] else 0
    return element(
        "div",
        _tile("verified", f"{images - unverified:,}", share),
        _tile(
            "not verified",
            f"{unverified:,}",
            f"{counted(len(report['failures']), 'kind')} of failure" if unverified else "none",
            bad=unverified > 0,
        ),
        _tile("verified by this run", f"{ours:,}", f"{rate:,.1f} a second"),
        _tile("took", duration(report["duration_seconds"]), counted(report["rounds"], "round")),
        _tile("cost, estimate", _dollars(report["cost"]["total"]), "see below"),
        class_="tiles",
    )


def _tile(name: str, number: str, aside: str, *, bad: bool = False) -> Markup:
    return element(
        "div",
        element("span", name, class_="soft"),
        element("b", number),
        element("span", aside, class_="soft"),
        class_="bad" if bad else "tile",
    )


def _states(report: Mapping[str, Any]) -> Markup:
    all_of_them, ours = report["states"], report["this_run"]
    bar = element(
        "div",
        *(
            element(
                "span",
                class_=state.value,
                style=f"flex-grow:{all_of_them[state]}",
                title=f"{all_of_them[state]:,} {state}",
            )
            for state in _MEANINGS
            if all_of_them[state]
        ),
        class_="bar",
        aria_hidden="true",
    )
    rows = [
        (
            joined(element("span", class_=f"{state.value} key"), element("code", state.value)),
            str(CODES[state]),
            f"{all_of_them[state]:,}",
            f"{ours[state]:,}",
            f"{all_of_them[state] - ours[state]:,}",
            meaning,
        )
        for state, meaning in _MEANINGS.items()
    ]
    total = sum(ours.values())
    foot = ("all", "", f"{report['images']:,}", f"{total:,}", f"{report['images'] - total:,}", "")
    heads = ("state", "code", "images", "by this run", "earlier", "means")
    return _section("Images by state", bar, _table(heads, rows, numbers=range(1, 5), foot=foot))


def _failures(report: Mapping[str, Any]) -> Markup:
    kinds = sorted(
        report["failures"].items(), key=lambda pair: (-pair[1]["count"], pair[1]["code"], pair[0])
    )
    if not kinds:
        return _section("Failures", element("p", "No image failed."))
    untold = sum(report["failure_codes"].values()) - sum(kind["count"] for _, kind in kinds)
    return _section(
        "Failures",
        element(
            "p",
            "Once the cause is mended, the command queues these images again; "
            "without --yes it only says what it would do.",
            class_="soft",
        ),
        *(_kind(fingerprint, kind) for fingerprint, kind in kinds),
        element("p", f"And {counted(untold, 'image')} of further kinds.") if untold > 0 else "",
    )


def _kind(fingerprint: str, kind: Mapping[str, Any]) -> Markup:
    command = f"reindex requeue --fingerprint {shlex.quote(fingerprint)} --yes"
    return element(
        "div",
        element("b", f"{kind['count']:,}"),
        element(
            "div",
            element("p", element("code", kind["code"], class_="code"), kind["message"]),
            element(
                "p",
                element("span", "for example", class_="soft"),
                *(element("code", example) for example in kind["examples"]),
                class_="examples",
            ),
            element("code", command, class_="command"),
        ),
        class_="kind",
    )


def _rates(report: Mapping[str, Any]) -> Markup:
    rates = report["rates"]
    title = "Images per second"
    if not rates["images_per_second"]:
        return _section(title, element("p", "No tick left a sample of its work."))
    legend = element(
        "p",
        *(
            element("span", element("span", class_=f"{name} key"), said)
            for name, said in _SERIES_NAMES.items()
        ),
        class_="legend soft",
    )
    return _section(title, legend, plot(rates))


def _gates(report: Mapping[str, Any]) -> Markup:
    title = "What held it"
    if not report["gates"]:
        return _section(title, element("p", "Nothing: no gate held a worker."))
    rows = [
        (
            gate["gate"],
            duration(gate["seconds"]),
            _moment(gate["first_at"]),
            _moment(gate["last_at"]),
        )
        for gate in report["gates"]
    ]
    return _section(title, _table(("gate", "held", "first", "last"), rows, numbers=[1]))


def _run(report: Mapping[str, Any]) -> Markup:
    moved = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report["moved"].items()))
    gathered = ", ".join(
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in report["gathered"].items()
    )
    misfits = ", ".join(report["misfits"])
    facts = {
        "run": report["run_id"],
        "index": report["index"],
        "alias": report["alias"],
        "started": _moment(report["started_at"]),
        "ended": _moment(report["ended_at"]),
        "rounds": f"{report['rounds']:,}",
        "work done": f"{report['percent_done']}%",
        **({"gathered": gathered} if gathered else {}),
        **({"fields left out": misfits} if misfits else {}),
        "moved": moved or "nothing",
        "dead letters": f"{report['dead_letters']:,}",
    }
    pairs = (joined(element("dt", name), element("dd", said)) for name, said in facts.items())
    return _section("The run", element("dl", *pairs))


def _cost(cost: Mapping[str, Any]) -> Markup:
    rows = [
        (
            line["service"],
            f"{line['what']}, assumed" if line["assumed"] else line["what"],
            f"{line['quantity']:,.0f}",
            f"${line['unit_price'] * 1_000_000:,.3f}",
            _dollars(line["dollars"]),
        )
        for line in cost["lines"]
    ]
    heads = ("service", "what", "quantity", "a million of it", "costs")
    foot = ("all", "", "", "", _dollars(cost["total"]))
    return _section(
        "Cost: an estimate",
        element(
            "p",
            f"About {_dollars(cost['total'])}, from what was counted, at the public prices of "
            f"{cost['region']}; what is assumed says so. Without storage, logs, data transfer, "
            "free tiers and the cluster.",
            class_="soft",
        ),
        element(
            "details",
            element("summary", "Line by line"),
            _table(heads, rows, numbers=(2, 3, 4), foot=foot),
        ),
    )


def _certificate(report: Mapping[str, Any]) -> Markup:
    certificate = report["certificate"]
    prefixes = certificate["prefixes"]
    verified = sum(prefix["count"] for prefix in prefixes.values())
    rows = [
        (element("code", name), f"{prefix['count']:,}", element("code", prefix["pairs"]))
        for name, prefix in prefixes.items()
    ]
    heads = ("ids begin with", "verified", "sum of (id, digest) hashes")
    return _section(
        "Certificate",
        element(
            "p",
            f"{counted(certificate['ids'], 'id')}, the sum of their hashes ",
            element("code", certificate["id_sum"]),
            f"; {counted(verified, 'image')} verified. ",
            element("code", "reindex certify"),
            " recomputes it from the table and from the index.",
        ),
        element(
            "p",
            "What the index holds was projected by ",
            ", ".join(f"run {run} ({count:,})" for run, count in certificate["runs"].items()),
            ".",
            class_="soft",
        )
        if certificate["runs"]
        else "",
        element(
            "details",
            element("summary", f"By the ids' first characters: {counted(len(rows), 'sum')}"),
            _table(heads, rows, numbers=[1]),
        ),
    )


def _section(title: str, *content: str) -> Markup:
    return joined(Markup("\n"), element("section", element("h2", title), *content))


def _table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int],
    foot: Sequence[str] = (),
) -> Markup:
    """A table.

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


def _moment(text: str) -> str:
    """A moment of a report, to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= _CENT or not amount else "< $0.01"
