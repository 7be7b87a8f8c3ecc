"""Names and texts of metadata in the format of the Java library metadata-extractor.

An image library that uses it (github.com/drewnoakes/metadata-extractor) has fields such as
``Exposure Time`` with the text ``1/60 sec`` in its index. The modules here return the same name
and text for each tag. The names and the format of the texts were taken from its published tag
tables and outputs.
"""
