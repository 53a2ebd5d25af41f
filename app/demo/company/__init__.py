"""The knowledge of the demo company, Halden & Rook Instruments.

One folder for each circle of readers, so that the demo shows rights at work: the same question is answered for one
employee and not for another. The files are written for Parley and describe no real firm.
"""

from pathlib import Path

FOLDER = Path(__file__).parent

# Folder name to the one group that reads it; None means everyone.
READERS: dict[str, str | None] = {
    "everyone": None,
    "people-team": "People team",
    "engineering": "Engineering",
}
