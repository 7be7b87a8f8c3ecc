"""A run's report as one page that needs nothing beside itself: no script, no other file.

It may be opened from a disk, sent by mail, or kept for years. Ids, messages and names in it
were written by others: :mod:`reindex.reports.markup` escapes all that is put into it, and its own
policy forbids whatever might be loaded or run all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reindex.domain.states import CODES, State
from reindex.reports.failure_groups import FailureGroup, failure_box, failure_groups
from reindex.reports.fill_rates_table import shown_fill_rates
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import dollars, moment, page_of, section, table, tile
from reindex.reports.rate_plot import legend, plot
from reindex.reports.run_summary import RunSummary
from reindex.text import counted, duration

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


def page(report: Mapping[str, Any]) -> str:
    """Return the page of a report, as it is stored."""
    title = f"{str(report['status']).capitalize()}: reindex {report['run_id']}"
    return page_of(
        title,
        _verdict(report),
        _tiles(report),
        _states(report),
        _failures(report),
        _rates(report),
        _gates(report),
        _bulk_limits(report),
        _run(report),
        _earlier(report),
        _fill_rates(report),
        _cost(report["cost"]),
        _certificate(report),
    )


def _unverified(report: Mapping[str, Any]) -> int:
    unverified: int = report["images"] - report["states"][State.VERIFIED]
    return unverified


def _verdict(report: Mapping[str, Any]) -> Markup:
    """Return the summary of a run: its result, its numbers, and its problems."""
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
            f" ended {moment(report['ended_at'])}, after {duration(report['duration_seconds'])}.",
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
        tile("verified", f"{images - unverified:,}", share),
        tile(
            "not verified",
            f"{unverified:,}",
            f"{counted(len(report['failures']), 'kind')} of failure" if unverified else "none",
            bad=unverified > 0,
        ),
        tile("verified by this run", f"{ours:,}", f"{rate:,.1f} a second"),
        tile("took", duration(report["duration_seconds"]), counted(report["rounds"], "round")),
        tile("cost, estimate", dollars(report["cost"]["total"]), "see below"),
        class_="tiles",
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
    return section("Images by state", bar, table(heads, rows, numbers=range(1, 5), foot=foot))


def _failures(report: Mapping[str, Any]) -> Markup:
    groups = failure_groups(report)
    if not groups:
        return section("Failures", element("p", "No image failed."))
    untold = sum(report["failure_codes"].values()) - sum(group.count for group in groups)
    return section(
        "Failures",
        element(
            "p",
            "Once the cause is mended, the command queues these images again; "
            "without --yes it only says what it would do.",
            class_="soft",
        ),
        *(_group(group) for group in groups),
        element("p", f"And {counted(untold, 'image')} of further kinds.") if untold > 0 else "",
    )


def _group(group: FailureGroup) -> Markup:
    examples = element(
        "p",
        element("span", "for example", class_="soft"),
        *(element("code", example) for example in group.examples),
        class_="examples",
    )
    return failure_box(group, examples, element("code", group.command, class_="command"))


def _rates(report: Mapping[str, Any]) -> Markup:
    rates = report["rates"]
    title = "Images per second"
    if not rates["images_per_second"]:
        return section(title, element("p", "No tick left a sample of its work."))
    return section(title, legend(), plot(rates))


def _gates(report: Mapping[str, Any]) -> Markup:
    title = "What held it"
    if not report["gates"]:
        return section(title, element("p", "Nothing: no gate held a worker."))
    rows = [
        (
            gate["gate"],
            duration(gate["seconds"]),
            moment(gate["first_at"]),
            moment(gate["last_at"]),
        )
        for gate in report["gates"]
    ]
    return section(title, table(("gate", "held", "first", "last"), rows, numbers=[1]))


def _bulk_limits(report: Mapping[str, Any]) -> Markup:
    if not report["bulk_limits"]:
        return Markup()
    rows = [
        (
            limit["set_by"],
            f"{limit['fewest']:,}",
            f"{limit['most']:,}",
            moment(limit["first_at"]),
            moment(limit["last_at"]),
        )
        for limit in report["bulk_limits"]
    ]
    head = ("set by", "fewest", "most", "first", "last")
    return section("Bulks side by side", table(head, rows, numbers=[1, 2]))


def _round(migration: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts about the migration that the run was a round of; empty for none."""
    if not migration:
        return {}
    compared = migration["comparison"]
    if not compared:
        verdict = "not made yet"
    elif compared["problems"]:
        verdict = "; ".join(compared["problems"])
    else:
        verdict = "passed"
    follows = f"{migration['id']}: the index follows {migration['source']}"
    return {"migration": follows, "comparison": verdict}


