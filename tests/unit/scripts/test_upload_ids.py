from __future__ import annotations

from pathlib import Path

import pytest

from reindex.domain.digest import sum_of_ids
from reindex.domain.ledger import Ledger
from reindex.steps.upload import CHUNK
from tests.unit.scripts.stage import Stage


def test_each_kind_is_counted_and_progress_is_not_on_stdout(stage: Stage, tmp_path: Path) -> None:
    stage.add("a")
    stage.upload(["a"], name="before")
    stage.whole_run()
    stage.upload(["b"], name="since")
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"\xef\xbb\xbfa\r\n\nb\nc\nc\n  \n" + b"x" * 513 + b"\n\xff\n")
    result = stage.reindex("upload-ids", str(ids))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout == (
        "1 new, 1 queued again, 0 left finished, 1 in work already, 1 duplicates, 2 blank, "
        "2 invalid\n"
    )
    assert stage.states() == {"queued": 3}
    brought = [upload.brought for upload in stage.runs.uploads().values()]
    assert sum(brought, Ledger()) == Ledger(3, sum_of_ids(["a", "b", "c"]))


def test_only_new_leaves_finished_images(stage: Stage) -> None:
    stage.add("a")
    stage.upload(["a"], name="before")
    stage.whole_run()
    result = stage.reindex("upload-ids", "--only-new", "-", stdin="a\nb\n")
    assert result.stdout.startswith("1 new, 0 queued again, 1 left finished, ")
    assert stage.states() == {"verified": 1, "queued": 1}


@pytest.mark.parametrize("content", ["", "\n  \n\n"])
def test_an_empty_file_fails_and_does_nothing(stage: Stage, content: str, tmp_path: Path) -> None:
    ids = tmp_path / "empty.txt"
    ids.write_text(content)
    result = stage.reindex("upload-ids", str(ids))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: no ids in {ids}\n"
    assert not stage.runs.uploads()


def test_on_a_terminal_progress_is_shown_on_stderr(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    ids = tmp_path / "ids.txt"
    ids.write_text("a\nb\n")
    result = stage.reindex("upload-ids", str(ids))
    assert "Uploading" in result.stderr
    assert result.stdout.startswith("2 new, ")


def test_an_unreadable_file_fails(stage: Stage, tmp_path: Path) -> None:
    result = stage.reindex("upload-ids", str(tmp_path / "absent"))
    assert result.exit_code == 1
    assert "No such file" in result.stderr


LOWER, UPPER = "0123456789abcdef", "0123456789ABCDEF"


def test_ids_of_another_form_than_the_tables_are_uploaded_and_named_after_the_counts(
    stage: Stage,
) -> None:
    stage.upload([LOWER], name="before")
    result = stage.reindex("upload-ids", "-", stdin=f"image id\n{UPPER}\n{LOWER}\n")
    assert result.exit_code == 0
    assert stage.table.rows.keys() == {"image id", UPPER, LOWER}
    counts, upper, blanks = result.output.splitlines()
    assert result.stdout == f"{counts}\n"
    assert counts.startswith("2 new, 0 queued again, 0 left finished, 1 in work already, ")
    most = "most ids in the table are lower-case hex digits."
    assert upper == f"Warning: 1 id is upper-case hex digits, such as {UPPER}; {most}"
    assert blanks == f"Warning: 1 id is text with blanks inside, such as image id; {most}"


def test_lower_turns_ids_to_lower_case_before_anything_else(stage: Stage) -> None:
    stage.upload([LOWER], name="before")
    result = stage.reindex("upload-ids", "--lower", "-", stdin=f"{UPPER}\n{UPPER[::-1]}\n{LOWER}\n")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("1 new, 0 queued again, 0 left finished, 1 in work already, ")
    assert "1 duplicates" in result.stdout
    assert stage.table.rows.keys() == {LOWER, LOWER[::-1]}


def test_an_interrupted_upload_reports_its_counts_and_odd_ids(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.upload([LOWER], name="before")
    seen = len(stage.table.rows)
    insert = stage.table.insert

    def interrupted(rows: list[object]) -> set[str]:
        if len(stage.table.rows) > seen:
            raise KeyboardInterrupt
        return insert(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.table, "insert", interrupted)
    ids = "\n".join(["image_id", *map(str, range(CHUNK))])
    result = stage.reindex("upload-ids", "-", stdin=ids)
    assert result.exit_code == 130
    stopped, odd = result.stderr.splitlines()
    assert stopped.startswith(f"Interrupted: {CHUNK:,} new, 0 queued again, ")
    assert stopped.endswith(" so far; upload the same ids again to go on.")
    assert odd.startswith("Warning: 1 id is text without blanks, such as image_id; ")
