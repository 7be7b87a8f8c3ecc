"""Runs microburst, patched to answer HEAD with the object's length, which clients of S3 need.

It is run by the Python that microburst is installed for.
"""

from __future__ import annotations

from typing import Any

from microburst import cli, forward  # type: ignore[import-not-found]

_relay = forward._stream_to_client


async def _with_length(request: Any, status: int, headers: Any, mutator: Any, chunks: Any) -> Any:
    if request.method == "HEAD" and "content-length" in headers:
        mutator = mutator or forward.ResponseFault()
        mutator.set_headers = {"Content-Length": headers["content-length"]}
    return await _relay(request, status, headers, mutator, chunks)


if __name__ == "__main__":
    forward._stream_to_client = _with_length
    cli.main()
