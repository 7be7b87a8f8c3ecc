"""Names and forms of metadata as the Java library metadata-extractor gives them.

An image library that was built on that library (github.com/drewnoakes/metadata-extractor) has
fields such as ``Exposure Time`` with the text ``1/60 sec`` in its index. The modules here give
each tag that library's name and its one text; the names, and what its descriptions look like,
are facts taken from its published tag tables and outputs.
"""
