"""Maps the category codes of news agencies to subjects.

The two IIM datasets are deprecated (IIM 4.2, 2:15 Category and 2:20 Supplemental Categories), but
agencies still use them, with one of three vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_ANPA_1312: Final = {
    "E": "arts",
    "F": "finance",
    "L": "lifestyle",
    "O": "weather",
    "P": "politics",
    "S": "sport",
}

#: IPTC's three-letter codes for the seventeen top-level Subject NewsCodes.
_IPTC: Final = {
    "ACE": "arts",
    "CLJ": "crime",
    "DIS": "disaster",
    "EDU": "education",
    "EVN": "environment",
    "FIN": "finance",
    "HTH": "health",
    "HUM": "human",
    "LAB": "labour",
    "LIF": "lifestyle",
    "POL": "politics",
    "REL": "religion",
    "SCI": "science",
    "SOI": "social",
    "SPO": "sport",
    "WAR": "war",
    "WEA": "weather",
}

#: Other codes that picture agencies use.
_AGENCIES: Final = {
    "ANI": "nature",
    "BIZ": "finance",
    "CEL": "arts",
    "ENT": "arts",
    "MAX": "finance",
    "NAT": "nature",
    "ODD": "lifestyle",
    "WLD": "nature",
}

_NAMES: Final = _ANPA_1312 | _IPTC | _AGENCIES


def subject_names(codes: Iterable[str]) -> list[str]:
    """Return the unique, sorted subjects of category codes; unknown codes are ignored.

    Args:
        codes: Values of IIM Category and Supplemental Categories; one value may hold several
            codes, separated by blanks.
    """
    single = (code.upper() for value in codes for code in value.split())
    return sorted({_NAMES[code] for code in single if code in _NAMES})
