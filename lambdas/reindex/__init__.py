"""Rebuild an image library's search index from the truth, while the library is live."""

__version__ = "0.2.0"
