"""Writes the fault matrix of ``docs/design.md``: ``python -m scripts.fault_pages``.

A row for every call that leaves the process and for every input that enters it, a column for
every way in which it can go wrong. Each cell is a word; the words say what happens, and name the
tests that show it. With ``--check`` nothing is written: a method without a row, a cell without a
word, a word without a test, or a page that is out of date is an error.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from reindex.stores import interfaces

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design.md"

_BEGIN = "<!-- fault matrix: made by python -m scripts.fault_pages -->\n"
_END = "<!-- end of the fault matrix -->\n"

COLUMNS = (
    "absent",
    "slow",
    "throttled",
    "refused",
    "malformed",
    "from the future",
    "doubled",
    "stale",
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The consequence of a fault.

    Attributes:
        means: For people.
        tests: Functions that show it, as ``file.py::function`` below ``tests``.
    """

    means: str
    tests: tuple[str, ...]


_NIGHTS = "unit/steps/test_nights.py::"
_FAULTS = "unit/steps/test_faults.py::"
_INGEST = "unit/steps/test_ingest.py::"
_PERMANENT = f"{_NIGHTS}test_a_permanent_fault_ends_the_phase_by_its_name"
_HOUR = f"{_NIGHTS}test_an_hour_of_any_declared_fault_counts_no_attempt"
_ANY = "unit/steps/test_any_moment.py::AnyMoment"

