"""Finding the passages that answer a question, among those its asker may read.

- ``reach``: what one may look through, how much that is, and which words are worth looking for
- ``candidates``: the one SQL statement that brings up passages by meaning and by words, with the rights inside
- ``scoring``: how both are joined to one score
- ``choosing``: what is dropped (the same again, too much of one document) and what is joined (neighbours)
- ``followups``: a question that leans on an earlier one, made to stand alone
- ``searching``: all of it in order, with rewording and reranking where a model for that is set up
"""

from knowledge.retrieval.searching import Search, look, search

__all__ = ["Search", "look", "search"]
