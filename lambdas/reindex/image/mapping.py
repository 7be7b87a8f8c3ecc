"""The Elasticsearch mapping of the document, and the settings it needs.

Strict where we know every field, so that a misspelt one is refused and not quietly lost;
dynamic where files and libraries decide what there is. Field types are those of a Grid's own
index, so that its queries work on ours; whole numbers are ``long`` throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS

#: Longest keyword that is indexed, in UTF-16 units. A Lucene term holds 32,766 bytes; longer
#: texts stay in the document and are merely not searchable.
IGNORE_ABOVE: Final = 29_489

#: Elasticsearch allows 1,000 fields unless told otherwise, to keep the cluster state small.
#: Some 300 are fixed here; the rest are the names that files bring along, of which EXIF, IIM
#: and the common XMP schemas define about 2,000, and every maker of cameras some more.
TOTAL_FIELDS: Final = 10_000

_ENGLISH: Final = "english_s_stemmer"
_HIERARCHY: Final = "hierarchyAnalyzer"
_CATCH_ALL: Final = "metadata.englishAnalysedCatchAll"

Json = dict[str, Any]

#: What an index that exists must learn before it can hold our documents. Nothing is said of
#: ``dynamic``, so that an ``esInfo`` of its own stays as it is.
PROVENANCE_MAPPING: Final[Mapping[str, Any]] = {
    "properties": {
        "esInfo": {"properties": {"reindex": {"type": "object", "enabled": False}}},
    }
}


def index_settings(*, ignore_beyond_limit: bool = True) -> Json:
    """Return the settings of a new index: analysis, and limits of the mapping.

    Args:
        ignore_beyond_limit: Whether a name beyond ``TOTAL_FIELDS`` is left unsearchable, where
            otherwise its whole document is refused. OpenSearch, and Elasticsearch before 8.14, do
            not know this setting and refuse it.
    """
    limits: Json = {"limit": TOTAL_FIELDS}
    if ignore_beyond_limit:
        limits["ignore_dynamic_beyond_limit"] = True
    return {
        "index": {"mapping": {"total_fields": limits}},
        "analysis": {
            "filter": {
                "english_possessive_stemmer": {"type": "stemmer", "language": "possessive_english"},
                "s_stemmer": {"type": "stemmer", "language": "minimal_english"},
            },
            "tokenizer": {"path_hierarchy": {"type": "path_hierarchy"}},
            "analyzer": {
                # Stop words stay: a headline may consist of them.
                _ENGLISH: {
                    "type": "custom",
                    "tokenizer": "standard",
                    "filter": [
                        "lowercase",
                        "asciifolding",
                        "english_possessive_stemmer",
                        "s_stemmer",
                    ],
                },
                _HIERARCHY: {
                    "type": "custom",
                    "tokenizer": "path_hierarchy",
                    "filter": ["lowercase"],
                },
            },
        },
    }


def mapping() -> Json:
    """Return the mapping of the document, provenance and preserved fields included.

    Of the fields that a Grid's index holds and the truth does not, vectors (``embedding``) are
    no part of it: their dimensions are the library's choice.
    """
    return {
        "dynamic": "strict",
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": _dynamic_templates(),
        "properties": {
            "id": _keyword(),
            "uploadTime": _date(),
            "uploadedBy": _keyword(),
            "identifiers": _dynamic(),
            "uploadInfo": _strict(filename=_keyword()),
            "source": _asset(),
            "thumbnail": _asset(),
            "optimisedPng": _asset(),
            "fileMetadata": _dynamic(trimmed=_keyword(), trimmedCount=_whole()),
            "originalMetadata": _metadata(),
            "metadata": _metadata(),
            "originalUsageRights": _usage_rights(),
            "usageRights": _usage_rights(),
            "userMetadata": _user_metadata(),
            "userMetadataLastModified": _date(),
            "usages": _usages(),
            "usagesPlatform": _keyword(),
            "usagesStatus": _keyword(),
            "usagesLastModified": _date(),
            "leases": _leases(),
            "collections": _collections(),
            "exports": _exports(),
            "syndicationRights": _syndication_rights(),
            "softDeletedMetadata": _strict(deleteTime=_date(), deletedBy=_keyword()),
            "suggestMetadataCredit": _suggester(),
            "lastModified": _date(),
            "esInfo": _es_info(),
        },
    }


def paths(properties: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted path of every field under ``properties``, objects before what they hold."""
    for name, field in properties.items():
        yield f"{prefix}{name}"
        yield from paths(field.get("properties", {}), f"{prefix}{name}.")


