"""The command's package under the name it has once installed: in a checkout, ``scripts/`` itself.

The wheel maps ``scripts`` to ``reindex_command``, a name that no other project's package has.
The entry point names the latter, so this file gives it to the environment of a checkout.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[1])]
