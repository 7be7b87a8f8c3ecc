"""The keys of a run's report in the run's bucket."""

from __future__ import annotations

#: Prefix of reports in the run's bucket.
REPORTS = "reports/"


def report_key(run_id: str) -> str:
    """Return the key of a run's report, as JSON."""
    return f"{REPORTS}{run_id}.json"


def page_key(run_id: str) -> str:
    """Return the key of a run's report, as a page for people."""
    return f"{REPORTS}{run_id}.html"