def _dynamic_templates() -> list[Json]:
    """Say how new fields are mapped, which only dynamic objects can have."""
    text = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
    # One image's number is another one's word: keywords hold both.
    scalars = [
        {
            f"domain_metadata_{kind}_as_keyword": {
                "path_match": "*etadata.domainMetadata.*",
                "match_mapping_type": kind,
                "mapping": text,
            }
        }
        for kind in ("long", "double", "boolean")
    ]
    return [{"strings_as_keywords": {"match_mapping_type": "string", "mapping": text}}, *scalars]


def _strict(**properties: Json) -> Json:
    return {"type": "object", "dynamic": "strict", "properties": properties}


def _dynamic(**properties: Json) -> Json:
    return {"type": "object", "dynamic": True, "properties": properties}


def _keyword(*, copy_to: str | None = None) -> Json:
    return {"type": "keyword", **({"copy_to": copy_to} if copy_to else {})}


def _text(analyzer: str, *, copy_to: str | None = None) -> Json:
    return {"type": "text", "analyzer": analyzer, **({"copy_to": copy_to} if copy_to else {})}


def _english() -> Json:
    return _text(_ENGLISH)


def _words(*, copy_to: str | None = None) -> Json:
    return _text("standard", copy_to=copy_to)


def _unindexed() -> Json:
    return {"type": "text", "index": False}


def _date() -> Json:
    return {"type": "date"}


def _flag() -> Json:
    return {"type": "boolean"}


def _whole() -> Json:
    return {"type": "long"}


def _suggester() -> Json:
    return {"type": "completion", "analyzer": "simple", "search_analyzer": "simple"}


def _pixels() -> Json:
    return _strict(width=_whole(), height=_whole())


def _asset() -> Json:
    return _strict(
        file=_unindexed(),
        secureUrl=_unindexed(),
        size=_whole(),
        mimeType=_keyword(),
        dimensions=_pixels(),
        orientationMetadata=_dynamic(exifOrientation=_whole(), orientationDoubtful=_flag()),
        orientedDimensions=_pixels(),
        orientation=_keyword(),
    )


#: Fields of ``metadata`` that are more than keywords. What people search in one box is copied
#: there; titles and descriptions are searched beside it, in their own right.
_METADATA: Final[Mapping[str, Json]] = {
    "description": _english(),
    "title": _english(),
    "byline": _words(copy_to=_CATCH_ALL),
    "bylineTitle": _words(),
    "copyright": _words(),
    "copyrightNotice": _words(),
    "suppliersReference": _words(copy_to=_CATCH_ALL),
    "subLocation": _words(copy_to=_CATCH_ALL),
    "city": _words(copy_to=_CATCH_ALL),
    "state": _words(copy_to=_CATCH_ALL),
    "country": _words(copy_to=_CATCH_ALL),
    "credit": _keyword(copy_to=_CATCH_ALL),
    "source": _keyword(copy_to=_CATCH_ALL),
    "keywords": _keyword(copy_to=_CATCH_ALL),
    "peopleInImage": _keyword(copy_to=_CATCH_ALL),
}


def _metadata() -> Json:
    fields = {
        name: dict(_METADATA.get(name, _keyword())) for name in (*METADATA_TEXTS, *METADATA_SETS)
    }
    return _strict(
        dateTaken=_date(),
        **fields,
        domainMetadata=_dynamic(),
        englishAnalysedCatchAll=_english(),
    )


