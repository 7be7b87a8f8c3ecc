"""start, abort, pause, resume and status."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.indexer_pace import SetBy
from reindex.domain.states import Phase
from reindex.reports.estimate import Speed
from reindex.stores.executions import Executions
from reindex.stores.interfaces.executions import Execution
from reindex.stores.interfaces.id_sources import IdPage, Part
from reindex.stores.interfaces.paging import Cursor
from tests.twins.id_sources import MemoryIds
from tests.unit.aws import SESSION
from tests.unit.scripts.stage import Stage, squeezed

RUN_ID = re.compile(r"20260301-180000-[0-9a-f]{4}")


def queue(stage: Stage, *ids: str) -> None:
    stage.add(*ids)
    stage.upload(ids, name="first")


def speed_of(stage: Stage, phase: Phase, seconds: float) -> dict[str, Any]:
    """What the run record says of a phase's speed after so many seconds of work."""
    return {"speeds": {phase: asdict(Speed(seconds, 0, stage.clock.now()))}}


# start


def test_start_prints_the_runs_id(stage: Stage) -> None:
    queue(stage, "a")
    result = stage.reindex("start")
    assert result.exit_code == 0
    assert RUN_ID.fullmatch(result.stdout.strip())
    assert stage.run.run_id == result.stdout.strip()


def test_start_waits_for_preflight(stage: Stage) -> None:
    queue(stage, "a")
    stage.stepfunctions.opening = lambda _: None

    ready_at = stage.clock.time + 5

    def opens() -> None:
        if stage.clock.time > ready_at and stage.runs.current() is None:
            [execution] = stage.phases.running
            stage.preflight(execution)

    stage.clock.meanwhile = opens
    result = stage.reindex("start")
    assert (result.exit_code, result.stdout.strip()) == (0, stage.run.run_id)


def test_each_finding_of_preflight_is_a_line(stage: Stage) -> None:
    stage.index.lacking = ["esInfo.reindex is missing", "usages is text"]
    result = stage.reindex("start")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: The run was not opened:\n"
        "  index images-000001: esInfo.reindex is missing\n"
        "  index images-000001: usages is text\n"
    )
    assert not stage.run.is_open


def test_originals_in_an_archive_are_counted_before_they_fail(stage: Stage) -> None:
    stage.add("a", "b")
    page = MemoryIds.page

    def archived(source: MemoryIds, part: Part, after: Cursor | None) -> IdPage:
        return replace(page(source, part, after), archived=1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MemoryIds, "page", archived)
        result = stage.reindex("start", "--source", "bucket")

    assert result.exit_code == 0
    assert "2 originals are in an archive and cannot be read" in result.stderr


def test_an_execution_that_ends_otherwise_says_how(stage: Stage) -> None:
    stage.stepfunctions.opening = lambda arn: stage.stepfunctions.fail(arn, "no such function")
    result = stage.reindex("start")
    assert result.stderr == "Error: The run was not opened:\n  no such function\n"


