"""Finds the processors that a stage names: ours by their name, the library's own in its files."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reindex.processors.draft import Processor
from reindex.processors.processing import BUILT_IN, NamedProcessor
from reindex.processors.rules import RulesError, parse

#: How the rules are called among the processors. They come last, unless the list names them.
RIGHTS: Final = "rights"


#: Where the library's own files are in the functions' asset.
LIBRARY_FOLDER: Final = "library"


class ProcessorsError(ValueError):
    """A processor cannot be found or loaded; the message names it."""


def load(names: Sequence[str], rights: str | None, folder: Path) -> list[NamedProcessor]:
    """Return the processors of a stage, in order.

    Args:
        names: ``projection.processors``: of built-in ones, ``FILE:FUNCTION``, or ``rights``.
        rights: ``projection.rights``: the file of rules; None when there is none.
        folder: Where the files are.

    Raises:
        ProcessorsError: There is no such processor, file or function, or it cannot be loaded; or
            a file is outside of ``folder``, and so would not be in the functions' asset.
    """
    for file in files_of(names, rights):
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ProcessorsError(f"{file}: must be a path below the folder of cdk.json")
    in_order = [*names] if rights is None or RIGHTS in names else [*names, RIGHTS]
    return [NamedProcessor(name, _found(name, rights, folder)) for name in in_order]


def files_of(names: Sequence[str], rights: str | None) -> Iterator[str]:
    """Return the files that a stage's processors are in, relative to its folder."""
    yield from dict.fromkeys(name.partition(":")[0] for name in names if ":" in name)
    if rights:
        yield rights


def _found(name: str, rights: str | None, folder: Path) -> Processor:
    if name == RIGHTS:
        if rights is None:
            raise ProcessorsError(f"{name}: projection.rights names no file")
        return _rules(rights, folder)
    if ":" in name:
        return _function(name, folder)
    if name not in BUILT_IN:
        known = ", ".join([*BUILT_IN, RIGHTS, "FILE:FUNCTION"])
        raise ProcessorsError(f"there is no processor {name}: {known}")
    return BUILT_IN[name]


def _rules(file: str, folder: Path) -> Processor:
    try:
        return parse((folder / file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RulesError) as error:
        raise ProcessorsError(f"{file}: {error}") from error


def _function(name: str, folder: Path) -> Processor:
    file, _, function = name.rpartition(":")
    path = folder / file
    spec = importlib.util.spec_from_file_location(f"library_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ProcessorsError(f"{name}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # The edge of other people's code.
        raise ProcessorsError(f"{name}: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise ProcessorsError(f"{name}: {file} has no function {function}")
    processor: Processor = found
    return processor
