"""Subjects of news, by the category codes that agencies send.

IIM calls both datasets deprecated (IIM 4.2, 2:15 Category and 2:20 Supplemental Categories),
yet agencies still fill them, with one of three vocabularies.
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

#: IPTC's own three letters for the seventeen top subjects of its Subject NewsCodes.
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

#: What picture agencies send besides.
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
    """Return the subjects that category codes name, each once, sorted; unknown codes drop out.

    Args:
        codes: Values of IIM Category and Supplemental Categories; one value may hold several
            codes, apart by blanks.
    """
    single = (code.upper() for value in codes for code in value.split())
    return sorted({_NAMES[code] for code in single if code in _NAMES})
