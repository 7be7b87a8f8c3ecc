"""The position of a paged read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Cursor = Mapping[str, Any]
"""The position of a paged read: opaque, but JSON."""
