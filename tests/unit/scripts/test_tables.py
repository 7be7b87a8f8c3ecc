"""scan-states, report and prepare-index."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from reindex.domain.failures import NotAnImage
from reindex.stores.search.index import Prepared
from tests.unit.scripts.stage import Stage, squeezed
from tests.unit.steps.world import INDEX


@pytest.fixture
def finished() -> Stage:
    """Two verified, one not found, one that is not an image, and one uploaded since."""
    stage = Stage()
    stage.add("a", "b", "d")
    stage.projector.failing["d"] = NotAnImage("The file is of no image format.").as_failure()
    stage.upload(["a", "b", "c", "d"], name="first")
    stage.whole_run()
    stage.upload(["e"], name="second")
    return stage


def test_counts_of_all_states(finished: Stage) -> None:
    result = finished.reindex("scan-states")
    assert (result.exit_code, result.stderr) == (0, "")
    assert squeezed(result.stdout) == [
        "state code images",
        "queued 0 1",
        "not_found 2 1",
        "enqueued 3 0",
        "known_error 4 1",
        "verified 6 2",
        "inconsistent 7 0",
        "unknown_error 8 0",
        "all 5",
    ]


def test_rows_of_some_states_go_to_a_file(finished: Stage, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    result = finished.reindex(
        "scan-states", "--state", "known_error", "--state", "queued", "--out", str(out)
    )
    assert squeezed(result.stdout)[1:] == ["queued 0 1", "known_error 4 1", "all 2"]
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert rows["e"] == {
        "id": "e",
        "upload": "second",
        "state": "queued",
        "code": 0,
        "rev": 1,
        "attempts": 0,
        "waits": 0,
        "updated_at": rows["e"]["updated_at"],
        "created": False,
        "due_at": 0,
    }
    assert rows["d"]["failure"]["code"] == "not_an_image"


def test_rows_on_stdout_leave_it_to_them(finished: Stage) -> None:
    result = finished.reindex("scan-states", "--out", "-", "--segments", "3")
    assert {json.loads(line)["id"] for line in result.stdout.splitlines()} == set("abcde")
    assert squeezed(result.stderr)[-1] == "all 5"


def test_a_table_that_does_not_answer(finished: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    finished.files.fail_next(9)
    monkeypatch.setattr(finished.table, "scan", lambda *_: finished.files.get("any"))
    result = finished.reindex("scan-states")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: this twin was told not to answer\n"


def test_a_file_that_cannot_be_written(finished: Stage, tmp_path: Path) -> None:
    result = finished.reindex("scan-states", "--out", str(tmp_path / "absent" / "rows"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


HOSTILE = "refused \x1b]0;owned\x07 \x9b2J \u202egnp\nError: forged"
SHOWN = r"refused \x1b]0;owned\x07 \x9b2J \u202egnp\nError: forged"


def unfolded(text: str) -> str:
    """What is shown, without the spaces and breaks that fit it into columns."""
    return "".join(text.split())


def is_harmless(text: str) -> bool:
    return not {"\x1b", "\x07", "\x9b", "\u202e"} & {*text}


def test_tables_show_control_characters_and_never_send_them(stage: Stage) -> None:
    stage.add("a")
    stage.projector.failing["a"] = NotAnImage(HOSTILE).as_failure()
    stage.upload(["a"], name="first")
    stage.whole_run()
    shown = stage.reindex("report").stdout
    assert unfolded(SHOWN) in unfolded(shown)
    assert is_harmless(shown)
    # What scripts read is exact.
    kinds = json.loads(stage.reindex("report", "--json").stdout)["failures"]
    assert [kind["message"] for kind in kinds.values()] == [HOSTILE]
    rows = stage.reindex("scan-states", "--out", "-").stdout
    assert json.loads(rows)["failure"]["message"] == HOSTILE


def test_the_status_shows_control_characters_and_never_sends_them(finished: Stage) -> None:
    run = finished.runs.current()
    assert run is not None
    finished.runs.record = replace(run, status="failed", reason=HOSTILE)
    for result in (finished.reindex("status"), finished.reindex("status", "--watch")):
        assert unfolded(SHOWN) in unfolded(result.stdout + result.stderr)
        assert is_harmless(result.output)
    assert result.stderr == f"Error: run {run.run_id} failed: {SHOWN}\n"


def test_the_latest_report(finished: Stage) -> None:
    result = finished.reindex("report")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = squeezed(result.stdout)
    assert lines[:2] == ["run id run-1", "status succeeded"]
    assert "verified 6 2 2" in lines
    failure = finished.table.rows["d"].failure
    assert failure
    assert f"not_an_image {failure.fingerprint} 1 {failure.message} d" in lines


def test_a_report_by_its_run_as_it_is_stored(finished: Stage) -> None:
    result = finished.reindex("report", "--run-id", "run-1", "--json")
    assert json.loads(result.stdout) == json.loads(finished.files.files["reports/run-1.json"])


def test_a_report_as_a_page_in_a_file(finished: Stage, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    result = finished.reindex("report", "--html", str(file))
    assert (result.exit_code, result.stdout) == (0, f"Wrote {file}.\n")
    assert file.read_bytes() == finished.files.files["reports/run-1.html"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser was asked to open."""
    pages: list[str] = []

    def opens(url: str) -> bool:
        pages.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    return pages


