"""Settings: declared once, read at once, and every problem named in one error."""

from __future__ import annotations

import re

import pytest

from reindex.settings import (
    COMMAND,
    FUNCTIONS,
    Elasticsearch,
    LibrarySettings,
    Naming,
    Pace,
    Settings,
    SettingsError,
    Stage,
    Tables,
    variables,
)
from reindex.tag_names import TagNames


def test_a_variable_is_named_as_its_field() -> None:
    settings = Settings([Stage], {"STAGE": "TEST"})

    assert settings[Stage].stage == "TEST"


def test_every_missing_or_unreadable_variable_is_named_in_one_error() -> None:
    with pytest.raises(
        SettingsError,
        match=re.escape(
            "STAGE is not set; PROGRESS_TABLE is not set; WORK_TABLE is not set; "
            "MAX_BACKLOG cannot be read: 'many'"
        ),
    ):
        Settings([Stage, Tables, Pace], {"RUNS_TABLE": "runs", "MAX_BACKLOG": "many"})


def test_one_of_a_few_words_is_read_as_such_and_another_is_unreadable() -> None:
    assert Settings([Naming], {})[Naming].tag_names is TagNames.STANDARD
    given = Settings([Naming], {"TAG_NAMES": "metadata-extractor"})
    assert given[Naming].tag_names is TagNames.METADATA_EXTRACTOR
    with pytest.raises(SettingsError, match="TAG_NAMES cannot be read: 'latin'"):
        Settings([Naming], {"TAG_NAMES": "latin"})


def test_an_empty_variable_counts_as_not_set() -> None:
    with pytest.raises(SettingsError, match="STAGE is not set"):
        Settings([Stage], {"STAGE": ""})


def test_values_are_read_as_their_fields_types() -> None:
    environ = {
        "ELASTICSEARCH_URL": "http://localhost:9200",
        "INDEX_ALIAS": "images",
        "PRESERVE": "embedding, esInfo.migration",
        "ORIGINALS_BUCKET": "originals",
        "OPTIMISED_PNGS": "true",
        "SETTLE_SECONDS": "0",
    }
    settings = Settings([Elasticsearch, LibrarySettings, Pace], environ)

    assert settings[Elasticsearch].preserve == ("embedding", "esInfo.migration")
    assert settings[Elasticsearch].elasticsearch_secret is None
    assert settings[LibrarySettings].optimised_pngs is True
    assert settings[Pace].settle_seconds == 0


def test_no_setting_is_declared_twice() -> None:
    for groups in (*FUNCTIONS.values(), COMMAND):
        names = [name for group in groups for name in variables([group])]
        assert len(names) == len(set(names))