def test_start_refuses_while_a_run_is_open(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    result = stage.reindex("start")
    assert result.exit_code == 1
    assert result.stderr == "Error: run run-1 is open: let it end, or abort it\n"


def test_start_refuses_while_preflight_judges_another(stage: Stage) -> None:
    stage.phases.running.add("arn:run-0")
    result = stage.reindex("start")
    assert (
        result.stderr
        == "Error: run arn:run-0 is being opened: let it end, or abort it\n".replace(
            "arn:run-0", "run-0"
        )
    )


def test_start_takes_over_a_run_whose_execution_died(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.phases.running.clear()
    result = stage.reindex("start")
    assert (result.exit_code, stage.run.run_id) == (0, result.stdout.strip())


def test_an_interrupted_start_says_that_the_run_goes_on(stage: Stage) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    stage.stepfunctions.opening = lambda _: None
    stage.clock.meanwhile = interrupted
    result = stage.reindex("start")
    assert result.exit_code == 130
    assert re.fullmatch(
        rf"Interrupted: run {RUN_ID.pattern} goes on; reindex abort ends it\.\n", result.stderr
    )


def test_start_gathers_from_the_bucket(stage: Stage) -> None:
    stage.add("a", "b", "c")
    result = stage.reindex("start", "--source", "bucket", "--limit", "2", "--skip-unchanged")
    assert (result.exit_code, result.stderr) == (0, "")
    assert stage.stepfunctions.last_input == {
        "source": {"kind": "bucket"},
        "limit": 2,
        "skip_unchanged": True,
    }
    assert (stage.run.total, stage.run.skip_unchanged) == (2, True)


def test_start_gathers_what_the_index_lacks(stage: Stage) -> None:
    stage.index.live_write("a", {"id": "a"})
    query = {"match": {"metadata.credit": "AP"}}
    result = stage.reindex(
        *("start", "--source", "index", "--query", json.dumps(query), "--lacking", "metadata.title")
    )
    assert (result.exit_code, result.stderr) == (0, "")
    source = {"kind": "index", "query": query, "lacking": "metadata.title"}
    assert stage.stepfunctions.last_input == {"source": source}
    assert stage.table.rows.keys() == {"a"}


@pytest.mark.parametrize("stdin", [True, False])
def test_start_uploads_a_file_and_gathers_it(stage: Stage, stdin: bool, tmp_path: Path) -> None:  # noqa: FBT001
    stage.add("a")
    stage.upload(["a"], name="before")
    stage.whole_run()
    stage.phases.running.clear()
    ids = tmp_path / "ids.txt"
    ids.write_text("a\nb\n")
    result = stage.reindex(
        *("start", "--source", "file", "--file", "-" if stdin else str(ids), "--only-new"),
        stdin=ids.read_text(),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    key = f"uploads/{result.stdout.strip()}.txt"
    assert stage.files.files[key] == b"a\nb\n"
    assert stage.stepfunctions.last_input == {
        "source": {"kind": "file", "key": key},
        "only_new": True,
    }
    assert stage.states() == {"verified": 1, "queued": 1}


def test_start_turns_a_files_ids_to_lower_case_and_names_odd_ones(
    stage: Stage, tmp_path: Path
) -> None:
    known = "0123456789abcdef"
    stage.upload([known], name="before")
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"\xef\xbb\xbfImage\r\n\n" + known.upper().encode())
    result = stage.reindex("start", "--source", "file", "--file", str(ids), "--lower")
    assert result.exit_code == 0
    [uploaded] = [body for key, body in stage.files.files.items() if key.startswith("uploads/")]
    assert uploaded == b"image\n\n" + known.encode() + b"\n"
    assert result.stderr == (
        "Warning: 1 id is text without blanks, such as image; most ids in the table are "
        "lower-case hex digits.\n"
    )


def test_start_uploads_nothing_while_a_run_is_open(stage: Stage, tmp_path: Path) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    ids = tmp_path / "ids.txt"
    ids.write_text("a\n")
    assert stage.reindex("start", "--source", "file", "--file", str(ids)).exit_code == 1
    assert not stage.files.files


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--limit", "5"), "limit and only_new need another source than table"),
        (("--source", "bucket", "--lacking", "title"), "source.lacking is for the source index"),
        (("--source", "file"), "--source file and --file go together"),
        (("--file", "ids.txt"), "--source file and --file go together"),
        (("--source", "bucket", "--lower"), "--lower needs --source file"),
        (("--source", "index", "--query", "title:x"), "this is no JSON: "),
        (("--source", "index", "--query", "[1]"), "this is no JSON object"),
    ],
)
def test_options_that_a_run_does_not_know_are_wrong_usage(
    stage: Stage, args: tuple[str, ...], said: str
) -> None:
    result = stage.reindex("start", *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not stage.stepfunctions.status


# abort


def test_abort_turns_the_schedules_off_stops_the_execution_and_closes_the_record(
    stage: Stage,
) -> None:
    queue(stage, "a", "b", "c")
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    stage.runs.record_progress("run-1", {"not_found": 1, "enqueued": 1}, stage.clock.now())
    result = stage.reindex("abort")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "Run run-1 is aborted; both schedules are off.\n"
        "1 image of 3 settled by it; the others keep their places for the next start.\n"
    )
    assert (stage.phases.on, stage.phases.running) == (set(), set())
    run = stage.run
    assert (run.status, run.phase, run.task_token) == ("aborted", None, None)
    assert run.ended_at == stage.clock.now()


