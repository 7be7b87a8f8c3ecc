"""The audit's steps: plan, list a part, compare a partition, report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.steps.audit_files import audit_id_of
from reindex.wiring import Wiring


@lambda_handler("audit")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Do the step that the event names."""
    audit_id = audit_id_of(event["execution_name"])
    auditing = wiring.audit_steps.auditing
    match event["step"]:
        case "plan":
            options = event["input"]
            return auditing.plan(
                audit_id,
                deep=options.get("deep") is True,
                accept_shrunk=options.get("accept_shrunk") is True,
            )
        case "part":
            return auditing.list_part(audit_id, event["part"], event["cursor"])
        case "partition":
            return auditing.compare(audit_id, event["partition"])
        case "report":
            return auditing.report(audit_id)
        case step:
            raise ValueError(f"the audit has no step {step!r}")