ENDINGS: Mapping[str, Ending] = {
    "held": Ending(
        "A gate that names the service or the index throttles the run; no image is charged. The"
        " run continues when the service answers; after `max_hold_seconds` the phase fails with"
        " the gate's name.",
        (
            _PERMANENT,
            _HOUR,
            _ANY,
            "unit/steps/test_slow_sources.py::test_a_loader_that_is_down_holds_the_run_by_its_name_and_counts_no_attempt",
        ),
    ),
    "silent": Ending(
        "The tick ends without a heartbeat. The state machine opens the phase again, three times, "
        "then the run fails.",
        (_PERMANENT, f"{_NIGHTS}test_a_permanent_fault_ends_the_phase_by_its_name"),
    ),
    "logged": Ending(
        "A line in the log; no work depends on it.",
        (
            _PERMANENT,
            "unit/steps/test_timeline.py::test_a_sample_that_cannot_be_kept_fails_no_tick",
        ),
    ),
    "retried": Ending(
        "The state machine repeats the step, which skips work that is already done. After some "
        "minutes the run fails with the service's name; the next start continues, or only "
        "reports.",
        (
            _HOUR,
            f"{_FAULTS}test_a_run_that_failed_in_its_tally_is_reported_by_the_next",
            f"{_FAULTS}test_a_report_that_is_tried_again_says_the_same",
            "unit/steps/test_audit.py::test_a_listing_that_fails_fails_the_audit_and_can_be_tried_again",
        ),
    ),
    "named": Ending(
        "Preflight names it before any image is changed; during a run it is *held* or *retried*.",
        (
            "unit/steps/test_run.py::test_preflight_names_what_is_wrong_and_touches_no_image",
            _PERMANENT,
        ),
    ),
    "own": Ending(
        "The failure of the one image that it is about, by its own code; other images are not "
        "affected. If all images of a batch fail with it at the same time, it is *held* "
        "instead, as an outage.",
        (
            f"{_FAULTS}test_one_original_that_s3_does_not_show_holds_up_no_other",
            f"{_FAULTS}test_an_outage_of_s3_in_the_check_counts_no_attempt",
            "unit/steps/test_project.py::test_a_source_that_forbids_is_that_images_failure_alone",
            "unit/steps/test_project.py::test_a_bad_document_is_that_images_failure_alone",
            "unit/steps/test_function_answers.py::test_a_fault_of_one_image_does_not_affect_others",
        ),
    ),
    "isolated": Ending(
        "The batch is halved until the image that causes the error is alone, and that image is "
        "charged with it. Ten consecutive ticks that end in an error fail the phase with it.",
        (
            f"{_FAULTS}test_an_unforeseen_error_counts_as_an_attempt_of_its_image",
            f"{_FAULTS}test_ten_ticks_in_a_row_that_end_in_an_error_fail_the_phase_with_it",
            f"{_FAULTS}test_a_table_that_dies_of_one_row_holds_up_no_other",
            "unit/steps/test_run.py::test_poison_alone_is_set_aside_and_its_neighbours_go_on",
        ),
    ),
    "aside": Ending(
        "Set aside and named: a row in the report, a message on the dead-letter queue. No other"
        " work waits for it.",
        (
            f"{_FAULTS}test_a_row_that_cannot_be_read_holds_up_no_other_and_the_report_names_it",
            f"{_FAULTS}test_a_claim_check_that_holds_no_document_spoils_its_own_message_alone",
            "unit/steps/test_run.py::test_an_unreadable_message_goes_to_the_dead_letters_and_is_counted",
        ),
    ),
    "again": Ending(
        "The message is delivered again, later each time. After 40 minutes a message that the "
        "index answers and does not accept is charged to its image, and one that cannot be read"
        " is set aside, so that the queue becomes quiet.",
        (
            f"{_FAULTS}test_one_message_that_never_gets_through_holds_up_no_other",
            f"{_FAULTS}test_one_document_that_keeps_its_whole_request_from_being_answered_holds_up_no_other",
            f"{_FAULTS}test_a_claim_check_that_can_never_be_read_is_set_aside",
            f"{_FAULTS}test_a_dead_letter_queue_that_refuses_holds_up_no_other_message",
            "unit/steps/test_run.py::test_a_brown_out_of_the_index_fills_no_dead_letter_queue",
        ),
    ),
    "dropped": Ending(
        "The messages of an index that is gone, or was created again, are acknowledged; the "
        "check finds their images, which are projected anew.",
        (
            f"{_FAULTS}test_messages_for_a_deleted_index_do_not_block_the_next_run",
            f"{_FAULTS}test_an_index_made_anew_under_the_same_name_is_not_written_by_the_messages_of_the_old",
        ),
    ),
    "bounded": Ending(
        "Work for which the tick has no time left is left to the next tick; every call has a "
        "time-out within the time left of its invocation.",
        (
            f"{_FAULTS}test_a_tick_ends_before_its_function_does",
            f"{_FAULTS}test_a_page_that_has_become_slow_is_left_to_the_next_tick",
            "unit/test_time_limit.py::test_no_request_is_begun_without_time",
        ),
    ),
    "same": Ending(
        "No effect: the repeated call fails the conditions that the first one changed (`state` "
        "and `rev`, a guard, a key that exists), or writes the same values.",
        (
            _ANY,
            "unit/steps/test_run.py::test_duplicate_and_reordered_messages_change_nothing",
            "unit/steps/test_run.py::test_aba_a_late_write_meets_a_row_that_came_back_to_the_same_state",
            f"{_FAULTS}test_a_segment_that_is_counted_twice_at_once_counts_nothing_twice",
        ),
    ),
    "checked": Ending(
        "Not trusted: a condition on the row, the guard, the check or the Tally decides, each "
        "by a consistent read.",
        (
            "unit/steps/test_run.py::test_early_end_rows_that_are_not_on_the_work_list_are_found_by_the_tally",
            "unit/steps/test_run.py::test_false_verified_an_older_runs_document_proves_nothing",
            f"{_FAULTS}test_what_an_aborted_run_enqueued_is_projected_anew_by_the_next",
        ),
    ),
    "ignored": Ending(
        "A value of an unexpected form counts as absent: the document is another program's, and"
        " is replaced under its guard.",
        (f"{_FAULTS}test_a_document_that_is_odd_in_the_index_is_repaired",),
    ),
    "clamped": Ending(
        "A time in the future counts as now, so the wait is no longer than any other. A lease "
        "that lasts longer than a tick can is ignored.",
        (
            f"{_FAULTS}test_a_modification_in_the_future_is_waited_for_no_longer_than_one_of_now",
            f"{_FAULTS}test_a_lease_from_the_future_is_taken_over",
        ),
    ),
    "settled": Ending(
        "An image that changed recently waits, by the latest stamp of its document; after three"
        " waits the guard and the check decide.",
        (
            f"{_FAULTS}test_the_latest_stamp_that_a_document_has_is_waited_for",
            "unit/steps/test_run.py::test_a_document_just_modified_waits_until_the_truth_has_settled_and_no_attempt_counts",
        ),
    ),
    "next": Ending(
        "A tick of a migration's schedule ends in an error, in the log; the next one, a minute "
        "later, continues where it stopped.",
        (
            "unit/steps/test_migration.py::test_a_round_that_was_recorded_and_not_started_is_started_by_the_next_tick",
            "unit/steps/test_migration.py::test_a_round_that_failed_is_made_again_from_where_it_began",
        ),
    ),
    "unsent": Ending(
        "Lambda handles the event twice more, within minutes; then that notice is not sent, and "
        "the log says why. The run is not touched.",
        ("unit/steps/test_notify.py::test_a_topic_that_does_not_take_it_has_the_event_again",),
    ),
    "appended": Ending(
        "The notice is still sent to the topic, and ends with the reason why the chat did not "
        "get it.",
        (
            "unit/steps/test_notify.py::test_a_chat_that_does_not_answer_does_not_keep_the_topic_from_its_notice",
            "unit/test_stores_notices.py::",
        ),
    ),
    "line": Ending(
        "An operator's command: one line that says what happened, exit status 1; it may be "
        "repeated.",
        ("unit/scripts/test_again.py::",),
    ),
    "shown": Ending(
        "`reindex explain` shows that this is not known, and why; its other lines are not "
        "affected.",
        (
            "unit/scripts/test_explain.py::test_a_service_that_does_not_answer_leaves_the_rest",
            "unit/scripts/test_explain.py::test_what_takes_too_long_is_not_waited_for",
        ),
    ),
    "refused": Ending(
        "Refused by name before anything is changed.",
        (
            "unit/steps/test_gather.py::test_options_that_a_run_does_not_know_are_refused",
            "unit/test_settings.py::",
        ),
    ),
    "new": Ending(
        "The normal first case: no run, no row, no document. A document is created under a "
        "guard that there is none.",
        (_ANY, "unit/steps/test_run.py::test_every_image_ends_verified_or_says_why"),
    ),
    "waits": Ending(
        "Another worker has the lease: this one gets nothing, and tries again later; if the "
        "lease is never released, the phase fails after `max_hold_seconds`.",
        (
            "unit/steps/test_run.py::test_stale_lease_what_a_dead_worker_held_is_worked_alone",
            f"{_FAULTS}test_a_second_execution_is_refused_while_the_first_gathers",
            f"{_FAULTS}test_chunks_that_no_worker_can_take_end_the_phase",
        ),
    ),
    "looked": Ending(
        "Looked at again before the audit reports it, and by every run that acts on it.",
        (
            "unit/steps/test_audit.py::test_what_was_just_changing_during_the_listing_is_not_reported",
        ),
    ),
    "listed": Ending(
        "The chunk is dropped, and a line in the log names it. Its rows have work left: the "
        "Tally's scan lists them again.",
        (
            "unit/steps/test_work_list.py::test_a_chunk_that_cannot_be_read_is_listed_again_by_the_tally",
            "unit/steps/test_run.py::test_early_end_rows_that_are_not_on_the_work_list_are_found_by_the_tally",
        ),
    ),
    "lost": Ending(
        "Found by the ledger: the report fails and names the upload.",
        (
            "unit/steps/test_run.py::test_conservation_a_row_that_vanished_fails_the_report",
            f"{_FAULTS}test_an_upload_while_the_table_is_scanned_is_no_loss",
        ),
    ),
    "postponed": Ending(
        "A message of the live lane is delivered again, later each time, for as long as a queue"
        " keeps it; no attempt counts, and work that is done is skipped.",
        (
            f"{_INGEST}test_an_outage_makes_submissions_wait_and_counts_no_attempt",
            f"{_INGEST}test_an_index_that_is_down_keeps_images_on_the_queue",
            "unit/steps/test_ingest_chaos.py::test_every_submission_ends_archived_and_indexed_or_failed_with_its_bytes",
        ),
    ),
    "passed": Ending(
        "Counted and skipped: a run with `--skip-unchanged` finds what was missed.",
        ("unit/steps/test_follow.py::test_a_change_of_no_image_is_passed_over",),
    ),
    "failed": Ending(
        "The failure of that one submission, by its own code: its row has the reason, and its "
        "bytes are in the failed bucket.",
        (
            f"{_INGEST}test_what_cannot_be_processed_fails_with_its_reason_and_its_bytes",
            f"{_INGEST}test_a_file_that_is_gone_is_said_so_once",
            f"{_INGEST}test_an_original_with_other_bytes_is_never_overwritten",
        ),
    ),
    "never": Ending("Impossible: the call has no such answer, or no time in it.", ()),
}


