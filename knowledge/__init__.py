"""Documents → sections → Chroma and full text; retrieval with citations."""

from knowledge.index import IndexReport, Progress
from knowledge.library import Knowledge

__all__ = ["IndexReport", "Knowledge", "Progress"]
