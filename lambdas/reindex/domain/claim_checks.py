"""Claim checks: references to texts that are too large for a message or an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: An object with this one key refers to a JSON text in the run's bucket, for values that are too
#: large for a message or an answer (the claim check pattern).
CLAIM_CHECK = "claimCheck"


def claim_check(key: str) -> str:
    """Return the claim check of the JSON text stored at ``key``."""
    return json.dumps({CLAIM_CHECK: key})


def claimed_key(value: Mapping[str, Any]) -> str | None:
    """Return the key of a claim check; None if the value is not one."""
    found: str | None = value[CLAIM_CHECK] if value.keys() == {CLAIM_CHECK} else None
    return found


def key_claimed_by(text: str) -> str | None:
    """Return the key of a claim check; None if the JSON text is not one."""
    return claimed_key(json.loads(text)) if text.startswith(f'{{"{CLAIM_CHECK}"') else None
