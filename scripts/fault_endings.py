"""The consequences of faults: the words of the fault matrix.

Each word says what happens, and names the tests that show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