def _run(report: Mapping[str, Any]) -> Markup:
    moved = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report["moved"].items()))
    gathered = ", ".join(
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in report["gathered"].items()
    )
    misfits = ", ".join(report["misfits"])
    summary = RunSummary.of_report(report)
    facts = {
        "run": report["run_id"],
        "source": summary.source_in_words,
        "options": summary.options_in_words or "none",
        "index": report["index"],
        "alias": report["alias"],
        "started": moment(report["started_at"]),
        "ended": moment(report["ended_at"]),
        "rounds": f"{report['rounds']:,}",
        "work done": f"{report['percent_done']}%",
        **_round(report.get("migration", {})),
        **({"gathered": gathered} if gathered else {}),
        **({"fields left out": misfits} if misfits else {}),
        "moved": moved or "nothing",
        "dead letters": f"{report['dead_letters']:,}",
    }
    pairs = (joined(element("dt", name), element("dd", said)) for name, said in facts.items())
    return section("The run", element("dl", *pairs))


def _earlier(report: Mapping[str, Any]) -> Markup | str:
    """Return the comparison of this run with earlier ones; empty if there are none."""
    earlier = [RunSummary.from_json(raw) for raw in report.get("earlier", ())]
    if not earlier:
        return ""
    runs = [*earlier, RunSummary.of_report(report)]
    most = max(_failed_percent(run) for run in runs) or 1
    rows = [
        (
            element("code", run.run_id),
            run.started_at[:10],
            run.status,
            (run.options or {}).get("source", {}).get("kind", ""),
            f"{run.images or 0:,}",
            f"{run.failed or 0:,}",
            _share(_failed_percent(run), most),
            max(run.failures, key=lambda code: run.failures[code], default=""),
            dollars(run.dollars or 0),
        )
        for run in reversed(runs)
    ]
    heads = (
        "run", "started", "ended", "source", "images", "not verified", "share", "mostly", "cost"
    )  # fmt: skip
    return section("Runs over time", table(heads, rows, numbers=(4, 5, 8)))


def _fill_rates(report: Mapping[str, Any]) -> Markup | str:
    """Show how many documents have each field; nothing if that is not known."""
    counts = report.get("filled", {})
    if not counts:
        return ""
    earlier = [
        (run["started_at"][:10], run["filled"])
        for run in report.get("earlier", ())
        if run.get("filled")
    ]
    return section("Fields of the index", shown_fill_rates(counts, earlier))


def _failed_percent(run: RunSummary) -> float:
    return 100 * (run.failed or 0) / run.images if run.images else 0.0


def _share(percent: float, most: float) -> Markup:
    """Return a percentage, and a bar as long as its part of the largest one."""
    bar = element(
        "span", class_="trend", style=f"width:{percent / most * 40:.0f}px", aria_hidden="true"
    )
    return joined(bar, f" {percent:.2f}%")


def _cost(cost: Mapping[str, Any]) -> Markup:
    rows = [
        (
            line["service"],
            f"{line['what']}, assumed" if line["assumed"] else line["what"],
            f"{line['quantity']:,.0f}",
            f"${line['unit_price'] * 1_000_000:,.3f}",
            dollars(line["dollars"]),
        )
        for line in cost["lines"]
    ]
    heads = ("service", "what", "quantity", "a million of it", "costs")
    foot = ("all", "", "", "", dollars(cost["total"]))
    return section(
        "Cost: an estimate",
        element(
            "p",
            f"About {dollars(cost['total'])}, from what was counted, at the public prices of "
            f"{cost['region']}; what is assumed says so. Without storage, logs, data transfer, "
            "free tiers and the cluster.",
            class_="soft",
        ),
        element(
            "details",
            element("summary", "Line by line"),
            table(heads, rows, numbers=(2, 3, 4), foot=foot),
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
    return section(
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
        *_forgotten(certificate.get("forgotten", ())),
        element(
            "details",
            element("summary", f"By the ids' first characters: {counted(len(rows), 'sum')}"),
            table(heads, rows, numbers=[1]),
        ),
    )


def _forgotten(operations: Sequence[Mapping[str, Any]]) -> Iterator[Markup]:
    """Yield the section about images that were removed from the table, if there are any."""
    if not operations:
        return
    total = sum(operation["count"] for operation in operations)
    heads = ("when", "by", "which", "images", "sum of their ids' hashes")
    rows = [
        (
            moment(operation["at"]),
            operation["by"],
            operation["what"],
            f"{operation['count']:,}",
            element("code", operation["id_sum"]),
        )
        for operation in reversed(operations)
    ]
    yield element(
        "details",
        element("summary", f"{counted(total, 'image')} left the table, by reindex forget"),
        table(heads, rows, numbers=[3]),
    )
