"""The position of a paged read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Cursor = Mapping[str, Any]
"""Where a paged read goes on; opaque, but JSON."""