def _row(cells: str) -> tuple[str, ...]:
    return tuple(cells.split())


#: A tick's calls to DynamoDB, SQS, EventBridge and Step Functions, by default.
_HELD = _row("named bounded held held isolated never same checked")
_STEP = _row("named bounded retried retried retried never same checked")
_LINE = _row("line line line line line never same checked")
#: The live lane's calls.
_LANE = _row("postponed postponed postponed postponed postponed never same never")
_SUBMITTED = _row("failed postponed postponed postponed failed never same never")
_NEXT = _row("next bounded next next next never same checked")

CALLS: Mapping[str, tuple[str, ...]] = {
    "ProgressTable.insert": _row("named retried retried retried retried never same same"),
    "ProgressTable.read": _row("new bounded held held aside never same never"),
    "ProgressTable.write": _row("named bounded held held isolated never same same"),
    "ProgressTable.scan": _row("lost retried retried retried aside never same never"),
    "WorkList.take": _row("named bounded held held isolated clamped waits checked"),
    "WorkList.rows": _row("listed bounded held held listed never same checked"),
    "WorkList.mark": _row("waits bounded held held isolated never same waits"),
    "WorkList.settle": _row("waits bounded held held isolated never same waits"),
    "WorkList.release": _row("same bounded held held isolated never same same"),
    "WorkList.earliest": _HELD,
    "WorkList.count": _STEP,
    "WorkList.free": _STEP,
    "WorkList.remove": _row("named retried retried retried retried never same same"),
    "Runs.current": _row("new silent silent silent silent never same never"),
    "Runs.open": _row("named retried retried retried retried never waits waits"),
    "Runs.update": _row("same logged logged logged logged never same same"),
    "Runs.record_progress": _row("same bounded held held isolated never same same"),
    "Runs.record_gathered": _row("same retried retried retried retried never same same"),
    "Runs.record_bulks": _row("same logged logged logged logged never same same"),
    "Runs.record_failures": _row("new logged logged logged logged never same same"),
    "Runs.first_failures": _LINE,
    "Runs.replace_pace": _row("logged logged logged logged isolated never same waits"),
    "IndexerConcurrency.allow": _row("logged logged logged logged isolated never same never"),
    "IndexerConcurrency.is_enabled": _row("shown shown shown shown shown never same never"),
    "Runs.record_report": _row("same retried retried retried retried never same waits"),
    "Runs.record_upload": _row("new retried retried retried retried never same same"),
    "Runs.uploads": _row("lost retried retried retried retried never same checked"),
    "Runs.fold": _row("same retried retried retried retried never same same"),
    "Runs.forgettings": _row("new retried retried retried retried never same same"),
    "Forgetter.forget": _row("line line line line line never same same"),
    "Phases.turn_off": _row("named bounded isolated isolated isolated never same never"),
    "Phases.is_on": _LINE,
    "Phases.is_running": _row("same silent silent silent silent never same checked"),
    "Phases.heartbeat": _row("same silent silent silent silent never same never"),
    "Phases.succeed": _row("same bounded isolated isolated isolated never same never"),
    "Phases.fail": _row("same silent silent silent silent never same never"),
    "Queue.depth": _row("named bounded held held isolated never same checked"),
    "Backlog.send": _row("named bounded held held isolated never same never"),
    "Deliveries.postpone": _row("same logged logged logged isolated never same never"),
    "DeadLetters.put": _row("named again again again again never aside never"),
    "DeadLetterReview.receive": _LINE,
    "DeadLetterReview.release": _LINE,
    "DeadLetterReview.remove": _LINE,
    "Index.resolve": _row("named retried retried named retried never same checked"),
    "Index.uuid": _row("held bounded held held isolated never same checked"),
    "Index.denied_operations": _row("named retried retried named retried never same never"),
    "Index.mapping_gaps": _row("named retried retried named retried never same never"),
    "Index.mapping": _LINE,
    "Index.sample": _row("line line line line line never same never"),
    "Index.count": _LINE,
    "Index.finds": _row("shown shown shown shown shown never same never"),
    "Index.refresh": _LINE,
    "Index.search_ids": _LINE,
    "Index.misfits": _row("named bounded held held isolated never same checked"),
    "Index.health": _row("named bounded held named isolated never same checked"),
    "Index.read": _row("new bounded held held ignored clamped same checked"),
    "Index.scan": _row("line line line line ignored never same checked"),
    "Index.write": _row("dropped bounded again again isolated never same same"),
    "MigrationIndex.position": _row("next bounded next next next never same checked"),
    "MigrationIndex.changed": _row("retried retried retried retried retried never same checked"),
    "MigrationIndex.count_changed": _NEXT,
    "MigrationIndex.written_since": _LINE,
    "MigrationIndex.follow_problems": _LINE,
    "MigrationIndex.indices_behind": _LINE,
    "MigrationIndex.free_name": _LINE,
    "MigrationIndex.shards": _LINE,
    "MigrationIndex.build": _LINE,
    "MigrationIndex.live_settings": _LINE,
    "MigrationIndex.apply": _LINE,
    "MigrationIndex.health_of": _LINE,
    "MigrationIndex.aliases_of": _LINE,
    "MigrationIndex.move_aliases": _row("line line line line line never same same"),
    "MigrationIndex.add_aliases": _row("line line line line line never same same"),
    "MigrationIndex.drop": _row("same line line line line never same checked"),
    "Migrations.current": _row("new bounded next next next never same checked"),
    "Migrations.save": _row("next bounded next next next never same waits"),
    "CatchUpSchedule.turn_on": _LINE,
    "CatchUpSchedule.turn_off": _NEXT,
    "RunStarter.start": _row("next bounded next next next never same never"),
    "RunStarter.find": _row("new bounded next next next never same checked"),
    "WorkLister.add": _row("named retried retried retried retried never same same"),
    "Index.delete": _row("same bounded held held isolated never same same"),
    "Projector.project": _row("named bounded held held isolated never same checked"),
    "Loader.load": _row("named own own own own never same settled"),
    "RunFiles.put": _row("named logged logged logged logged never same never"),
    "RunFiles.create": _row("named retried retried retried retried never same never"),
    "RunFiles.upload": _LINE,
    "RunFiles.get": _row("aside again again again aside never same never"),
    "RunFiles.keys": _row("logged logged logged logged logged never same checked"),
    "IdSource.parts": _row("refused retried retried retried refused never same checked"),
    "IdSource.page": _row("refused retried retried retried refused never same checked"),
    "EntryListing.size": _row("retried retried retried retried retried never same looked"),
    "EntryListing.parts": _row("retried retried retried retried retried never same looked"),
    "EntryListing.page": _row("retried retried retried retried retried never same looked"),
    "Originals.open": _row("own own own own own never same settled"),
    "Originals.thumbnail": _row("new own own own own never same settled"),
    "Originals.optimised_png": _row("new own own own own never same settled"),
    "Originals.exists": _row("own own own own own never same checked"),
    "Originals.history": _row("shown shown shown shown shown never same never"),
    "UserDataSource.user_data": _row("new own own own own never same settled"),
    "BoundedLogSearch.search_within": _row("shown shown shown shown shown never same never"),
    "Submissions.read": _row("new postponed postponed postponed postponed never same never"),
    "Submissions.write": _row("postponed postponed postponed postponed never never same postponed"),
    "Submissions.mark_searchable": _row("same postponed postponed postponed never never same same"),
    "Submissions.remove": _LINE,
    "Submissions.of_image": _row("shown shown shown shown shown never same checked"),
    "Submissions.named": _LINE,
    "Submissions.failed": _LINE,
    "Submissions.scan": _LINE,
    "SubmittedFiles.metadata": _SUBMITTED,
    "SubmittedFiles.download": _SUBMITTED,
    "SubmittedFiles.remove": _row("same postponed postponed postponed never never same never"),
    "SubmittedFiles.keep_failed": _row("same postponed postponed postponed never never same never"),
    "SubmissionDesk.submit": _LINE,
    "SubmissionDesk.is_waiting": _LINE,
    "SubmissionDesk.waiting": _LINE,
    "SubmissionDesk.restore": _LINE,
    "SubmittedFiles.discard": _row("same postponed postponed postponed never never same never"),
    "SubmissionDesk.discard": _LINE,
    "Archive.archive": _row("postponed postponed postponed postponed failed never same failed"),
    "Archive.publish": _LANE,
    "HighPriority.send": _LANE,
    "FunctionLog.search": _LINE,
    "NoticeTopic.publish": _row("unsent unsent unsent unsent never never same never"),
    "Chat.post": _row("appended appended appended appended never never same never"),
}

