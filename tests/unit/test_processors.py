"""Processors and rules, and how they are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.failures import ProcessorFailed
from reindex.processors.draft import Draft, Processor
from reindex.processors.loading import ProcessorsError, files_of, load
from reindex.processors.processing import (
    BUILT_IN,
    Change,
    NamedProcessor,
    explained,
    processed,
)
from reindex.processors.rules import RulesError, parse
from reindex.processors.testing import check


def draft(**metadata: Any) -> Draft:
    return Draft(metadata)


def after(name: str, **metadata: Any) -> dict[str, Any]:
    return dict(processed(draft(**metadata), [NamedProcessor(name, BUILT_IN[name])]).metadata)


@pytest.mark.parametrize(
    ("before", "stripped"),
    [
        ("© Ada Lovelace", "Ada Lovelace"),
        ("(c) 2019 Ada Lovelace", "Ada Lovelace"),
        ("Copyright 2019-2021 by Ada Lovelace", "Ada Lovelace"),
        ("COPYRIGHT: Ada Lovelace", "Ada Lovelace"),
        ("Copyright © Ada Lovelace/PA", "Ada Lovelace/PA"),
        ("©", "©"),
        ("Copyrighted Images Ltd", "Copyrighted Images Ltd"),
        ("Ada Lovelace ©", "Ada Lovelace ©"),
    ],
)
def test_copyright_prefixes_are_stripped(before: str, stripped: str) -> None:
    assert after("strip_copyright", byline=before, credit=before) == {
        "byline": stripped,
        "credit": stripped,
    }


@pytest.mark.parametrize(
    ("byline", "credit", "then"),
    [
        ("Ada Lovelace/Reuters", None, ("Ada Lovelace", "Reuters")),
        ("Ada Lovelace/BPI/REX", "REX", ("Ada Lovelace", "BPI/REX")),
        ("Ada Lovelace / AFP", "Getty Images", ("Ada Lovelace", "AFP/Getty Images")),
        ("Ada Lovelace", "Ada Lovelace/Reuters", ("Ada Lovelace", "Reuters")),
        ("AFP/Getty Images", "AFP/Getty Images", (None, "AFP/Getty Images")),
        ("Ada Lovelace", "Reuters", ("Ada Lovelace", "Reuters")),
        (None, "Reuters/PA", (None, "Reuters/PA")),
        ("ada lovelace/reuters", "Reuters", ("ada lovelace", "reuters")),
        ("Ada Lovelace", "https://ada.example/a", ("Ada Lovelace", "https://ada.example/a")),
        ("N/A", "Reuters", ("N/A", "Reuters")),
    ],
)
def test_people_and_agencies_are_separated(
    byline: str | None, credit: str | None, then: tuple[str | None, str | None]
) -> None:
    given = {n: v for n, v in {"byline": byline, "credit": credit}.items() if v}
    found = after("split_byline_credit", **given)
    assert (found.get("byline"), found.get("credit")) == then


@pytest.mark.parametrize(
    ("before", "joined"),
    [
        ("J A Smith", "JA Smith"),
        ("J. A. Smith", "JA Smith"),
        ("J.A. Smith", "JA Smith"),
        ("j a smith", "JA smith"),
        ("É. Zola", "É Zola"),
        ("John A Smith", "John A Smith"),
        ("J A", "J A"),
        ("JA Smith", "JA Smith"),
    ],
)
def test_initials_are_joined(before: str, joined: str) -> None:
    assert after("join_initials", byline=before)["byline"] == joined


@pytest.mark.parametrize(
    ("before", "cased"),
    [
        ("ADA LOVELACE", "Ada Lovelace"),
        ("VINCENT VAN GOGH", "Vincent van Gogh"),
        ("VAN MORRISON", "Van Morrison"),
        ("IAN MCEWAN", "Ian McEwan"),
        ("FLORA MACDONALD", "Flora MacDonald"),
        ("JOAQUIM MACHADO", "Joaquim Machado"),
        ("SINÉAD O'CONNOR", "Sinéad O'Connor"),
        ("JEAN-PAUL D’ARC", "Jean-Paul D’Arc"),  # noqa: RUF001
        ("J.R. SMITH III", "J.R. Smith III"),
        ("REUTERS", "REUTERS"),
        ("Ada LOVELACE", "Ada LOVELACE"),
        ("EMMANUEL MACRON", "Emmanuel Macron"),
        ("JUAN MACIAS", "Juan Macias"),
        ("KIM LE", "Kim Le"),
        ("王 小明", "王 小明"),
    ],
)
def test_names_in_capitals_become_title_case(before: str, cased: str) -> None:
    assert after("title_case_names", byline=before)["byline"] == cased


@pytest.mark.parametrize(
    ("before", "named"),
    [
        ("GBR", "United Kingdom"),
        ("UK", "United Kingdom"),
        ("us", "United States"),
        ("USA.", "United States"),
        ("Us", "Us"),
        ("Narnia", "Narnia"),
        ("XX", "XX"),
        ("CIV", "Côte d'Ivoire"),
    ],
)
def test_country_codes_become_names(before: str, named: str) -> None:
    assert after("country_names", country=before)["country"] == named


@pytest.mark.parametrize(
    ("title", "description", "stays"),
    [
        ("Swans on the canal", "Swans on the  canal.", False),
        ("Swans on the frozen…", "Swans on the frozen canal in winter", False),
        ("Swans…", "Swans… and ducks", True),
        ("Swans", "Swans on the canal", True),
        ("Swans", None, True),
    ],
)
def test_a_title_that_repeats_the_description_is_removed(
    title: str, description: str | None, *, stays: bool
) -> None:
    given = {"title": title, **({"description": description} if description else {})}
    assert ("title" in after("drop_repeated_title", **given)) is stays


def test_placeholder_places_are_removed() -> None:
    found = after(
        "drop_placeholder_locations", city="-", state=" n/a ", country=".", subLocation="Naples"
    )
    assert found == {"subLocation": "Naples"}


# Rules

RULES = {
    "rights": [
        {
            "name": "AP",
            "when": {"credit": {"is": ["AP", "Associated Press"]}},
            "rights": {"category": "agency", "supplier": "AP"},
        },
        {
            "name": "Getty",
            "when": {
                "credit": {"starts_with": "getty"},
                "suppliersReference": {"matches": "^[0-9]{6,}$"},
            },
            "rights": {"category": "agency", "supplier": "Getty", "suppliersCollection": "News"},
            "metadata": {"source": "Getty", "specialInstructions": "Check"},
        },
        {
            "name": "Staff",
            "when": {"uploadedBy": {"is": "desk"}, "keywords": {"is": "portrait"}},
            "rights": {"category": "staff-photographer"},
        },
    ],
    "keywords": [
        {"when": {"keywords": {"is": ["soccer"]}}, "add": ["football"]},
        {"when": {"description": {"matches": "world cup"}}, "add": ["World Cup", "football"]},
    ],
}


@pytest.mark.parametrize(
    ("given", "rights"),
    [
        (draft(credit="ap "), {"category": "agency", "supplier": "AP"}),
        (draft(credit="APA"), {}),
        (
            draft(credit="Getty Images", suppliersReference="1234567"),
            {"category": "agency", "supplier": "Getty", "suppliersCollection": "News"},
        ),
        (draft(credit="Getty Images", suppliersReference="12a"), {}),
        (
            Draft({"keywords": ["a", "Portrait"]}, {}, "Desk"),
            {"category": "staff-photographer"},
        ),
        (Draft({}, {}, "Desk"), {}),
    ],
)
def test_the_first_matching_rule_sets_the_rights(given: Draft, rights: dict[str, str]) -> None:
    assert parse(json.dumps(RULES))(given).rights == rights


def test_a_rule_sets_metadata_and_all_matching_rules_add_keywords() -> None:
    rules = parse(json.dumps(RULES))
    given = draft(
        credit="Getty",
        suppliersReference="1234567",
        keywords=["soccer"],
        description="The World Cup",
    )
    found = rules(given).metadata
    assert found["source"] == "Getty"
    assert found["keywords"] == ["World Cup", "football", "soccer"]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("[]", "it is no object"),
        ("{", "it is no JSON"),
        ('{"right": []}', "it: unknown field right"),
        ('{"rights": {}}', "rights is no list"),
        ('{"rights": [{"when": {}, "rights": {}}]}', "rights[0]: when names no field"),
        (
            '{"rights": [{"when": {"credit": {"is": "x"}}}]}',
            "rights[0] sets nothing",
        ),
        (
            '{"rights": [{"when": {"colour": {"is": "x"}}, "rights": {}}]}',
            "rights[0].when.colour: there is no such field",
        ),
        (
            '{"rights": [{"when": {"credit": {"was": "x"}}, "rights": {}}]}',
            "rights[0].when.credit: unknown field was",
        ),
        (
            '{"rights": [{"when": {"credit": {"matches": "("}}, "rights": {}}]}',
            "rights[0].when.credit.matches is no pattern of RE2",
        ),
        (
            '{"rights": [{"when": {"credit": {"matches": "(a)\\\\1"}}, "rights": {}}]}',
            "rights[0].when.credit.matches is no pattern of RE2",
        ),
        (
            '{"rights": [{"when": {"credit": {"is": "x"}}, "rights": {"categry": "agency"}}]}',
            "rights[0].rights: unknown field categry",
        ),
        (
            '{"rights": [{"when": {"credit": {"is": "x"}}, "rights": {"category": 7}}]}',
            "rights[0].category is no text",
        ),
        (
            '{"rights": [{"when": {"credit": {"is": "x"}}, "rights": {"category": "\\ud800"}}]}',
            "rights[0].category is no text",
        ),
        (
            '{"rights": [{"when": {"credit": {"matches": "\\ud800"}}, "rights": {}}]}',
            "rights[0].when.credit.matches is no text",
        ),
        ('{"rights": [], "rights": []}', "rights stands twice in one object"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_an_invalid_file_of_rules_is_reported_with_place_and_reason(
    rules: str, problem: str
) -> None:
    with pytest.raises(RulesError) as caught:
        parse(rules)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_pattern_causes_catastrophic_backtracking() -> None:
    rules = {"rights": [{"when": {"credit": {"matches": "^(a+)+$"}}, "rights": {"category": "x"}}]}
    assert parse(json.dumps(rules))(draft(credit="a" * 50_000 + "b")).rights == {}


# Processors of the library's own


def exits(given: Draft) -> Draft:
    raise SystemExit(1)


def raises(given: Draft) -> Draft:
    raise KeyError("credit")


def spoils(given: Draft) -> Draft:
    given.metadata.clear()  # type: ignore[attr-defined]
    raise RuntimeError


def returns(value: Any) -> Processor:
    def process(given: Draft) -> Draft:
        return value(given) if callable(value) else value  # type: ignore[no-any-return]

    return process


@pytest.mark.parametrize(
    ("process", "why"),
    [
        (raises, "KeyError: 'credit'"),
        (returns(None), "TypeError: it returned NoneType, no Draft"),
        (returns({"credit": "x"}), "TypeError: it returned dict, no Draft"),
        (returns(Draft({"colour": "red"})), "ValueError: there is no field metadata.colour"),
        (returns(Draft({"credit": 7})), "TypeError: credit is int, no text"),
        (returns(Draft({"keywords": "x"})), "TypeError: keywords is str, no list of texts"),
        (returns(Draft({}, {"colour": "x"})), "ValueError: there is no field rights.colour"),
        (returns(Draft({}, {"category": ["x"]})), "TypeError: category is list, no text"),
        (exits, "SystemExit: 1"),
        (
            returns(Draft({"dateTaken": "May 2024"})),
            "ValueError: dateTaken is not of the form 2024-05-06T07:08:09.000Z",
        ),
    ],
)
def test_a_failing_processor_is_named_with_its_error(process: Processor, why: str) -> None:
    with pytest.raises(ProcessorFailed) as caught:
        processed(draft(credit="x"), [NamedProcessor("rules/ours.py:tidy", process)])
    assert caught.value.message == "the processor rules/ours.py:tidy failed"
    assert caught.value.detail == why


@pytest.mark.parametrize(
    "metadata", [{"dateTaken": "2024-13-06T07:08:09.000Z"}, {"title": "\ud800"}]
)
def test_an_invalid_value_is_the_processors_failure(
    metadata: dict[str, str],
) -> None:
    with pytest.raises(ProcessorFailed):
        processed(draft(), [NamedProcessor("x", returns(Draft(metadata)))])


def test_a_processor_that_modifies_its_argument_has_no_side_effect() -> None:
    given = draft(credit="x", keywords=["a"])

    def mutates(inner: Draft) -> Draft:
        inner.metadata["keywords"].append("b")
        return inner

    with pytest.raises(ProcessorFailed):
        processed(given, [NamedProcessor("spoils", spoils)])
    found = processed(given, [NamedProcessor("mutates", mutates)])
    assert given == draft(credit="x", keywords=["a"])
    assert found.metadata["keywords"] == ["a", "b"]


def test_a_processor_cannot_change_the_uploader() -> None:
    made = returns(Draft({}, {}, 7))  # type: ignore[arg-type]
    assert processed(Draft({}, {}, "desk"), [NamedProcessor("x", made)]) == Draft({}, {}, "desk")


def test_empty_values_are_removed_and_lists_are_sorted_sets() -> None:
    metadata = {"credit": " ", "keywords": ["b", "", "a", "b"], "subjects": [""]}
    made = returns(Draft(metadata, {"source": ""}))
    found = processed(draft(), [NamedProcessor("x", made)])
    assert found == Draft({"keywords": ["a", "b"]}, {})


def test_each_change_names_its_processor() -> None:
    names = ("strip_copyright", "split_byline_credit")
    found = explained(
        draft(byline="© Ada Lovelace/PA"), [NamedProcessor(n, BUILT_IN[n]) for n in names]
    )
    assert found == [
        Change("strip_copyright", "metadata.byline", "© Ada Lovelace/PA", "Ada Lovelace/PA"),
        Change("split_byline_credit", "metadata.byline", "Ada Lovelace/PA", "Ada Lovelace"),
        Change("split_byline_credit", "metadata.credit", None, "PA"),
    ]


def test_each_change_by_a_rule_names_the_rule() -> None:
    rules = NamedProcessor("rights", parse(json.dumps(RULES)))
    given = draft(credit="AP", keywords=["soccer"])
    assert [(each.by, each.field) for each in explained(given, [rules])] == [
        ("rights: AP", "rights.category"),
        ("rights: AP", "rights.supplier"),
        ("rights: keywords[0]", "metadata.keywords"),
    ]


# Loading


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "ours.py").write_text(
        "def tidy(draft):\n    return draft.with_metadata(credit='ours')\n\nNOT = 7\n"
    )
    (tmp_path / "rules" / "broken.py").write_text("import nothing_of_the_kind\n")
    (tmp_path / "rules" / "exits.py").write_text("import sys\nsys.exit()\n")
    (tmp_path / "rules" / "foreign.py").write_text("def f(x):\n    import click.core\n")
    (tmp_path / "rules" / "beside.py").write_text("from . import ours\n")
    (tmp_path / "rules" / "typed.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Agency:\n    name: str\n\n\ndef tidy(draft):\n    return draft\n"
    )
    (tmp_path / "rights.json").write_text(json.dumps(RULES))
    return tmp_path


def test_the_processors_of_a_stage_are_loaded_in_order(folder: Path) -> None:
    names = ["strip_copyright", "rules/ours.py:tidy"]
    found = load(names, "rights.json", folder)
    assert [each.name for each in found] == [*names, "rights"]
    assert processed(draft(credit="x"), found).metadata["credit"] == "ours"
    first = load(["rights", *names], "rights.json", folder)
    assert [each.name for each in first] == ["rights", *names]
    assert [*files_of([*names, "rules/ours.py:other"], "rights.json")] == [
        "rules/ours.py",
        "rights.json",
    ]


@pytest.mark.parametrize(
    ("names", "rights", "problem"),
    [
        (["strip"], None, "there is no processor strip: strip_copyright, "),
        (["rights"], None, "rights: projection.rights names no file"),
        ([], "gone.json", "gone.json: "),
        (["gone.py:tidy"], None, "gone.py:tidy: FileNotFoundError"),
        (["rules/ours.py:other"], None, "rules/ours.py:other: rules/ours.py has no function other"),
        (["rules/ours.py:NOT"], None, "has no function NOT"),
        (["rules/broken.py:tidy"], None, "the functions have no nothing_of_the_kind: "),
        (["rules/foreign.py:f"], None, "the functions have no click.core: "),
        (["rules/beside.py:f"], None, "the functions have no .: "),
        (["rules/exits.py:tidy"], None, "rules/exits.py:tidy: SystemExit"),
        (["rights.json:tidy"], None, "rights.json:tidy: rights.json is no Python file"),
    ],
)
def test_a_processor_that_cannot_be_loaded_is_named(
    folder: Path, names: list[str], rights: str | None, problem: str
) -> None:
    with pytest.raises(ProcessorsError) as caught:
        load(names, rights, folder)
    assert problem in str(caught.value)


def test_a_processors_file_may_define_dataclasses(folder: Path) -> None:
    assert [each.name for each in load(["rules/typed.py:tidy"], None, folder)]


# The example of docs/processors.md


@pytest.mark.parametrize("file", ["../ours.py", "/ours.py", "rules/../../ours.py"])
def test_a_file_outside_of_the_asset_is_rejected(folder: Path, file: str) -> None:
    with pytest.raises(ProcessorsError, match="below the folder"):
        load([f"{file}:tidy"], None, folder)
    with pytest.raises(ProcessorsError, match="below the folder"):
        load([], file, folder)


def test_the_example_in_the_documentation_works() -> None:
    examples = Path(__file__).parents[2] / "docs" / "examples"
    found = load(["ours.py:tidy"], "rights.json", examples)
    given = draft(title="NORTHERN: Swans on the canal", keywords=["soccer"])

    [ours, _] = found
    assert check(ours.process, given).metadata["title"] == "Swans on the canal"
    after = processed(given, found)
    assert after.rights == {"category": "agency", "supplier": "Northern Pictures"}
    assert after.metadata["keywords"] == ["football", "soccer"]


def test_the_test_helper_finds_the_failures_of_a_reindex() -> None:
    turns = iter("abc")
    for process, problem in (
        (spoils, ProcessorFailed),
        (lambda _: Draft({"credit": next(turns)}), AssertionError),
        (lambda given: given.metadata.update(credit="y") or given, AssertionError),
    ):
        with pytest.raises(problem):
            check(process, draft(credit="x"))
