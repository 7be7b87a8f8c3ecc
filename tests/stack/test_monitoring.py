"""The dashboard and the alarms, compared with the code's metrics and the runbook."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from reindex.domain.states import State
from reindex.metrics import FAILURES
from reindex.settings import FUNCTIONS
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import CDK_JSON, ROOT, Stage

OURS = "ImageReindex"

ALARM = "AWS::CloudWatch::Alarm"


def names(argument: ast.expr, around: ast.AST) -> set[str]:
    """The names that the first argument of a meter's method can be."""
    match argument:
        case ast.Constant(value=str(name)):
            return {name}
        case ast.IfExp(body=one, orelse=other):
            return names(one, around) | names(other, around)
        case ast.BinOp(left=ast.Constant(value="Images")):
            return {"Images" + state.title().replace("_", "") for state in State}
        case ast.Name(id=variable):
            loops = [
                loop
                for loop in ast.walk(around)
                if isinstance(loop, ast.For) and variable in ast.unparse(loop.target)
            ]
            assert loops, f"where does {variable} come from?"
            return {
                part.value
                for part in ast.walk(loops[0].iter)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
        case _:
            raise AssertionError(f"a metric's name that a reader cannot find: {argument}")


def measured() -> Iterator[tuple[ast.expr, set[str]]]:
    """Each call of a meter in the functions' code, and the names it writes."""
    for path in (ROOT / "lambdas").rglob("*.py"):
        module = ast.parse(path.read_text())
        for function in ast.walk(module):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                match call:
                    case ast.Call(
                        func=ast.Attribute(
                            value=ast.Attribute(attr="meter"), attr="count" | "seconds" | "bytes"
                        ),
                        args=[name, *_],
                    ):
                        yield name, names(name, function)
                    case ast.Call(func=ast.Attribute(attr="failures")):
                        yield call, {FAILURES}


#: What the code may write, and what it says outright that it writes.
MAY_WRITE = {name for _, found in measured() for name in found}
WRITES = {name for form, found in measured() if not isinstance(form, ast.BinOp) for name in found}


def body(stage: Stage) -> Mapping[str, Any]:
    dashboard = stage.one("AWS::CloudWatch::Dashboard")
    parsed: Mapping[str, Any] = json.loads(readable(dashboard["DashboardBody"]))
    return parsed


def shown(stage: Stage) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric on the dashboard."""
    for widget in body(stage)["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            if isinstance(metric[0], str):
                namespace, name, *rest = (part for part in metric if isinstance(part, str))
                yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def expressions(stage: Stage) -> Iterator[str]:
    for widget in body(stage)["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            if isinstance(metric[0], dict):
                yield metric[0]["expression"]


def watched(stage: Stage) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric that an alarm watches."""
    for alarm in stage.properties(ALARM).values():
        stats = [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", ()) if "MetricStat" in m]
        for metric in stats or [alarm]:
            dimensions = {d["Name"]: readable(d["Value"]) for d in metric["Dimensions"]}
            yield metric["Namespace"], metric["MetricName"], dimensions


def anchors() -> set[str]:
    """The sections of the runbook, as a link names them."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_what_is_shown_or_watched_is_what_the_code_writes(prod: Stage) -> None:
    for namespace, name, dimensions in [*shown(prod), *watched(prod)]:
        if namespace == OURS:
            assert name in MAY_WRITE
            # tests/unit/test_metrics.py holds that lines have this dimension, and no other.
            assert dimensions == {"service": "PROD"}, name


def test_every_metric_that_is_written_is_shown(with_ingest: Stage) -> None:
    seen = {name for namespace, name, _ in shown(with_ingest) if namespace == OURS}
    assert not WRITES - seen


def test_failures_are_shown_by_code(prod: Stage) -> None:
    (search,) = (text for text in expressions(prod) if text.startswith("SEARCH"))
    assert search == (
        'SEARCH(\'{ImageReindex,code,service} MetricName="ImagesFailed" service="PROD"\', '
        "'Sum', 60)"
    )


def test_every_function_is_shown(prod: Stage) -> None:
    for name in ("Errors", "Throttles", "Duration", "ConcurrentExecutions"):
        of = {
            d["FunctionName"] for space, n, d in shown(prod) if (space, n) == ("AWS/Lambda", name)
        }
        assert len(of) == len(FUNCTIONS), name


def test_what_the_services_measure(prod: Stage) -> None:
    assert {
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"),
        ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"),
    } <= {(namespace, name) for namespace, name, _ in shown(prod)}


def test_cost_is_called_an_estimate(prod: Stage) -> None:
    titles = [w["properties"].get("title", "") for w in body(prod)["widgets"]]
    assert len([t for t in titles if t.startswith("Cost") and "estimate" in t]) == 2


def test_numbers_that_metric_math_can_read(prod: Stage) -> None:
    for expression in expressions(prod):
        assert not re.search(r"\de[-+]?\d", expression), expression


def test_logs_that_are_asked_are_there(prod: Stage) -> None:
    groups = {group["LogGroupName"] for group in prod.properties("AWS::Logs::LogGroup").values()}
    queries = [w["properties"]["query"] for w in body(prod)["widgets"] if w["type"] == "log"]
    assert queries
    for query in queries:
        assert set(re.findall(r"SOURCE '([^']+)'", query)) <= groups


def test_the_alarms_there_are(prod: Stage) -> None:
    prefix = "image-reindex-prod-"
    assert {
        alarm["AlarmName"].removeprefix(prefix) for alarm in prod.properties(ALARM).values()
    } == {
        "stalled-run",
        "failed-run",
        "held-migration",
        "dead-letters",
        "failing-images",
        "old-messages",
        "function-errors",
        "projection-errors",
        "throttles",
    }


def test_an_alarm_says_what_it_means_and_where_to_read_on(stage: Stage) -> None:
    for alarm in stage.properties(ALARM).values():
        means, _, section = alarm["AlarmDescription"].partition(" What to do: ")
        assert len(means) > 40
        path, _, anchor = section.partition("#")
        assert path == "docs/runbook.md"
        assert alarm["AlarmName"] == f"image-reindex-test-{anchor}"
        assert anchor in anchors()
        assert len(alarm["AlarmDescription"]) <= 1024


def test_the_dashboard_links_what_the_runbook_has(stage: Stage) -> None:
    texts = [w["properties"]["markdown"] for w in body(stage)["widgets"] if w["type"] == "text"]
    linked = {anchor for text in texts for anchor in re.findall(r"runbook\.md#([\w-]+)", text)}
    assert linked
    assert linked <= anchors()


def test_the_runbook_may_be_published_elsewhere(prod: Stage) -> None:
    for alarm in prod.properties(ALARM).values():
        assert prod.settings.runbook in alarm["AlarmDescription"]


def test_silence_is_no_alarm(stage: Stage) -> None:
    for alarm in stage.properties(ALARM).values():
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_what_cloudwatch_takes_in_one_alarm(prod: Stage) -> None:
    for alarm in prod.properties(ALARM).values():
        stats = [metric for metric in alarm.get("Metrics", ()) if "MetricStat" in metric]
        assert len(stats) <= 10


def test_bounds(asset: Asset) -> None:
    settings = load(CDK_JSON["context"]["stages"], "TEST", '{"alarm_failure_percent": 20}')
    stage = templates.synthesize(settings, asset)
    alarms = {a["AlarmName"]: a for a in stage.properties(ALARM).values()}
    assert alarms["image-reindex-test-stalled-run"]["Threshold"] == 1800
    failing = alarms["image-reindex-test-failing-images"]
    assert failing["Threshold"] == 20
    (ratio,) = (m["Expression"] for m in failing["Metrics"] if "Expression" in m)
    assert ratio == (
        "IF(FILL(part, 0) + FILL(rest, 0) >= 100, "
        "100 * FILL(part, 0) / (FILL(part, 0) + FILL(rest, 0)), 0)"
    )


@pytest.mark.parametrize("which", ["stage", "prod"])
def test_alarms_reach_their_topic(which: str, request: pytest.FixtureRequest) -> None:
    stage: Stage = request.getfixturevalue(which)
    for alarm in stage.properties(ALARM).values():
        assert [readable(action) for action in alarm["AlarmActions"]] == ["<MonitoringAlarmsTopic>"]
    statements = stage.one("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    (publishing,) = (s for s in statements if s["Effect"] == "Allow")
    assert publishing["Action"] == "sns:Publish"
    assert publishing["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert readable(publishing["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(
        f":alarm:image-reindex-{which.replace('stage', 'test')}-*"
    )


def test_alarms_may_use_the_key_of_their_topic(stage: Stage) -> None:
    # SNS's own key they may not use, and what cannot be published is silent.
    key = stage.one("AWS::KMS::Key")
    assert readable(stage.one("AWS::SNS::Topic")["KmsMasterKeyId"]) == "<MonitoringAlarmsKey.Arn>"
    assert any(
        statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        and statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
        for statement in key["KeyPolicy"]["Statement"]
    )
    assert key["EnableKeyRotation"]


def test_alarm_subscribers_are_subscribed(prod: Stage, stage: Stage) -> None:
    subscription = prod.one("AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == (
        "email",
        "on-call@library.example",
    )
    assert not stage.of_type("AWS::SNS::Subscription")


def test_a_stage_without_alarms_still_has_its_dashboard(asset: Asset) -> None:
    settings = load(CDK_JSON["context"]["stages"], "TEST", '{"alarms": false}')
    quiet = templates.synthesize(settings, asset)
    assert not quiet.of_type(ALARM)
    # Notices of runs are sent to the topic, with or without alarms.
    assert quiet.of_type("AWS::SNS::Topic")
    assert not [widget for widget in body(quiet)["widgets"] if widget["type"] == "alarm"]