INPUTS: Mapping[str, tuple[str, ...]] = {
    "a document of the index": _row("new never never never ignored clamped same checked"),
    "a row of the progress table": _row("lost never never never aside same same checked"),
    "the run record": _row("new never never never silent never same waits"),
    "a chunk's item": _row("listed never never never isolated clamped waits checked"),
    "a chunk's file": _row("listed never never never listed never same checked"),
    "an upload's item in the ledger": _row("lost never never never retried never same checked"),
    "an answer of the projection": _row("isolated bounded held held isolated never same checked"),
    "an answer of the library's image loader": _row("own held held own own never same settled"),
    "an answer of the library's function": _row("own held held held own never same settled"),
    "a message of the low-priority queue": _row("checked never never never aside never same same"),
    "a claim check's file": _row("aside again again again aside never same same"),
    "a tally's file": _row("retried retried retried retried retried never same same"),
    "a tick's sample": _row("logged logged logged logged logged logged same never"),
    "a list of ids": _row("refused retried retried retried refused never same never"),
    "bytes and metadata of an original": _row("own own own own own own same settled"),
    "rows of user data": _row("new own own own own own same settled"),
    "a submitted file": _row("failed never never never failed never same never"),
    "a row of the submissions table": _row("new never never never postponed same same postponed"),
    "a message of the ingest queue": _row("never never never never aside same same same"),
    "a record of a table's stream": _row("never never never never passed never same same"),
    "a message of the high-priority queue": _row("never never never never aside same same same"),
    "a run's input": _row("new never never never refused never waits never"),
    "settings and the secret": _row("refused never never never refused never same held"),
}


