"""The claim check: what is too large to travel waits in the run's bucket."""

from __future__ import annotations

from reindex.domain.claim_checks import claim_check
from reindex.stores.interfaces.run_files import RunFiles

#: Bytes of JSON text above which a value waits in the bucket. A message holds 1 MiB, the
#: projection's answer 1 MB: at this size either still carries several.
CLAIM_ABOVE = 200_000


def claim(files: RunFiles, run_id: str, name: str, text: str) -> str:
    """Store JSON text in the run's bucket; return the JSON text of its claim check."""
    key = f"claims/{run_id}/{name}.json"
    files.put(key, text.encode())
    return claim_check(key)
