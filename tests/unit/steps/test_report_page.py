"""The report as a page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from reindex.domain.indexer_pace import SetBy
from reindex.domain.states import CODES
from reindex.reports.rate_plot import plot
from reindex.reports.report_page import page
from tests.unit.html import Page, read
from tests.unit.steps import reports

REPORTS = {"full": reports.report, "flawless": reports.flawless, "broken": reports.broken}


def verdict(report: dict[str, Any]) -> tuple[str | None, str]:
    """The header's mood, and what it says."""
    html = page(report)
    header = html[html.index("<header") : html.index("</header>") + len("</header>")]
    found = read(header)
    return found.attributes("header")[0]["class"], found.text


@pytest.fixture(params=REPORTS)
def found(request: pytest.FixtureRequest) -> Page:
    return read(page(REPORTS[request.param]()))


def test_success_is_said_first_with_what_failed_all_the_same() -> None:
    mood, said = verdict(reports.report())
    assert mood == "attention"
    assert said.startswith("! Reindex succeeded: 2,345,678 of 2,350,000 images verified")
    assert "Failed: 4,120 not_found, 150 truncated, 45 invalid_user_data" in said
    assert "20260301-180000-ab12 ended 2026-03-02 07:12 UTC, after 13 h 12 min." in said


def test_a_flawless_run_is_green() -> None:
    mood, said = verdict(reports.flawless())
    assert mood == "ok"
    assert said.startswith("✓ Reindex succeeded: 220 of 220 images verified")
    assert "Failed" not in said


def test_a_failed_run_says_why_before_anything_else() -> None:
    mood, said = verdict(reports.broken())
    assert mood == "bad"
    assert said.startswith("✗ Reindex failed")
    assert said.index("the alias images moved") < said.index("Failed: ")
    assert "The dead-letter queue holds 3 messages" in said


def test_dead_letters_want_a_look_even_when_every_image_is_verified() -> None:
    mood, said = verdict(reports.flawless() | {"dead_letters": 1})
    assert mood == "attention"
    assert "The dead-letter queue holds 1 message: reindex dlq" in said


def test_almost_all_does_not_look_like_all() -> None:
    report = reports.report()
    report["states"] = dict.fromkeys(CODES, 0) | {"verified": 999_999, "not_found": 1}
    found = read(page(report | {"images": 1_000_000}))
    assert "99.99% of all" in found.pieces


def test_what_the_source_brought_and_whose_projections_are_verified() -> None:
    report = reports.flawless()
    report["gathered"] = {"new": 1_200, "left_finished": 3, "archived": 2}
    report["certificate"]["runs"] = {"run-1": 20, "run-2": 200}
    text = read(page(report)).text
    assert "1,200 new, 3 left finished, 2 archived" in text
    assert "projected by run run-1 (20), run run-2 (200)" in text


def test_fields_that_documents_are_written_without_are_named() -> None:
    report = reports.flawless() | {"misfits": ["fileMetadata.xmp.x:y (object)", "and 3 more"]}
    assert "fileMetadata.xmp.x:y (object), and 3 more" in read(page(report)).text
    assert "fields left out" not in read(page(reports.flawless())).text


def test_a_run_without_images() -> None:
    nothing = dict.fromkeys(CODES, 0)
    report = reports.flawless() | {"images": 0, "states": nothing, "this_run": nothing}
    _, said = verdict(report)
    assert "0 of 0 images" in said


def test_every_state_has_its_code_and_what_is_of_this_run_and_of_earlier_ones() -> None:
    html = page(reports.report())
    [row] = [row for row in html.split("<tr>") if ">verified</code>" in row]
    assert re.findall(r">([\d,]+)</td>", row) == ["6", "2,345,678", "2,101,340", "244,338"]
    assert {f">{state}</code>" for state in CODES} <= set(re.findall(r">\w+</code>", html))


def test_each_kind_of_failure_has_its_command() -> None:
    report = reports.report()
    report["failures"]["$(rm -r /)"] = {"code": "odd", "message": "", "count": 1, "examples": []}
    found = read(page(report))
    for fingerprint in report["failures"]:
        quoted = f"'{fingerprint}'" if "$" in fingerprint else fingerprint
        assert f"reindex requeue --fingerprint {quoted} --yes" in found.pieces


def test_kinds_that_were_too_many_to_tell_apart_are_counted() -> None:
    report = reports.report()
    report["failure_codes"]["truncated"] += 30
    assert "And 30 images of further kinds." in read(page(report)).pieces


def test_what_others_wrote_is_text() -> None:
    found = read(page(reports.broken()))
    assert found.text.count(reports.HOSTILE_MESSAGE) == 2
    assert reports.HOSTILE_ID in found.pieces


def test_a_gates_name_is_text() -> None:
    gate = reports.report()["gates"][0] | {"gate": reports.HOSTILE_MESSAGE}
    assert reports.HOSTILE_MESSAGE in read(page(reports.flawless() | {"gates": [gate]})).pieces


