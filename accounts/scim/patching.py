"""PATCH (RFC 7644, 3.5.2) on a resource as JSON: what it would be after the operations. Nothing is written here.

Directories differ from the RFC and from each other: Entra writes ``Add`` and ``"True"``, puts ``name.givenName`` into a
value as a key, and names removed members in the value instead of the path; Okta sends whole objects without a path.
All of these are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from accounts.scim.errors import ScimError
from accounts.scim.filters import Both, Compare, Filter, Path, holds, plain_name, read_path

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MOST_OPERATIONS = 1000
Json = dict[str, Any]


def patched(resource: Json, body: Json, *, kept: Iterable[str], ignored: Iterable[str]) -> Json:
    """Another resource, after all operations or none.

    ``kept`` are the attributes there are, as they are written; ``ignored`` those that SCIM knows and Parley does not
    keep. Raises ScimError for operations that are none, and for paths that lead nowhere.
    """
    names = {name.lower(): name for name in kept}
    without = {name.lower() for name in ignored}
    after = deepcopy(resource)
    for operation in read_operations(body):
        verb, path, value = operation
        if path is None:
            if not isinstance(value, dict):
                raise ScimError("An operation without a path needs an object as its value.", "invalidValue")
            for key, one in _unfolded(value):
                _apply(after, verb, key, one, names, without)
        else:
            _apply(after, verb, path, value, names, without)
    return after


def read_operations(body: Json) -> list[tuple[str, str | None, Any]]:
    """Of each its verb in lower case, its path and its value."""
    found = _value_of(body, "operations")
    if not isinstance(found, list) or not found:
        raise ScimError("A PATCH needs a list of Operations.", "invalidSyntax")
    if len(found) > MOST_OPERATIONS:
        raise ScimError(f"A PATCH has at most {MOST_OPERATIONS} operations.", "tooMany")
    read = []
    for one in found:
        verb = _value_of(one, "op") if isinstance(one, dict) else None
        path = _value_of(one, "path") if isinstance(one, dict) else None
        if not isinstance(verb, str) or verb.lower() not in ("add", "replace", "remove"):
            raise ScimError("The op of an operation is add, replace or remove.", "invalidSyntax")
        if path is not None and not isinstance(path, str):
            raise ScimError("A path is a string.", "invalidPath")
        if not path and verb.lower() == "remove":
            raise ScimError("To remove something takes a path.", "noTarget")
        read.append((verb.lower(), path or None, _value_of(one, "value")))
    return read


def listed(value: Any) -> list[Any]:
    """What may be one or a list of them."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _unfolded(value: Json) -> Iterable[tuple[str, Any]]:
    """The keys as paths; what an extension holds is not kept, so it stays whole."""
    for key, one in value.items():
        if key.lower() not in ("schemas", "id", "meta"):
            yield key, one


def _apply(after: Json, verb: str, path: str, value: Any, names: Mapping[str, str], without: set[str]) -> None:
    if is_extension(path):
        return
    target = read_path(path)
    if target.attribute in without:
        return
    name = names.get(target.attribute)
    if name is None:
        raise ScimError(f"There is no attribute {path[:100]}.", "invalidPath")
    if target.chosen is not None:
        _apply_chosen(after, verb, name, target, value)
    elif target.part:
        _apply_part(after, verb, name, target.part, value)
    elif verb == "remove":
        _remove(after, name, value)
    elif isinstance(after.get(name), list) and verb == "add":
        known = {_identity(one) for one in after[name]}
        after[name] = [*after[name], *(one for one in listed(value) if _identity(one) not in known)]
    elif isinstance(after.get(name), dict):
        if not isinstance(value, dict):
            raise ScimError(f"{name} is an object.", "invalidValue")
        after[name] = after[name] | {_as_there(after[name], key): one for key, one in value.items()}
    else:
        after[name] = value


def is_extension(path: str) -> bool:
    """Whether it names an extension's attribute: Parley has none of its own."""
    return ":extension:" in path.lower()


def _remove(after: Json, name: str, value: Any) -> None:
    """All of it, or only the elements that the value names, as Entra does it."""
    gone = {_identity(one) for one in listed(value)}
    if gone and isinstance(after.get(name), list):
        after[name] = [one for one in after[name] if _identity(one) not in gone]
    else:
        after.pop(name, None)


def _identity(element: Any) -> str:
    return str(_value_of(element, "value") if isinstance(element, dict) else element).casefold()


def _apply_part(after: Json, verb: str, name: str, part: str, value: Any) -> None:
    there = after.get(name)
    if isinstance(there, list):  # a part of every element there is
        for one in there:
            _set_part(one, verb, part, value)
        if not there and verb != "remove":
            after[name] = [{part: value}]
        return
    if there is None:
        there = after[name] = {}
    if not isinstance(there, dict):
        raise ScimError(f"{name} has no parts.", "invalidPath")
    _set_part(there, verb, part, value)


def _apply_chosen(after: Json, verb: str, name: str, target: Path, value: Any) -> None:
    there = after.get(name)
    if not isinstance(there, list | None):
        raise ScimError(f"{name} is no list.", "invalidPath")
    there = there or []
    assert target.chosen is not None
    chosen = _elements(there, target.chosen)
    if verb == "remove" and not target.part:
        gone = {id(one) for one in chosen}
        after[name] = [one for one in there if id(one) not in gone]
        return
    if not chosen and verb == "add":  # Entra makes elements so
        made: Json = dict(_equalities(target.chosen))
        after[name] = [*there, made]
        chosen = [made]
    if not chosen and verb == "replace":
        raise ScimError(f"There is no such element of {name}.", "noTarget")
    for one in chosen:
        if target.part:
            _set_part(one, verb, target.part, value)
        elif isinstance(value, dict):
            one.update({_as_there(one, key): part for key, part in value.items()})
        else:
            raise ScimError(f"An element of {name} is an object.", "invalidValue")


def _elements(there: list[Any], chosen: Filter) -> list[Json]:
    """Those for which the filter holds. A large group has thousands, so the usual question is answered quickly."""
    if isinstance(chosen, Compare) and (chosen.path, chosen.operator) == ("value", "eq"):
        wanted = str(chosen.value).casefold()
        return [one for one in there if isinstance(one, dict) and _identity(one) == wanted]
    return [one for one in there if isinstance(one, dict) and holds(chosen, one)]


def _set_part(element: Any, verb: str, part: str, value: Any) -> None:
    if not isinstance(element, dict):
        raise ScimError(f"There is no {part} there.", "invalidPath")
    key = _as_there(element, part)
    if verb == "remove":
        element.pop(key, None)
    else:
        element[key] = value


def _equalities(found: Filter) -> Iterable[tuple[str, Any]]:
    if isinstance(found, Compare) and found.operator == "eq":
        yield found.path, found.value
    elif isinstance(found, Both):
        yield from _equalities(found.left)
        yield from _equalities(found.right)


def _as_there(element: Mapping[str, Any], key: str) -> str:
    """The key as this object has it already; SCIM's names differ in case from one directory to another."""
    return next((one for one in element if one.lower() == plain_name(key)), key)


def _value_of(element: Mapping[str, Any], key: str) -> Any:
    return next((value for name, value in element.items() if name.lower() == key), None)
