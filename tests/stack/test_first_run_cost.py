"""The table of a first run's cost in docs/deploying.md, compared with prices and templates."""

import re
from collections.abc import Iterator, Mapping

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from reindex.domain.states import Phase, State
from reindex.reports import prices
from reindex.reports.cost import estimate
from reindex.reports.samples import Sample
from tests.stack import templates
from tests.stack.templates import EXAMPLE, ROOT, Stage

HOURS_A_MONTH = 730
DAYS_A_MONTH = HOURS_A_MONTH / 24

IMAGES = 10
#: A tick works for at most so long; an image is checked a minute after it was enqueued.
TICK_SECONDS = 50
TICKS = {Phase.INDEX: 2, Phase.CHECK: 3}

#: A generous count of the names that the functions count by.
METRICS = 40


def run() -> Mapping[str, float]:
    """Dollars of the run, by service, from the estimate that every report has."""
    samples = [
        Sample(at=0, seconds=TICK_SECONDS, phase=phase, worker=0)
        for phase, ticks in TICKS.items()
        for _ in range(ticks)
    ]
    moved: dict[str, int] = dict.fromkeys((State.QUEUED, State.ENQUEUED, State.VERIFIED), IMAGES)
    found: dict[str, float] = {}
    for line in estimate(moved, samples, IMAGES, 1)["lines"]:
        part = line["what"] if "ticks" in line["what"] else line["service"]
        found[part] = found.get(part, 0) + line["quantity"] * line["unit_price"]
    return found


@pytest.fixture(scope="module")
def without_key(asset: Asset) -> Stage:
    entry = {name: value for name, value in EXAMPLE.items() if name != "encryption_key"}
    overrides = '{"network": {"endpoints": true}}'
    return templates.synthesize(load({"PROD": entry}, "PROD", overrides), asset)


def watched_metrics(stage: Stage) -> int:
    """The metrics that alarms watch: each is billed."""
    return sum(
        sum("MetricStat" in part for part in alarm["Metrics"]) if "Metrics" in alarm else 1
        for alarm in stage.properties("AWS::CloudWatch::Alarm").values()
    )


def section() -> str:
    page = (ROOT / "docs" / "deploying.md").read_text()
    found = re.search(r"## What a first run costs\n(.*?)\n#", page, re.DOTALL)
    assert found is not None
    return found[1]


def table() -> Iterator[tuple[str, float]]:
    """Yield the name of each row of the page's tables, and its dollars."""
    for row in section().splitlines():
        cells = [cell.strip(" *`") for cell in row.strip("|").split("|")]
        if row.startswith("|") and re.fullmatch(r"[\d.]+", cells[-1]):
            yield cells[0], float(cells[-1])


def test_the_table_agrees_with_prices_and_templates(without_key: Stage) -> None:
    parts = run()
    ticks = sum(dollars for name, dollars in parts.items() if "ticks" in name)
    transitions = parts["Step Functions"]
    endpoints = [
        len(endpoint["SubnetIds"])
        for endpoint in without_key.properties("AWS::EC2::VPCEndpoint").values()
    ]
    daily = {
        "alarms": watched_metrics(without_key) * prices.ALARM_METRIC_MONTH / DAYS_A_MONTH,
        "key of the alarms' topic": len(without_key.of_type("AWS::KMS::Key"))
        * prices.KEY_MONTH
        / DAYS_A_MONTH,
        "dashboard": prices.DASHBOARD_MONTH / DAYS_A_MONTH,
        "network.endpoints": sum(endpoints) * 24 * prices.ENDPOINT_HOUR,
    }
    expected = {
        "ticks": ticks,
        "state transitions": transitions,
        "the ten images": sum(parts.values()) - ticks - transitions,
        "metrics": METRICS * prices.METRIC_MONTH / HOURS_A_MONTH,
        **daily,
    }
    stated = dict(table())
    assert stated.keys() == expected.keys()
    for name, dollars in expected.items():
        digits = len(f"{stated[name]}".partition(".")[2])
        assert stated[name] == pytest.approx(dollars, abs=0.6 * 10**-digits), name
    assert f"{watched_metrics(without_key)} metrics" in section()
    assert f"{len(endpoints)} endpoints" in section()


def test_there_are_no_more_metrics_than_the_page_says() -> None:
    # No run goes through the live lane.
    lane = {"follow.py", "ingest.py", "live_index.py"}
    paths = (ROOT / "lambdas" / "reindex").rglob("*.py")
    sources = [path.read_text() for path in paths if path.name not in lane]
    literal = {
        name
        for text in sources
        for name in re.findall(r'(?:count|seconds|bytes)\(\s*"([A-Z]\w+)"', text)
    }
    assert len(literal) >= 15
    # Besides: one a state, one a verdict of the indexer, one a failure code.
    assert len(literal) + len(State) + 5 <= METRICS
    assert f"{METRICS} of them" in section()
