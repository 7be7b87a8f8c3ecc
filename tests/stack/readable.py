"""CloudFormation's functions in templates made readable."""

import re
from typing import Any

_HASH = re.compile(r"[0-9A-F]{8}$")


def readable(value: Any) -> str:
    """A template's text, references by construct: ``<TablesProgress.Arn>/index/work``."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{_HASH.sub('', name)}>".replace("<AWS::", "<")
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{_HASH.sub('', name)}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator.join(readable(part) for part in parts))
        case _:
            raise AssertionError(f"not a text: {value}")