def _usage_rights() -> Json:
    words = {"restrictions", "photographer", "suppliers"}
    return _strict(
        **{name: _words() if name in words else _keyword() for name in USAGE_RIGHTS_TEXTS}
    )


def _user_metadata() -> Json:
    return _strict(
        archived=_flag(),
        labels=_keyword(copy_to=_CATCH_ALL),
        metadata=_metadata(),
        usageRights=_usage_rights(),
        photoshoot=_strict(title=_keyword(), suggest=_suggester()),
        lastModified=_date(),
    )


def _usages() -> Json:
    return {
        "type": "nested",
        "dynamic": "strict",
        "properties": {
            "id": _keyword(),
            "title": _english(),
            "references": _strict(type=_keyword(), uri=_keyword(), name=_english()),
            # Nested fields are out of reach of most filters, hence the copies at the top.
            "platform": _keyword(copy_to="usagesPlatform"),
            "media": _keyword(),
            "status": _keyword(copy_to="usagesStatus"),
            "dateAdded": _date(),
            "dateRemoved": _date(),
            "lastModified": _date(),
            "printUsageMetadata": _strict(
                sectionName=_keyword(),
                issueDate=_date(),
                pageNumber=_whole(),
                storyName=_keyword(),
                publicationCode=_keyword(),
                publicationName=_keyword(),
                layoutId=_whole(),
                edition=_whole(),
                size=_strict(x=_whole(), y=_whole()),
                orderedBy=_keyword(),
                sectionCode=_keyword(),
                notes=_keyword(),
                source=_keyword(),
            ),
            "digitalUsageMetadata": _strict(
                webTitle=_keyword(),
                webUrl=_keyword(),
                sectionId=_keyword(),
                composerUrl=_keyword(),
            ),
            "syndicationUsageMetadata": _strict(partnerName=_keyword(), syndicatedBy=_keyword()),
            "frontUsageMetadata": _strict(addedBy=_keyword(), front=_keyword()),
            "downloadUsageMetadata": _strict(downloadedBy=_keyword()),
            "childUsageMetadata": _strict(addedBy=_keyword(), childMediaId=_keyword()),
        },
    }


def _leases() -> Json:
    lease = _strict(
        id=_keyword(),
        leasedBy=_keyword(),
        startDate=_date(),
        endDate=_date(),
        access=_keyword(),
        active=_keyword(),
        notes=_english(),
        mediaId=_keyword(),
        createdAt=_date(),
    )
    return _strict(leases=lease, lastModified=_date())


def _collections() -> Json:
    return _strict(
        path=_keyword(),
        pathId=_keyword(copy_to="collections.pathHierarchy"),
        pathHierarchy=_text(_HIERARCHY),
        description=_keyword(),
        actionData=_strict(author=_keyword(), date=_date()),
    )


def _exports() -> Json:
    return _strict(
        id=_keyword(),
        type=_keyword(),
        author=_keyword(),
        date=_date(),
        specification=_dynamic(
            uri=_keyword(),
            bounds=_dynamic(x=_whole(), y=_whole(), width=_whole(), height=_whole()),
            type=_keyword(),
            aspectRatio=_keyword(),
            rotation=_whole(),
        ),
        master=_asset(),
        assets=_asset(),
    )


def _syndication_rights() -> Json:
    return _strict(
        published=_date(),
        suppliers=_strict(supplierId=_keyword(), supplierName=_keyword(), prAgreement=_flag()),
        rights=_strict(
            rightCode=_keyword(),
            acquired=_flag(),
            properties=_strict(propertyCode=_keyword(), expiresOn=_date(), value=_keyword()),
        ),
        isInferred=_flag(),
    )


def _es_info() -> Json:
    provenance = PROVENANCE_MAPPING["properties"]["esInfo"]["properties"]["reindex"]
    return _strict(
        reindex=dict(provenance),
        migration=_strict(migratedTo=_keyword(), failures=_dynamic()),
    )
