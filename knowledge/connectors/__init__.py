"""Where documents can come from: one class for each kind of source, listed by ``registry``.

A connector only lists and reads. What is new, changed, renamed or gone, and what follows from it, is decided by
``knowledge.syncs.syncing`` for all kinds alike.
"""