def test_a_report_is_opened_in_a_browser(finished: Stage, opened: list[str]) -> None:
    result = finished.reindex("report", "--run-id", "run-1", "--open")
    assert (result.exit_code, result.stdout) == (0, "")
    [url] = opened
    page = Path(unquote(urlsplit(url).path))
    assert page.name == "run-1.html"
    assert page.read_bytes() == finished.files.files["reports/run-1.html"]


def test_a_report_is_opened_where_it_was_written(
    finished: Stage, opened: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    finished.reindex("report", "--html", str(file), "--open")
    assert opened == [file.as_uri()]


def test_without_a_browser_the_page_can_still_be_found(
    finished: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    file = tmp_path / "report.html"
    result = finished.reindex("report", "--html", str(file), "--open")
    assert result.exit_code == 1
    assert result.stderr == f"Error: no browser could be opened; the page is {file}\n"
    assert file.exists()


def test_a_page_is_no_json(finished: Stage) -> None:
    result = finished.reindex("report", "--json", "--open")
    assert result.exit_code == 2
    assert "Give --json, or --html and --open." in result.stderr


def test_a_page_that_cannot_be_written(finished: Stage, tmp_path: Path) -> None:
    result = finished.reindex("report", "--html", str(tmp_path / "absent" / "report.html"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


def test_reports_that_are_not_there(stage: Stage) -> None:
    assert stage.reindex("report").stderr == "Error: no run has been started yet\n"
    assert (
        stage.reindex("report", "--run-id", "x").stderr
        == "Error: there is no report reports/x.json\n"
    )
    stage.add("a")
    stage.upload(["a"], name="first")
    stage.preflight("run-1")
    assert stage.reindex("report").stderr == "Error: run run-1 has no report, it is open\n"


@pytest.mark.parametrize(
    ("prepared", "said"),
    [
        (Prepared(INDEX, True, True, []), f"Created index {INDEX} behind alias images.\n"),
        (Prepared(INDEX, False, True, []), f"Added the field for provenance to index {INDEX}.\n"),
        (Prepared(INDEX, False, False, []), f"Index {INDEX} needs no change.\n"),
    ],
)
def test_prepare_index_says_what_it_did(stage: Stage, prepared: Prepared, said: str) -> None:
    stage.prepared = prepared
    result = stage.reindex("prepare-index")
    assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")


def test_an_index_that_will_not_do_is_a_failure(stage: Stage) -> None:
    stage.prepared = Prepared(INDEX, False, True, ["leases is missing", "usages is text"])
    result = stage.reindex("prepare-index")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: its mapping will not take our documents:\n  leases is missing\n  usages is text\n"
    )


def test_an_index_is_made_of_the_librarys_own_mapping(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    own = {"dynamic": "strict", "properties": {"colour": {"type": "keyword"}}}
    file.write_text(json.dumps({"settings": {"number_of_shards": 2}, "mappings": own}))
    stage.set(OWN_DOCUMENTS="false")

    assert stage.reindex("prepare-index", "--mapping", str(file)).exit_code == 0
    [schema] = stage.schemas
    assert schema.settings == {"number_of_shards": 2}
    assert schema.mapping["properties"] == {
        "colour": {"type": "keyword"},
        "esInfo": {"properties": {"reindex": {"type": "object", "enabled": False}}},
    }

    file.write_text(json.dumps(own))
    assert stage.reindex("prepare-index", "--mapping", str(file)).exit_code == 0
    assert stage.schemas[1].mapping == schema.mapping
    file.write_text('["no mapping"]')
    assert "no object with properties" in (
        stage.reindex("prepare-index", "--mapping", str(file)).stderr
    )


def test_no_index_is_made_of_our_mapping_for_documents_of_another_shape(stage: Stage) -> None:
    stage.set(OWN_DOCUMENTS="false")
    assert stage.reindex("prepare-index").exit_code == 0, "one that exists gets its provenance"
    stage.index.aliases.clear()
    refused = stage.reindex("prepare-index")
    assert refused.exit_code == 2
    assert "give --mapping FILE" in refused.stderr
