"""Writes the fault matrix of ``docs/design.md``: ``python -m scripts.fault_pages``.

With ``--check`` nothing is written: a method without a row, a cell without a word, a word without
a test, or a page that is out of date is an error.
"""

from __future__ import annotations

import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from reindex.stores import interfaces

from .fault_endings import ENDINGS
from .fault_matrix import CALLS, COLUMNS, INPUTS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design.md"

_BEGIN = "<!-- fault matrix: made by python -m scripts.fault_pages -->\n"
_END = "<!-- end of the fault matrix -->\n"


def methods() -> Iterator[str]:
    """Yield the methods of all interfaces, each by the first that declares it."""
    seen: set[object] = set()
    modules = [
        import_module(found.name)
        for found in pkgutil.iter_modules(interfaces.__path__, f"{interfaces.__name__}.")
    ]
    classes = {cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass)}
    for interface in sorted(classes, key=lambda cls: cls.__name__):
        if not getattr(interface, "_is_protocol", False):
            continue
        for method, function in vars(interface).items():
            if method.startswith("_") or not inspect.isfunction(function) or function in seen:
                continue
            seen.add(function)
            yield f"{interface.__name__}.{method}"


def problems() -> Iterator[str]:
    """Yield the gaps of the matrix."""
    known = set(methods())
    yield from (f"{method} has no row" for method in sorted(known - CALLS.keys()))
    yield from (f"{method} is no method" for method in sorted(CALLS.keys() - known))
    for name, cells in {**CALLS, **INPUTS}.items():
        if len(cells) != len(COLUMNS):
            yield f"{name} has {len(cells)} cells, not {len(COLUMNS)}"
        yield from (f"{name}: {cell!r} is no ending" for cell in cells if cell not in ENDINGS)
    used = {cell for cells in (*CALLS.values(), *INPUTS.values()) for cell in cells}
    yield from (f"{word} is in no cell" for word in ENDINGS.keys() - used)
    for word, ending in ENDINGS.items():
        if not ending.tests and word != "never":
            yield f"{word} names no test"
        yield from (
            f"{word}: there is no test {test}" for test in ending.tests if not _test_exists(test)
        )


def _test_exists(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return False
    return bool(re.search(rf"^\s*(def|class) {re.escape(name)}", path.read_text(), re.MULTILINE))


def matrix() -> str:
    """Return the matrix, in Markdown."""
    head = f"| | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}\n"
    calls = "".join(_line(f"`{name}`", cells) for name, cells in CALLS.items())
    inputs = "".join(_line(name, cells) for name, cells in INPUTS.items())
    words = "".join(
        f"| {word} | {ending.means} | {', '.join(f'`{_short(t)}`' for t in ending.tests)} |\n"
        for word, ending in ENDINGS.items()
    )
    return (
        f"Calls that leave the process:\n\n{head}{calls}\n"
        f"Inputs that enter it:\n\n{head}{inputs}\n"
        f"What the words mean, and the tests that show it:\n\n"
        f"| word | what happens | shown by |\n| --- | --- | --- |\n{words}"
    )


def _line(name: str, cells: tuple[str, ...]) -> str:
    return f"| {name} | {' | '.join(cells)} |\n"


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return name or Path(file).name


def page(text: str) -> str:
    """Return the page with the matrix as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{matrix()}\n{_END}{after}"


def main() -> None:
    """Write the matrix, or check it."""
    found = list(problems())
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:] and text != page(text):
        found.append("docs/design.md is out of date: python -m scripts.fault_pages")
    if found:
        sys.exit("\n".join(found))
    PAGE.write_text(page(text), encoding="utf-8")


if __name__ == "__main__":
    main()
