"""The models that Parley knows by name: where they come from, what they are for, and under which licence."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from app.inference.registry import ModelFields

FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Known:
    """One entry. ``packaged`` models come through the package index, the others from ``repo`` on a hub, where
    ``revision`` is empty if the person who pulls must say it.
    """

    name: str
    role: str
    licence: str
    context_tokens: int
    about: str
    repo: str = ""
    revision: str = ""
    packaged: str = ""
    packaged_sha256: str = ""
    query_prefix: str = ""
    passage_prefix: str = ""
    tensor_parallel: int = 1

    def fields(self) -> ModelFields:
        """What the registry takes from here."""
        return {
            "role": self.role,
            "licence": self.licence,
            "context_tokens": self.context_tokens,
            "query_prefix": self.query_prefix,
            "passage_prefix": self.passage_prefix,
            "tensor_parallel": self.tensor_parallel,
        }


@functools.cache
def known_models() -> dict[str, Known]:
    """Every entry by its name, in the file's order."""
    entries = tomllib.loads(FILE.read_text())
    return {name: Known(name=name, **fields) for name, fields in entries.items()}
