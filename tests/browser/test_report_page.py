"""The report's page in a real browser."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reindex.reports import comparison, comparison_page, page, rehearsal_page, report_page
from reindex.reports.comparison import Compared, Searchable
from reindex.reports.field_changes import FieldChanges
from reindex.reports.forecast import StageCapacity, forecast
from reindex.reports.rehearsal import RehearsalResult, Tolerance, to_json
from reindex.reports.saved_searches import Hits, SearchResult
from tests.browser import chromium
from tests.browser.chromium import Look
from tests.unit.steps import reports

#: Wide enough for a desk; high enough for all but the folded tables.
SIZE = (1100, 2300)

See = Callable[..., Look]


@pytest.fixture
def see(browser: str, tmp_path: Path) -> See:
    def see(html: str, scheme: str = "light", size: tuple[int, int] = SIZE) -> Look:
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        return chromium.look(browser, file, scheme=scheme, size=size)

    return see


def palette(scheme: str) -> dict[str, str]:
    """The page's colours by name, for a reader who prefers a scheme."""
    blocks = re.findall(r":root \{(.*?)\}", page.STYLE, re.DOTALL)
    block = blocks[("light", "dark").index(scheme)]
    return dict(re.findall(r"--(\w[\w-]*): (#\w+)", block))


@pytest.mark.parametrize(
    ("report", "mood", "scheme"),
    [
        (reports.report, "attention", "light"),
        (reports.report, "attention", "dark"),
        (reports.flawless, "ok", "light"),
        (reports.broken, "bad", "dark"),
    ],
    ids=["full, light", "full, dark", "flawless, light", "broken, dark"],
)
def test_the_page_is_seen_and_complains_of_nothing(
    see: See, report: Callable[[], dict[str, Any]], mood: str, scheme: str
) -> None:
    made = report()
    found = see(report_page.page(made), scheme)

    assert found.complaints == []
    assert found.image.size == SIZE
    colours, named = found.colours, palette(scheme)
    assert colours[named["page"]] > 100_000, "the page in its scheme's colour"
    # The verdict's edge, 10 points wide, and its ground.
    assert colours[named[mood]] > 500
    assert colours[named[f"{mood}-back"]] > 50_000
    # The plot's lines: more than the key of its legend and that of the state.
    drawn = colours.get(named["enqueued"], 0) > 500
    assert drawn == bool(made["rates"]["images_per_second"])


def test_the_page_fits_a_narrow_window(see: See) -> None:
    found = see(report_page.page(reports.report()), size=(500, 3000))

    margin = found.image.crop((494, 0, 500, 3000)).getcolors()
    assert margin is not None
    assert len(margin) == 1, "nothing reaches over the edge"


def test_a_rehearsals_page_is_seen_with_its_thumbnails(see: See) -> None:
    changes = FieldChanges()
    changes.add("a", {"title": "x" * 400, "supplier": "S"}, {"title": "y"})
    found = RehearsalResult("images-000001", images=1, changes=changes, image_seconds=[0.02])
    capacity = StageCapacity(workers=1, projection_concurrency=32, bulks=4)
    told = to_json(found, Tolerance(), forecast(1, 1, 1, capacity), seed=1)
    red = io.BytesIO()
    Image.new("RGB", (60, 40), "#fe0102").save(red, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(red.getvalue()).decode()}"

    seen = see(rehearsal_page.page(told, {"a": url}))

    assert seen.complaints == []
    assert seen.colours[palette("light")["bad-back"]] > 50_000
    assert seen.colours.get("#fe0102", 0) > 2_000, "the picture is part of the page"


def compared() -> dict[str, Any]:
    """A comparison with every kind of difference, and long names."""
    found = Compared("images-000001", "images-000002", {"credit"})
    for number in range(50):
        before: dict[str, Any] = {"credit": ["AP"], "title": [f"t{number}"], "long" * 20: [1]}
        after = {"credit": ["AP" if number % 5 else "PA"], "title": ["t"]}
        found.add("f" * 40, before, after if number % 9 else None)
    found.add("e" * 40, None, {"title": ["t"]})
    found.searchable["title"] = Searchable(50, 0, 50, 45)
    found.searches.append(SearchResult("AP", Hits(50, ("a", "b")), Hits(40, ("b",)), 1, ["c"]))
    found.add_to_sample("a", {"title": "x" * 400}, {"title": "y"})
    return comparison.to_json(found, comparison.Gate())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparisons_page_is_seen(see: See, scheme: str) -> None:
    found = compared()
    colours, named = see(comparison_page.page(found, {}), scheme).colours, palette(scheme)
    assert colours[named["page"]] > 100_000
    assert colours[named["bad-back"]] > 50_000

    passed = found | {"passed": True, "problems": []}
    seen = see(comparison_page.page(passed, {}), scheme)
    assert seen.complaints == []
    assert seen.colours[named["ok-back"]] > 30_000


def test_a_comparisons_page_fits_a_narrow_window(see: See) -> None:
    found = see(comparison_page.page(compared(), {}), size=(500, 3000))
    margin = found.image.crop((494, 0, 500, 3000)).getcolors()
    assert margin is not None
    assert len(margin) == 1, "nothing reaches over the edge"


def test_what_would_run_is_refused_and_heard(see: See) -> None:
    html = report_page.page(reports.flawless())
    found = see(html.replace("</body>", "<script>document.body.remove()</script></body>"))

    assert any("Content Security Policy" in complaint for complaint in found.complaints)
    assert found.colours[palette("light")["ok"]] > 500, "the page still stands"
