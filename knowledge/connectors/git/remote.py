"""Speaking to the server of a repository: what a branch points to, and the pack of that one commit.

dulwich knows the protocol; every byte goes through ``knowledge.fetching``, so that neither an address nor a redirect
nor a pack offered elsewhere leads to a host that may not be asked, and the token stays with the host it belongs to.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dulwich.client import AbstractHttpGitClient
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import ObjectStoreGraphWalker
from dulwich.objects import ObjectID
from dulwich.refs import HEADREF, Ref

from knowledge.connectors.base import SourceUnreachableError
from knowledge.fetching.asking import Answer, Ask, Fetcher, Limits, origin_of, parse
from knowledge.fetching.errors import FetchError, TooMuchError

MOST_BYTES = 1_000_000_000
_TALK = Limits(bytes=50_000_000, total_seconds=60)
_PACK = Limits(bytes=MOST_BYTES, silence_seconds=60, total_seconds=900)
_ADVERTISED = "application/x-git-upload-pack-advertisement"


@dataclass(frozen=True)
class Head:
    """What a branch (or tag) points to now."""

    branch: str
    commit: str


class Remote:
    """The repository at an address. Every failure is a SourceUnreachableError that says what to do."""

    def __init__(self, address: str, token: str | None) -> None:
        self._fetcher = Fetcher(limits=_TALK)
        self._client = _Client(address, self._fetcher, _basic(token) if token else "")

    def head(self, branch: str) -> Head:
        """The newest commit of a branch or tag; of the one that the repository prefers when ``branch`` is ""."""
        name = branch.encode()
        wanted = [Ref(b"refs/heads/" + name), Ref(b"refs/tags/" + name)] if branch else [HEADREF]
        with _in_words():
            found = self._client.get_refs("", ref_prefix=[*wanted, HEADREF])
        for ref in wanted:
            if commit := found.refs.get(ref):
                own = found.symrefs.get(HEADREF, b"HEAD") if ref == HEADREF else ref
                return Head(own.decode("utf-8", "replace").rpartition("refs/heads/")[2], commit.decode())
        if branch:
            raise SourceUnreachableError(f"The repository has no branch or tag called {branch}.")
        raise SourceUnreachableError("The repository is empty.")

    def fetch(self, commit: str, pack: Path) -> None:
        """Write the pack of a commit, without what came before it."""
        with _in_words(), pack.open("wb") as file:
            self._client.fetch_pack(
                "",
                lambda refs, depth=None: [ObjectID(commit.encode())],
                ObjectStoreGraphWalker([], lambda sha: [], shallow=set()),
                file.write,
                depth=1,
                ref_prefix=[HEADREF],
            )

    def close(self) -> None:
        self._fetcher.close()


@dataclass
class _Reply:
    """An answer as dulwich wants it."""

    answer: Answer
    redirect_location: str

    @property
    def content_type(self) -> str:
        return self.answer.media_type

    def close(self) -> None:
        self.answer.close()


class _Client(AbstractHttpGitClient):
    """dulwich's protocol over our connections; the smart one only, since the other asks for files without end."""

    def __init__(self, address: str, fetcher: Fetcher, authorization: str) -> None:
        super().__init__(address, quiet=True)
        self._fetcher, self._authorization = fetcher, authorization
        self._origin = origin_of(parse(address))

    def _http_request(  # type: ignore[override]
        self, url: str, headers: dict[str, str] | None = None, data: Any = None, raise_for_status: bool = True
    ) -> tuple[_Reply, Callable[[int], bytes]]:
        body = data if data is None or isinstance(data, bytes) else b"".join(data)
        is_home = origin_of(parse(url)) == self._origin
        ask = Ask(url, {"Pragma": "no-cache"} | (headers or {}), body, self._authorization if is_home else "")
        answer = self._fetcher.open(ask, _TALK if body is None else _PACK)
        reason = _refusal(answer, has_token=bool(self._authorization))
        if not reason and body is None and answer.media_type != _ADVERTISED:
            reason = "There is no Git repository at this address."
        if reason:
            answer.close()
            raise SourceUnreachableError(reason)
        return _Reply(answer, answer.url if answer.url != url else ""), _Reading(answer.pieces()).read


class _Reading:
    """Pieces as a file is read: as many bytes as asked for, fewer only at the end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, bytearray()

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        read = bytes(self._rest[:size])
        del self._rest[:size]
        return read


def _basic(token: str) -> str:
    """``user:token``, or a token alone: then any user will do for most servers."""
    pair = token if ":" in token else f"x-access-token:{token}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _refusal(answer: Answer, has_token: bool) -> str:
    if answer.status in (401, 403):
        if has_token:
            return f"The server refuses the access token ({answer.status}). It may have expired or not reach so far."
        return f"The repository is not open to everybody ({answer.status}). It needs an access token."
    if answer.status in (404, 410):
        return "There is no repository at this address" + ("." if has_token else ", or it needs an access token.")
    return "" if answer.status == 200 else f"The server does not give the repository now ({answer.status})."


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except SourceUnreachableError:
        raise
    except TooMuchError as error:
        raise SourceUnreachableError(f"The repository is too large. {error.reason}") from error
    except FetchError as error:
        raise SourceUnreachableError(error.reason) from error
    except (GitProtocolError, NotGitRepository) as error:
        raise SourceUnreachableError(f"The server of the repository says: {str(error)[:200]}.") from error
    except Exception as error:  # what a server sends makes dulwich raise almost anything
        raise SourceUnreachableError("The server of the repository answers what cannot be understood.") from error
