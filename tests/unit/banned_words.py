"""Words that comments and docstrings do not use, each with its reason and replacement.

Code is read by people who do not know this project's history. They should meet the terms of AWS,
Elasticsearch and Python, and one meaning for each word.
"""

from __future__ import annotations

from typing import NamedTuple


class Banned(NamedTuple):
    """A banned expression.

    Attributes:
        pattern: Regular expression, matched without regard to case.
        reason: Why it is banned, and what to write instead.
    """

    pattern: str
    reason: str


BANNED = (
    Banned(r"in (the )?hand( of)?", 'unclear: "in progress", "leased" or "in memory"'),
    Banned(r"told", 'unclear subject: "given", "detected", "distinguished" or "configured"'),
    Banned(r"stands?|stood", 'a metaphor: "is", "is stored", "is written" or "represents"'),
    Banned(r"asks? after|asked after|wants? of", 'unclear: "requests", "queries" or "requires"'),
    Banned(
        r"(of|than) ours|of theirs", 'unclear owner: name the program, for example "our document"'
    ),
    Banned(r"nobody|anybody|somebody|no one", "a person where a program acts: name the program"),
    Banned(r"whoever|whomever", 'a person where a program acts: "the caller", "the worker"'),
    Banned(r"stranger", 'a metaphor: "another program", "rejected credentials"'),
    Banned(r"mend(s|ed)?", 'old-fashioned: "fix" or "repair"'),
    Banned(r"harms?|harmed|blameless", "a metaphor: say what fails or is delayed"),
    Banned(r"held against", 'unclear: "compared with"'),
    Banned(r"side by side", 'the term is "concurrently" or "in parallel"'),
    Banned(r"goes? round( again)?|round again|once more around", 'a metaphor: "is retried"'),
    Banned(r"likewise", "a reader must look back: repeat the words"),
    Banned(r"(has|have|had) it", 'unclear: name the standard or function, with "according to"'),
    Banned(r"but for", 'ambiguous: "except" or "because of"'),
    Banned(r"(?<!there )is no(?! longer| more)", 'inverted: "is not a …" or "is invalid"'),
    Banned(r"comes? down to", 'a metaphor: "consists of" or "results in"'),
    Banned(r"(is|are|was|were) as good as", "a metaphor: say what is equal"),
    Banned(r"goes without saying", 'a riddle: "the default"'),
)

#: A docstring says what a function returns: a question in the third person does not.
BANNED_STARTS = (
    Banned(r"whether", 'begin with "Return True if …"; a property with "True if …"'),
    Banned(r"what|who|how|where|when(?! )", "begin with a verb, or name the thing"),
)