def test_a_second_abort_finds_nothing_to_do(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.reindex("abort")
    result = stage.reindex("abort")
    assert result.exit_code == 0
    assert result.stdout == "Nothing to abort: run run-1 has been aborted.\n"


def test_abort_before_any_run(stage: Stage) -> None:
    result = stage.reindex("abort")
    assert (result.exit_code, result.stdout) == (
        0,
        "Nothing to abort: no run has been started yet.\n",
    )


def test_abort_stops_what_preflight_has_not_opened_yet(stage: Stage) -> None:
    stage.phases.running.add("arn:run-0")
    result = stage.reindex("abort")
    assert result.stdout == "Execution run-0 is stopped; both schedules are off.\n"
    assert not stage.phases.running


def test_abort_closes_the_record_of_an_execution_that_died(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.open_phase(Phase.CHECK)
    stage.phases.running.clear()
    stage.reindex("abort")
    assert (stage.run.status, stage.phases.on) == ("aborted", set())


def test_an_abort_that_fails_halfway_is_completed_by_the_next(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    stage.phases.fail_next(1)
    assert stage.reindex("abort").exit_code == 1
    assert stage.reindex("abort").exit_code == 0
    assert (stage.run.status, stage.phases.on) == ("aborted", set())


# pause and resume


def test_pause_and_resume(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    assert stage.reindex("pause").stdout == "Run run-1 is paused.\n"
    assert stage.run.paused
    assert stage.reindex("pause").stdout == "Run run-1 is already paused.\n"
    stage.clock.time += 1000
    assert stage.reindex("resume").stdout == "Run run-1 goes on.\n"
    assert (stage.run.paused, stage.run.progressed_at) == (False, stage.clock.time)
    assert stage.reindex("resume").stdout == "Run run-1 was not paused.\n"


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_without_an_open_run_there_is_nothing_to_hold(stage: Stage, verb: str) -> None:
    result = stage.reindex(verb)
    assert (result.exit_code, result.stderr) == (1, "Error: no run is open\n")


# status


def test_status_shows_the_state_of_the_run(stage: Stage) -> None:
    queue(stage, *map(str, range(100)))
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    stage.clock.time += 10
    moved = {"enqueued": 18, "known_error": 2, "retried": 4}
    stage.runs.record_progress("run-1", moved, stage.clock.now(), speed_of(stage, Phase.INDEX, 10))
    stage.runs.update("run-1", {"held_by": "the backlog is full"})
    stage.dead_letters.put("{}", "unreadable")
    stage.clock.time += 10
    result = stage.reindex("status")
    text = re.sub(r"[ ]+", " ", result.stdout)
    assert " run-1" in text
    for said in (
        "phase index phase",
        "work done 11%",
        "images 20 of 100 projected",
        "moved 18 enqueued, 2 known_error, 4 retried",
        "backlog 0 waiting, 0 in flight, 0 delayed",
        "dead letters 1",
        "rate 2.0 images/s",
        # To project 80 takes 40 s, 10 of which have passed; then two minutes of quiet, and checks.
        "time left 3 min",
        "held by the backlog is full",
        "last moved 10 s ago",
    ):
        assert said in text


def test_status_groups_the_first_failures_until_there_is_a_report(stage: Stage) -> None:
    queue(stage, "a", "b", "c")
    for image_id in ("a", "b"):
        stage.projector.failing[image_id] = Failure("not_an_image", "It is no image.")
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    stage.tick_until_drained(Phase.INDEX)

    said = squeezed(stage.reindex("status").stdout)

    fingerprint = Failure("not_an_image", "It is no image.").fingerprint
    assert said[-3:] == [
        "Of the first 2 failures:",
        "images code fingerprint why",
        f"2 not_an_image {fingerprint} It is no image.",
    ]
    stage.open_phase(Phase.CHECK)
    stage.tick_until_drained(Phase.CHECK)
    stage.tally()
    stage.report()
    assert "Of the first" not in stage.reindex("status").stdout


def test_status_says_how_many_bulks_go_on_and_what_sets_that(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    assert "bulks" not in stage.reindex("status").stdout
    pace = {"at": stage.clock.now(), "concurrency": 7, "set_by": SetBy.LATENCY}
    stage.runs.replace_pace("run-1", pace, None)

    text = re.sub(r"[ ]+", " ", stage.reindex("status").stdout)

    assert "bulks 7 side by side, set by the cluster: documents take longer" in text


@pytest.mark.parametrize(
    ("quiet_for", "said"),
    [(None, "waiting for the queue to be quiet"), (60, "waiting for"), (200, "80 s")],
)
def test_status_gives_no_minutes_while_the_queue_is_waited_for(
    stage: Stage, quiet_for: float | None, said: str
) -> None:
    queue(stage, *map(str, range(100)))
    stage.preflight("run-1")
    stage.open_phase(Phase.CHECK)
    stage.clock.time += 20
    now = stage.clock.now()
    moved = {"enqueued": 100, "verified": 20}
    stage.runs.record_progress("run-1", moved, now, speed_of(stage, Phase.CHECK, 20))
    stage.runs.update("run-1", {"quiet_since": None if quiet_for is None else now - quiet_for})

    text = re.sub(r"[ ]+", " ", stage.reindex("status").stdout)

    assert f"time left {said}" in text


def test_status_notices_a_schedule_that_was_switched_off(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    stage.phases.on.clear()
    assert "index phase, its schedule is off" in stage.reindex("status").stdout
    assert not json.loads(stage.reindex("status", "--json").stdout)["ticks"]


def test_status_knows_the_run_that_gathers_its_ids(stage: Stage) -> None:
    stage.phases.running.add("arn:run-1")
    result = stage.reindex("status")
    assert result.stdout == "Run run-1 gathers ids or is being opened.\n"


def test_status_knows_the_run_that_comes_after_the_latest(stage: Stage) -> None:
    queue(stage, "a")
    stage.whole_run()
    stage.phases.running.add("arn:run-2")
    text = stage.reindex("status").stdout
    assert "succeeded; run run-2 gathers ids or is being opened" in text


def test_status_as_json(stage: Stage) -> None:
    queue(stage, "a", "b")
    stage.whole_run()
    result = stage.reindex("status", "--json")
    status = json.loads(result.stdout)
    assert status["run_id"] == "run-1"
    assert (status["status"], status["running"]) == ("succeeded", True)
    assert (status["total"], status["settled"], status["eta_seconds"]) == (2, 2, None)
    assert status["backlog"] == {"visible": 0, "in_flight": 0, "delayed": 0}


@pytest.mark.parametrize(
    ("args", "said"), [((), "No run has been started yet.\n"), (("--json",), "null\n")]
)
def test_status_before_any_run(stage: Stage, args: tuple[str, ...], said: str) -> None:
    assert stage.reindex("status", *args).stdout == said


def moves(stage: Stage, *moments: dict[str, int]) -> None:
    """Let a run move by so much at each look, and then succeed."""
    left = iter(moments)

    def meanwhile() -> None:
        moved = next(left, None)
        if moved:
            elapsed = stage.clock.now() - stage.run.started_at
            stage.runs.record_progress(
                "run-1", moved, stage.clock.now(), speed_of(stage, Phase.INDEX, elapsed)
            )
        else:
            stage.runs.update("run-1", {"status": "succeeded", "ended_at": stage.clock.now()})

    stage.clock.meanwhile = meanwhile


def test_watch_follows_the_run_to_its_end(stage: Stage) -> None:
    queue(stage, *map(str, range(10)))
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    moves(stage, {"enqueued": 4}, {"enqueued": 4})
    result = stage.reindex("status", "--watch")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.removeprefix("run run-1 · ") for line in result.stdout.splitlines()] == [
        "index phase · 0% done · measuring the speed · 0 of 10 projected · backlog 0",
        "index phase · 1% done · 2 min left · 4 of 10 projected · 2.0 images/s · backlog 0",
        "index phase · 3% done · 2 min left · 8 of 10 projected · 2.0 images/s · backlog 0",
        "succeeded · 100% done · 0 of 10 finished · backlog 0",
    ]


def test_on_a_terminal_the_watch_is_redrawn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    queue(stage, *map(str, range(10)))
    stage.preflight("run-1")
    stage.open_phase(Phase.INDEX)
    moves(stage, {"enqueued": 4})
    result = stage.reindex("status", "--watch")
    assert result.exit_code == 0
    assert "4 of 10" in result.stdout
    assert "succeeded" in result.stdout
    # What is redrawn first moves the cursor up.
    assert "\x1b[1A" in result.stdout


def test_watch_as_json_is_a_line_per_look(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    moves(stage)
    result = stage.reindex("status", "--watch", "--json")
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == [
        "open",
        "succeeded",
    ]


def test_watch_exits_1_when_the_run_fails(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.runs.update("run-1", {"status": "failed", "reason": "the alias moved"})
    result = stage.reindex("status", "--watch")
    assert (result.exit_code, result.stderr) == (1, "Error: run run-1 failed: the alias moved\n")


def test_watch_notices_an_execution_that_died(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.phases.running.clear()
    result = stage.reindex("status", "--watch")
    assert result.exit_code == 1
    assert "has ended and left its record open" in result.stderr


def test_watch_outlives_a_services_bad_minute(stage: Stage) -> None:
    queue(stage, "a")
    stage.preflight("run-1")
    stage.backlog.fail_next(3)
    moves(stage, {"verified": 1}, {"verified": 0}, {"verified": 0})
    assert stage.reindex("status", "--watch").exit_code == 0


def test_watch_before_any_run(stage: Stage) -> None:
    result = stage.reindex("status", "--watch")
    assert (result.exit_code, result.stderr) == (1, "Error: no run has been started yet\n")


def test_start_and_watch(stage: Stage) -> None:
    queue(stage, "a")

    def ends() -> None:
        stage.runs.update(stage.run.run_id, {"status": "succeeded"})

    stage.clock.meanwhile = ends
    result = stage.reindex("start", "--watch")
    assert result.exit_code == 0
    assert "succeeded" in result.stdout


# Step Functions itself


@mock_aws
def test_executions_are_started_looked_at_listed_and_stopped() -> None:
    client = SESSION.client("stepfunctions")
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    arn = client.create_state_machine(
        name="run",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::123456789012:role/run",
    )["stateMachineArn"]
    executions = Executions(client, arn)
    execution = executions.start("run-1", {"limit": 1})
    assert executions.look(execution).is_running
    assert executions.running() == [execution]
    executions.stop(execution, "enough")
    assert executions.look(execution).status == "ABORTED"
    executions.stop(execution + "-absent", "harmless")
    assert executions.running() == []


@mock_aws
def test_a_state_machine_that_is_not_there() -> None:
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:absent"
    with pytest.raises(StoreUnavailable, match="Step Functions: StartExecution"):
        Executions(SESSION.client("stepfunctions"), arn).start("run-1", {})


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        (Execution("FAILED", "E", '{"errorMessage": "why", "stackTrace": []}'), "why"),
        (Execution("FAILED", "E", "plain"), "plain"),
        (Execution("FAILED", "E", "[1]"), "[1]"),
        (Execution("FAILED", "E"), "E"),
        (Execution("TIMED_OUT"), "the execution ended: TIMED_OUT"),
    ],
)
def test_why_an_execution_failed(execution: Execution, message: str) -> None:
    assert execution.message == message
