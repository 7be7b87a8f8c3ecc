"""The browser that pages are looked at in."""

from __future__ import annotations

import os

import pytest

from tests.browser import chromium


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of Chromium. Without one the tests are skipped, or fail in CI."""
    found = chromium.find()
    if found is None:
        missing = "no Chromium is installed: no page is looked at"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
