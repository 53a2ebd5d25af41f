"""What Parley costs and how good its answers are, always beside something it can be held against.

``make bench`` runs all of it, ``make bench ONLY=stream`` one. Every benchmark makes a Parley of its own in a temporary
folder, on the embedded parts; nothing of the data folder is touched but ``bench/NAME.json``, where the rows go.
"""
