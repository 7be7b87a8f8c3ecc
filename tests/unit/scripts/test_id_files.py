from __future__ import annotations

from pathlib import Path

import pytest

from scripts.id_files import as_file, ids_of, open_ids


@pytest.mark.parametrize("lines", [0, 1, 2_500])
def test_ids_become_the_file_that_they_came_from(lines: int, tmp_path: Path) -> None:
    # Blank lines and lines that are not UTF-8 among them.
    content = b"a\n\n\xff\n" * lines
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    with open_ids(str(path)) as file:
        made = as_file(ids_of(file, lower=False))
        assert made.read(5) + made.read() == content
