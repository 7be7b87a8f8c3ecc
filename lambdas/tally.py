"""The Tally's steps: count a segment, decide about another round, report; and sorting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("tally")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Do the step that the event names.

    ``segment``, ``decide`` and ``report`` are the Tally's; ``plan``, ``group``, ``range`` and
    ``replace`` put a long work list in order.
    """
    run_id, round_ = event["run_id"], event["round"]
    match event["step"]:
        case "segment":
            return wiring.run_steps.tallying.segment(
                run_id, round_, event["segment"], event["segments"], event["cursor"]
            )
        case "decide":
            return wiring.run_steps.tallying.decide(
                run_id, round_, event["segments"], event.get("input")
            )
        case "report":
            return wiring.run_steps.tallying.report(run_id, round_)
        case _:
            return _put_in_order(wiring, event, run_id, round_)


def _put_in_order(
    wiring: Wiring, event: Mapping[str, Any], run_id: str, round_: int
) -> dict[str, Any]:
    match event["step"]:
        case "plan":
            return wiring.run_steps.ordering.plan(run_id, round_)
        case "group":
            return wiring.run_steps.ordering.cut(run_id, round_, event["group"])
        case "range":
            return wiring.run_steps.ordering.sort(run_id, round_, event["range"])
        case "replace":
            return wiring.run_steps.ordering.replace(run_id, round_)
        case step:
            raise ValueError(f"the tally has no step {step!r}")