def methods() -> Iterator[str]:
    """Yield the methods of all interfaces, each by the first that declares it."""
    seen: set[object] = set()
    modules = [
        import_module(found.name)
        for found in pkgutil.iter_modules(interfaces.__path__, f"{interfaces.__name__}.")
    ]
    classes = {cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass)}
    for interface in sorted(classes, key=lambda cls: cls.__name__):
        if not getattr(interface, "_is_protocol", False):
            continue
        for method, function in vars(interface).items():
            if method.startswith("_") or not inspect.isfunction(function) or function in seen:
                continue
            seen.add(function)
            yield f"{interface.__name__}.{method}"


def problems() -> Iterator[str]:
    """Yield the gaps of the matrix."""
    known = set(methods())
    yield from (f"{method} has no row" for method in sorted(known - CALLS.keys()))
    yield from (f"{method} is no method" for method in sorted(CALLS.keys() - known))
    for name, cells in {**CALLS, **INPUTS}.items():
        if len(cells) != len(COLUMNS):
            yield f"{name} has {len(cells)} cells, not {len(COLUMNS)}"
        yield from (f"{name}: {cell!r} is no ending" for cell in cells if cell not in ENDINGS)
    used = {cell for cells in (*CALLS.values(), *INPUTS.values()) for cell in cells}
    yield from (f"{word} is in no cell" for word in ENDINGS.keys() - used)
    for word, ending in ENDINGS.items():
        if not ending.tests and word != "never":
            yield f"{word} names no test"
        yield from (
            f"{word}: there is no test {test}" for test in ending.tests if not _is_there(test)
        )


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return False
    return bool(re.search(rf"^\s*(def|class) {re.escape(name)}", path.read_text(), re.MULTILINE))