def test_nothing_runs_and_nothing_is_loaded(found: Page) -> None:
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"}
    for _, attributes in found.elements:
        assert not attributes.keys() & {"src", "href", "srcset", "xlink:href", "action"}
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|http", found.style)
    [policy] = [a["content"] for a in found.attributes("meta") if a.get("http-equiv")]
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_stored_report_gives_the_same_page(report: Any) -> None:
    assert page(json.loads(json.dumps(report()))) == page(report())


def test_the_certificate_is_summarised_and_folded(found: Page) -> None:
    assert "9f86d081884c7d65" in found.pieces
    assert "By the ids' first characters: 256 sums" in found.pieces
    assert all("open" not in attributes for attributes in found.attributes("details"))


def test_the_plot_has_a_text_for_screen_readers() -> None:
    svg = ET.fromstring(plot(reports.flawless()["rates"]))
    assert svg.attrib["role"] == "img"
    said = {child.attrib["id"]: child.text for child in svg if child.tag in {"title", "desc"}}
    assert svg.attrib["aria-labelledby"].split() == list(said)
    assert said["rates-desc"] == (
        "From 2026-03-01 18:00:00 to 2026-03-01 18:00:42 UTC. "
        "Enqueued: at most 11.0 images per second, at 2026-03-01 18:00:00. "
        "Verified: at most 12.2 images per second, at 2026-03-01 18:00:21. "
        "Failed: none."
    )


def labels(rates: dict[str, Any], kind: str) -> list[str | None]:
    svg = ET.fromstring(plot(rates))
    return [text.text for text in svg.iter("text") if text.attrib["class"] == kind]


def rates(started_at: str, step: int, values: list[float]) -> dict[str, Any]:
    zeros = [0.0] * len(values)
    return {
        "started_at": started_at,
        "step_seconds": step,
        "images_per_second": {"enqueued": values, "verified": zeros, "failed": zeros},
        "held": zeros,
        "bulks": [0] * len(values),
    }


@pytest.mark.parametrize(
    ("peak", "said"),
    [
        (0, ["0", "1"]),
        (0.04, ["0", "0.01", "0.02", "0.03", "0.04"]),
        (83, ["0", "20", "40", "60", "80", "100"]),
        (4_100, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
        (2_500_000, ["0", "500,000", "1,000,000", "1,500,000", "2,000,000", "2,500,000"]),
    ],
)
def test_rates_are_marked_at_round_numbers(peak: float, said: list[str]) -> None:
    assert labels(rates("2026-03-01T18:00:00Z", 60, [peak, 0]), "across") == said


@pytest.mark.parametrize(
    ("started_at", "step", "points", "said"),
    [
        ("2026-03-01T17:59:58Z", 1, 20, ["18:00:00", "18:00:05", "18:00:10", "18:00:15"]),
        ("2026-03-01T17:50:00Z", 60, 60, ["17:50", "18:00", "18:10", "18:20"]),
        ("2026-03-01T21:10:00Z", 600, 60, ["22:00", "2 Mar", "02:00", "04:00", "06:00"]),
        ("2026-02-27T12:00:00Z", 86_400, 20, ["2 Mar", "5 Mar", "8 Mar"]),
    ],
)
def test_time_is_marked_at_round_moments(
    started_at: str, step: int, points: int, said: list[str]
) -> None:
    found = labels(rates(started_at, step, [1.0] * points), "along")
    assert found[: len(said)] == said
    assert len(found) <= 9


def test_a_line_is_drawn_only_where_there_is_something_to_show() -> None:
    svg = ET.fromstring(plot(rates("2026-03-01T18:00:00Z", 1, [0.0, 5.0, 0.0, 5.0])))
    paths = {path.attrib["class"]: path.attrib["d"] for path in svg.iter("path")}
    assert paths["series enqueued"] == "M275.0 250V14.0H486.0V250M697.0 250V14.0H908.0V250"
    assert paths["series failed"] == ""


def test_every_step_tells_its_numbers_and_is_shaded_where_it_was_held() -> None:
    report = reports.report()
    svg = ET.fromstring(plot(report["rates"]))
    steps = list(svg.iter("rect"))
    assert len(steps) == len(report["rates"]["held"])
    told = {step.findtext("title"): step.attrib["fill-opacity"] for step in steps}
    [red] = [said for said in told if said and said.startswith("2026-03-01 21:10:00")]
    assert red is not None
    assert red.endswith("enqueued 0.0/s, verified 0.0/s, failed 0.0/s, held 83% of the time")
    assert float(told[red]) > 0.3
    [first] = [said for said in told if said and said.startswith("2026-03-01 18:00:00")]
    assert first.endswith(", 5 bulks side by side")


def test_the_page_says_what_set_the_number_of_bulks() -> None:
    pieces = [piece for piece in read(page(reports.report())).pieces if piece.strip()]
    place = pieces.index(SetBy.GROWING)
    assert pieces[place - 6] == "Bulks side by side"
    assert pieces[place + 1 : place + 3] == ["4", "15"]
    assert "Bulks side by side" not in read(page(reports.report(bulk_limits=[]))).pieces
