"""The commands that have an image projected again."""

from __future__ import annotations

import shlex

from reindex.domain.progress import ProgressRow
from reindex.repairs.image_evidence import Evidence


def upload_command(e: Evidence) -> str:
    """Return the command that has the image projected anew."""
    name = shlex.quote(e.image_id)
    if e.open_run:
        return f"echo {name} | reindex upload-ids -"
    return f"echo {name} | reindex start --source file --file - --watch"


def requeue_command(e: Evidence, code: str) -> str:
    """Return the command that queues all images again that failed as this one did."""
    row = e.row
    if not isinstance(row, ProgressRow) or row.state.phase or not row.failure:
        return upload_command(e)
    if row.failure.code != code:
        return upload_command(e)
    command = f"reindex requeue --fingerprint {row.failure.fingerprint} --yes"
    return command if e.open_run else f"{command} && reindex start --watch"
