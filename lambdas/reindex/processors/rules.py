"""A library's rules: which rights an image has, and which words it is found by.

The file is JSON::

    {
      "rights": [
        {"name": "Wire", "when": {"credit": {"is": ["AP", "Reuters"]}},
         "rights": {"category": "agency", "supplier": "AP"}, "metadata": {"source": "Wire"}}
      ],
      "keywords": [{"name": "Sport", "when": {"subjects": {"is": ["sport"]}}, "add": ["sports"]}]
    }

The first rule under ``rights`` that matches wins; all under ``keywords`` that match add theirs. A
rule matches when each field named under ``when`` does; of a field that is a list, one of its texts.
Texts are compared without regard to case.

Patterns are of RE2, which takes time in proportion to the text whatever the pattern: one that
backtracks without end cannot be written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.processors.draft import Draft

#: What a condition may say.
_WAYS: Final = ("is", "starts_with", "matches")

#: Beside the fields of metadata, what a rule may look at.
UPLOADED_BY: Final = "uploadedBy"

_FIELDS: Final = frozenset({*METADATA_TEXTS, *METADATA_SETS, UPLOADED_BY})

Test = Callable[[str], bool]


class RulesError(ValueError):
    """A file of rules cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: For people.
        when: Tests by field; all must hold.
        rights: What it sets.
        metadata: Likewise.
        keywords: What it adds.
    """

    name: str
    when: Mapping[str, Test]
    rights: Mapping[str, str]
    metadata: Mapping[str, Any]
    keywords: Sequence[str]

    def matches(self, draft: Draft) -> bool:
        """Whether all its conditions hold."""
        return all(any(map(test, _texts(draft, field))) for field, test in self.when.items())


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a file; a processor."""

    rights: Sequence[Rule]
    keywords: Sequence[Rule]

    def __call__(self, draft: Draft, /) -> Draft:
        """Apply the first rule for rights that matches, then all for keywords."""
        for _, after in self.applied(draft):
            draft = after
        return draft

    def applied(self, draft: Draft) -> Iterator[tuple[str, Draft]]:
        """Apply each rule that is to be applied; yield its name, and the draft after it."""
        rule = self.matching(draft)
        if rule:
            draft = draft.with_rights(**rule.rights).with_metadata(**rule.metadata)
            yield rule.name, draft
        for rule in [each for each in self.keywords if each.matches(draft)]:
            words = {*draft.metadata.get("keywords", ()), *rule.keywords}
            draft = draft.with_metadata(keywords=sorted(words))
            yield rule.name, draft

    def matching(self, draft: Draft) -> Rule | None:
        """Return the rule for rights that wins; None when none matches."""
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
    # JSON lets the last of two win, and the rules under the first would be gone unseen.
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
    _require(condition, set(_WAYS), where)
    if len(condition) != 1:
        raise RulesError(f"{where} must say one of {', '.join(_WAYS)}")
    [(way, wanted)] = condition.items()
    if way == "matches":
        return _pattern(wanted, where)
    folded = tuple(text.casefold() for text in _texts_of(wanted, f"{where}.{way}"))
    if way == "is":
        return lambda text: text.casefold().strip() in folded
    return lambda text: text.casefold().lstrip().startswith(folded)


def _pattern(pattern: Any, where: str) -> Test:
    # Only here: most libraries need it nowhere, and every cold start would load it.
    import re2  # noqa: PLC0415

    if not _is_text(pattern):
        raise RulesError(f"{where}.matches is no text")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise RulesError(f"{where}.matches is no pattern of RE2: {_said(error)}") from error
    return lambda text: compiled.search(text) is not None


def _said(error: Exception) -> str:
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
    """Whether it is a text that a document can hold: not blank, without half surrogates."""
    if not isinstance(value, str) or not value.strip():
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _require(raw: Any, known: set[str], where: str) -> None:
    if not isinstance(raw, dict):
        raise RulesError(f"{where} is no object")
    if unknown := sorted(raw.keys() - known):
        raise RulesError(f"{where}: unknown field {', '.join(unknown)}")
