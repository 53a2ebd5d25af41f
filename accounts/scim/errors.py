"""What goes wrong in SCIM's own words (RFC 7644, 3.12)."""

from __future__ import annotations

from typing import Any, Literal

from app.errors import ParleyError

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
ScimType = Literal[
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
]


class ScimError(ParleyError):
    """The directory's request cannot be done. ``scim_type`` is the RFC's word for why, "" where it has none."""

    code = "scim"

    def __init__(self, message: str, scim_type: ScimType | Literal[""] = "", *, status: int = 400) -> None:
        super().__init__(message)
        self.scim_type = scim_type
        self.status = status


class ChangedMeanwhileError(ScimError):
    """If-Match names another version than the one there is."""

    def __init__(self) -> None:
        super().__init__("This was changed since that version was read. Read it again.", status=412)


class AlreadyThereError(ScimError):
    """A name or address that has to be the only one of its kind is somebody's."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "uniqueness", status=409)


def status_of(error: ParleyError) -> int:
    """SCIM answers 400 where the other interfaces say 422."""
    return 400 if error.status == 422 else error.status


def error_body(error: ParleyError) -> dict[str, Any]:
    body: dict[str, Any] = {"schemas": [ERROR], "status": str(status_of(error)), "detail": error.message}
    scim_type = getattr(error, "scim_type", "invalidValue" if error.status == 422 else "")
    return body | ({"scimType": scim_type} if scim_type else {})
