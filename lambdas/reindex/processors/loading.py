"""Loads the processors of a stage: built-in ones by name, the library's own from its files."""

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

#: The name of the rules in the list of processors. They run last, unless the list names them.
RIGHTS: Final = "rights"


#: Packages that a library's own file may import besides the standard library. A developer's machine
#: has more packages than the deployed functions, so other imports are rejected at synthesis.
_PACKAGES: Final = frozenset({"reindex", "PIL"})

#: Folder of the library's own files in the functions' asset.
LIBRARY_FOLDER: Final = "library"


class ProcessorsError(ValueError):
    """A processor cannot be found or loaded; the message names it."""


def load(names: Sequence[str], rights: str | None, folder: Path) -> list[NamedProcessor]:
    """Return the processors of a stage, in order.

    Args:
        names: The setting ``projection.processors``: names of built-in processors,
            ``FILE:FUNCTION``, or ``rights``.
        rights: The setting ``projection.rights``, the file of rules; None when there is none.
        folder: The folder that contains the files.

    Raises:
        ProcessorsError: A processor, file or function does not exist or cannot be loaded; or a
            file is outside of ``folder``, and so would not be in the functions' asset.
    """
    for file in files_of(names, rights):
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ProcessorsError(f"{file}: must be a path below the folder of cdk.json")
    in_order = [*names] if rights is None or RIGHTS in names else [*names, RIGHTS]
    return [NamedProcessor(name, _processor(name, rights, folder)) for name in in_order]


def files_of(names: Sequence[str], rights: str | None) -> Iterator[str]:
    """Yield the files of a stage's processors, relative to its folder."""
    yield from dict.fromkeys(name.partition(":")[0] for name in names if ":" in name)
    if rights:
        yield rights


def _processor(name: str, rights: str | None, folder: Path) -> Processor:
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
    # Registered like any imported module, because dataclasses look up their module.
    sys.modules[module_name] = module
    try:
        _check_imports(name, path.read_text(encoding="utf-8"))
        spec.loader.exec_module(module)
    except ProcessorsError:
        raise
    except (Exception, SystemExit) as error:
        # Third-party code may raise anything; SystemExit would end a synthesis without a message.
        raise ProcessorsError(f"{name}: {type(error).__name__}: {error}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise ProcessorsError(f"{name}: {file} has no function {function}")
    processor: Processor = found
    return processor


def _check_imports(name: str, code: str) -> None:
    """Check that a file imports only packages that the functions' asset contains.

    Raises:
        ProcessorsError: The file imports others; the message names them.
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