def matrix() -> str:
    """Return the matrix, in Markdown."""
    head = f"| | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}\n"
    calls = "".join(_line(f"`{name}`", cells) for name, cells in CALLS.items())
    inputs = "".join(_line(name, cells) for name, cells in INPUTS.items())
    words = "".join(
        f"| {word} | {ending.means} | {', '.join(f'`{_short(t)}`' for t in ending.tests)} |\n"
        for word, ending in ENDINGS.items()
    )
    return (
        f"Calls that leave the process:\n\n{head}{calls}\n"
        f"Inputs that enter it:\n\n{head}{inputs}\n"
        f"What the words mean, and the tests that show it:\n\n"
        f"| word | what happens | shown by |\n| --- | --- | --- |\n{words}"
    )


def _line(name: str, cells: tuple[str, ...]) -> str:
    return f"| {name} | {' | '.join(cells)} |\n"


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return name or Path(file).name


def page(text: str) -> str:
    """Return the page with the matrix as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{matrix()}\n{_END}{after}"


def main() -> None:
    """Write the matrix, or check it."""
    found = list(problems())
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:] and text != page(text):
        found.append("docs/design.md is out of date: python -m scripts.fault_pages")
    if found:
        sys.exit("\n".join(found))
    PAGE.write_text(page(text), encoding="utf-8")


if __name__ == "__main__":
    main()
