"""Finds the processors that a stage names: ours by their name, the library's own in its files."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from reindex.processors.draft import Processor
from reindex.processors.processing import BUILT_IN, NamedProcessor
from reindex.processors.rules import RulesError, parse

#: How the rules are called among the processors. They come last, unless the list names them.
RIGHTS: Final = "rights"


#: What a library's own file may import beside the standard library. The functions have a few more
#: packages, and the machine that synthesises many more: the function would fail with each of them.
_PACKAGES: Final = frozenset({"reindex", "PIL"})

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
    module_name = f"library_{sha256(file.encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ProcessorsError(f"{name}: {file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Registered as any import is: dataclasses look their own module up.
    sys.modules[module_name] = module
    try:
        _check_imports(name, path.read_text(encoding="utf-8"))
        spec.loader.exec_module(module)
    except ProcessorsError:
        raise
    except (Exception, SystemExit) as error:
        # The edge of other people's code; SystemExit would end a synthesis without a word.
        raise ProcessorsError(f"{name}: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise ProcessorsError(f"{name}: {file} has no function {function}")
    processor: Processor = found
    return processor


def _check_imports(name: str, code: str) -> None:
    """Check that a file imports nothing that is not beside it in the functions' asset.

    Raises:
        ProcessorsError: It does; the message names the modules.
    """
    imported: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            imported |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    known = sys.stdlib_module_names | _PACKAGES
    if foreign := sorted(each for each in imported if each.partition(".")[0] not in known):
        raise ProcessorsError(
            f"{name}: the functions have no {', '.join(foreign)}: "
            f"a processor may import the standard library, {', '.join(sorted(_PACKAGES))}"
        )
