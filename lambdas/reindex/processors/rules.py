"""A library's rules, which set an image's usage rights and add keywords.

The file is JSON::

    {
      "rights": [
        {"name": "Wire", "when": {"credit": {"is": ["AP", "Reuters"]}},
         "rights": {"category": "agency", "supplier": "AP"}, "metadata": {"source": "Wire"}}
      ],
      "keywords": [{"name": "Sport", "when": {"subjects": {"is": ["sport"]}}, "add": ["sports"]}]
    }

Of the rules under ``rights``, the first that matches applies; of those under ``keywords``, all that
match. A rule matches when every condition under ``when`` holds; for a list, when it holds for one
of the texts. Comparison is case-insensitive.

Patterns use RE2, whose time is linear in the length of the text, so no pattern can cause
catastrophic backtracking.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.processors.draft import Draft

#: The operators of a condition.
_OPERATORS: Final = ("is", "starts_with", "matches")

#: The uploader, which a rule may test like a field of metadata.
UPLOADED_BY: Final = "uploadedBy"

_FIELDS: Final = frozenset({*METADATA_TEXTS, *METADATA_SETS, UPLOADED_BY})

Test = Callable[[str], bool]


class RulesError(ValueError):
    """A file of rules is invalid; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: The name in messages.
        when: Tests by field; all must hold.
        rights: Fields of the usage rights to set.
        metadata: Fields of the metadata to set.
        keywords: Keywords to add.
    """

    name: str
    when: Mapping[str, Test]
    rights: Mapping[str, str]
    metadata: Mapping[str, Any]
    keywords: Sequence[str]

    def matches(self, draft: Draft) -> bool:
        """Return True if all conditions hold."""
        return all(any(map(test, _texts(draft, field))) for field, test in self.when.items())


@dataclass(frozen=True, slots=True)
class Rules:
    """A processor that applies all rules of a file."""

    rights: Sequence[Rule]
    keywords: Sequence[Rule]

    def __call__(self, draft: Draft, /) -> Draft:
        """Apply the first matching rule for rights, then all matching rules for keywords."""
        for _, after in self.applied(draft):
            draft = after
        return draft

    def applied(self, draft: Draft) -> Iterator[tuple[str, Draft]]:
        """Apply the rules that match in turn; yield the name of each and the resulting draft."""
        rule = self.matching(draft)
        if rule:
            draft = draft.with_rights(**rule.rights).with_metadata(**rule.metadata)
            yield rule.name, draft
        for rule in [each for each in self.keywords if each.matches(draft)]:
            words = {*draft.metadata.get("keywords", ()), *rule.keywords}
            draft = draft.with_metadata(keywords=sorted(words))
            yield rule.name, draft

    def matching(self, draft: Draft) -> Rule | None:
        """Return the first matching rule for rights; None when none matches."""
        return next((rule for rule in self.rights if rule.matches(draft)), None)


def parse(text: str) -> Rules:
    """Read a file of rules.

    Raises:
        RulesError: Names the rule and what is wrong with it.
    """
    try:
        raw = json.loads(text, object_pairs_hook=_object)
    except RulesError:
        raise
    except (ValueError, RecursionError) as error:
        raise RulesError(f"it is no JSON: {error}") from error
    _require(raw, {"rights", "keywords"}, "it")
    return Rules(
        [_rule(each, f"rights[{n}]", {"rights", "metadata"}) for n, each in _list(raw, "rights")],
        [_rule(each, f"keywords[{n}]", {"add"}) for n, each in _list(raw, "keywords")],
    )


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # json.loads keeps the last of two equal names, so rules under the first would be lost silently.
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RulesError(f"{', '.join(twice)} stands twice in one object")
    return dict(pairs)


def _rule(raw: Any, where: str, sets: set[str]) -> Rule:
    _require(raw, {"name", "when", *sets}, where)
    when = raw.get("when")
    if not isinstance(when, dict) or not when:
        raise RulesError(f"{where}: when names no field")
    if not sets & raw.keys():
        raise RulesError(f"{where} sets nothing")
    rights, metadata, words = raw.get("rights", {}), raw.get("metadata", {}), raw.get("add", [])
    _require(rights, set(USAGE_RIGHTS_TEXTS), f"{where}.rights")
    _require(metadata, {*METADATA_TEXTS, *METADATA_SETS}, f"{where}.metadata")
    for name, value in {**rights, **metadata}.items():
        if name in METADATA_SETS and name not in rights:
            _texts_of(value, f"{where}.{name}")
        elif not _is_text(value):
            raise RulesError(f"{where}.{name} is no text")
    return Rule(
        str(raw.get("name", where)),
        {field: _test(field, condition, where) for field, condition in when.items()},
        rights,
        metadata,
        _texts_of(words, f"{where}.add") if "add" in raw else (),
    )


def _test(field: str, condition: Any, where: str) -> Test:
    where = f"{where}.when.{field}"
    if field not in _FIELDS:
        raise RulesError(f"{where}: there is no such field")
    _require(condition, set(_OPERATORS), where)
    if len(condition) != 1:
        raise RulesError(f"{where} must say one of {', '.join(_OPERATORS)}")
    [(operator, wanted)] = condition.items()
    if operator == "matches":
        return _pattern(wanted, where)
    folded = tuple(text.casefold() for text in _texts_of(wanted, f"{where}.{operator}"))
    if operator == "is":
        return lambda text: text.casefold().strip() in folded
    return lambda text: text.casefold().lstrip().startswith(folded)


def _pattern(pattern: Any, where: str) -> Test:
    # Imported here, because most libraries have no patterns and every cold start would load it.
    import re2  # noqa: PLC0415

    if not _is_text(pattern):
        raise RulesError(f"{where}.matches is no text")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise RulesError(f"{where}.matches is no pattern of RE2: {_message(error)}") from error
    return lambda text: compiled.search(text) is not None


def _message(error: Exception) -> str:
    [what] = error.args or ("",)
    return what.decode(errors="replace") if isinstance(what, bytes) else str(what)


def _texts(draft: Draft, field: str) -> list[str]:
    if field == UPLOADED_BY:
        return [draft.uploaded_by]
    value = draft.metadata.get(field, ())
    return [value] if isinstance(value, str) else list(value)


def _list(raw: Mapping[str, Any], name: str) -> enumerate[Any]:
    found = raw.get(name, [])
    if not isinstance(found, list):
        raise RulesError(f"{name} is no list")
    return enumerate(found)


def _texts_of(value: Any, where: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(map(_is_text, texts)):
        raise RulesError(f"{where} is no text and no list of texts")
    return texts


def _is_text(value: Any) -> bool:
    """Return True for a text that a document can hold: not blank, without lone surrogates."""
    if not isinstance(value, str) or not value.strip():
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _require(raw: Any, known: set[str], where: str) -> None:
    if not isinstance(raw, dict):
        raise RulesError(f"{where} is no object")
    if unknown := sorted(raw.keys() - known):
        raise RulesError(f"{where}: unknown field {', '.join(unknown)}")
