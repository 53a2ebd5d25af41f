"""Columns of people's words: encrypted in the database, plain in the rows that Python has.

A row opens its columns as it is read, and seals them as it is written, under the key of the person whose they are;
verbs say ``message.text`` and need not know. Every sealed text names its key and is bound to table, column and row: in
another place it does not open. What has no mark was written before there were keys, and is read as it stands. What is
empty stays empty, so that the database can still be asked whether there is anything.

Statements of one's own read ``opened`` and write what ``SealedModel.sealing`` gives. Writing a plain text into such a
column in any other way is refused, so that nobody can forget.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.query import FlatValuesListIterable, ValuesListIterable
from django.utils.translation import gettext as _

from accounts.sealed.person_keys import DataKey, find_key, key_of

MARK = "sealed:1:"
_ID, _NONCE = 16, 12
_SHORTEST = _ID + _NONCE + 16


class Sealed(str):
    """A text as it stands in a sealed column."""

    __slots__ = ()


def seal(key: DataKey, place: str, text: bytes) -> Sealed:
    """``text`` for one place alone, which is named by table, column and row."""
    if key.cipher is None:
        raise ValueError("nothing can be sealed under a key that was destroyed")
    nonce = os.urandom(_NONCE)
    whole = key.id.bytes + nonce + key.cipher.encrypt(nonce, text, place.encode())
    return Sealed(MARK + binascii.b2a_base64(whole, newline=False).decode())


def unseal(place: str, token: str) -> bytes | None:
    """The text that was sealed for this place; None when its key is gone, or it was moved here or changed."""
    try:
        whole = binascii.a2b_base64(token[len(MARK) :], strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    if len(whole) < _SHORTEST:
        return None
    key = find_key(UUID(bytes=whole[:_ID]))
    if key.cipher is None:
        return None
    try:
        return key.cipher.decrypt(whole[_ID : _ID + _NONCE], whole[_ID + _NONCE :], place.encode())
    except InvalidTag:
        return None


def key_id_of(token: object) -> UUID | None:
    """The key that a value of a sealed column names; None for a plain one."""
    if not is_sealed(token):
        return None
    try:
        whole = binascii.a2b_base64(str(token)[len(MARK) :][:24])
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=whole[:_ID]) if len(whole) >= _ID else None


def is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(MARK)


def erased() -> str:
    """What stands where a text cannot be opened any more."""
    return _("This text was erased.")


class SealedField(models.Field):  # type: ignore[type-arg]
    """What all kinds of sealed columns have in common. ``owner`` is the way from the row to the id of its person."""

    def __init__(self, *args: Any, owner: str, **kwargs: Any) -> None:
        self.owner = owner
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "owner": self.owner}

    def as_it_stands(self, value: Any) -> models.Value:
        """What the column holds, to be compared with it."""
        return models.Value(value, output_field=self.plain())

    def plain(self) -> models.Field[Any, Any]:
        """What the column is to the database."""
        raise NotImplementedError

    def place(self, pk: object) -> str:
        return f"{self.model._meta.db_table}.{self.column}:{pk}"

    def person_of(self, row: models.Model) -> UUID:
        """Whose key it is. Costs a statement where the way leads over a row that is not at hand."""
        found: Any = row
        for name in self.owner.split("."):
            found = getattr(found, name)
        person: UUID = found
        return person

    def refusal(self, why: str) -> TypeError:
        """For who writes Parley, not for who uses it."""
        return TypeError(" ".join((f"{self.model.__name__}.{self.name}", "is sealed:", why)))

    def seal_value(self, key: DataKey, pk: object, value: Any) -> Any:
        """As it goes into the database. What is empty stays so."""
        if not value or is_sealed(value):
            return value
        return self.as_column(seal(key, self.place(pk), self.as_bytes(value)))

    def open_value(self, pk: object, value: Any, *, when_erased: Any = None) -> Any:
        """As Python has it, of what the database gave."""
        token = self.token_in(value)
        if token is None:
            return value
        text = unseal(self.place(pk), token)
        if text is None:
            return self.when_erased() if when_erased is None else when_erased
        return self.of_bytes(text)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if not value or is_sealed(value) or hasattr(value, "resolve_expression"):
            return value
        return self.seal_value(key_of(self.person_of(model_instance)), model_instance.pk, value)

    def get_prep_value(self, value: Any) -> Any:
        """Of what is asked for or written; an expression is whoever's business who made it."""
        if value and self.token_in(value) is None and not hasattr(value, "resolve_expression"):
            raise self.refusal("the database cannot look into it")
        return super().get_prep_value(value)

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name in ("exact", "isnull") else None

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value and self.token_in(value) is None and not hasattr(value, "resolve_expression"):
            raise self.refusal("write it through a row, or seal it first")
        return super().get_db_prep_save(value, connection)

    def token_in(self, value: Any) -> str | None:
        return value if is_sealed(value) else None

    def as_column(self, token: Sealed) -> Any:
        return token

    def as_bytes(self, value: Any) -> bytes:
        return str(value).encode("utf-8", "surrogatepass")

    def of_bytes(self, text: bytes) -> Any:
        return text.decode("utf-8", "surrogatepass")

    def when_erased(self) -> Any:
        return erased()


class SealedTextField(SealedField, models.TextField):  # type: ignore[type-arg]
    """A text."""

    def plain(self) -> models.Field[Any, Any]:
        return models.TextField()


class SealedJSONField(SealedField, models.JSONField):
    """JSON; the column holds one string of it. What is erased is as empty as a new row's."""

    def plain(self) -> models.Field[Any, Any]:
        return models.JSONField()

    def as_bytes(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def of_bytes(self, text: bytes) -> Any:
        return orjson.loads(text)

    def when_erased(self) -> Any:
        return self.get_default()


class SealedListField(SealedField, ArrayField):  # type: ignore[type-arg]
    """A list of texts; the column holds a list of one."""

    def plain(self) -> models.Field[Any, Any]:
        return ArrayField(models.TextField())

    def token_in(self, value: Any) -> str | None:
        return value[0] if isinstance(value, list) and len(value) == 1 and is_sealed(value[0]) else None

    def as_column(self, token: Sealed) -> Any:
        return [token]

    def as_bytes(self, value: Any) -> bytes:
        return orjson.dumps(value)

    def of_bytes(self, text: bytes) -> Any:
        return orjson.loads(text)

    def when_erased(self) -> Any:
        return []


@cache
def sealed_fields(model: type[models.Model]) -> dict[str, SealedField]:
    """The sealed columns of a model by their names."""
    return {field.name: field for field in model._meta.concrete_fields if isinstance(field, SealedField)}


def opened(model: type[models.Model], name: str, pk: object, value: Any, *, when_erased: Any = None) -> Any:
    """What a statement of one's own read from a sealed column of the row ``pk``; ``when_erased`` in the place of what
    says that it was erased."""
    return sealed_fields(model)[name].open_value(pk, value, when_erased=when_erased) if value else value


class _OpenedTuples(ValuesListIterable):  # type: ignore[type-arg]
    """The last column is the row's key, which was asked for besides."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        model, names = self.queryset.model, self.queryset._fields[:-1]  # type: ignore[attr-defined]
        fields = sealed_fields(model)
        for row in super().__iter__():
            yield tuple(
                fields[name].open_value(row[-1], value) if name in fields and value else value
                for name, value in zip(names, row, strict=False)
            )


class _OpenedValues(FlatValuesListIterable):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        for row in _OpenedTuples(self.queryset):
            yield row[0]


_Row = TypeVar("_Row", bound="SealedModel")


class SealedQuerySet(models.QuerySet[_Row]):
    """Rows whose sealed columns can be read by ``values_list`` and written by ``update`` as if they were plain."""

    def values_list(self, *fields: Any, flat: bool = False, named: bool = False) -> Any:
        if not sealed_fields(self.model).keys() & {one for one in fields if isinstance(one, str)}:
            return super().values_list(*fields, flat=flat, named=named)
        clone = self._values(*fields, "key_of_row", key_of_row=models.F("pk"))  # type: ignore[attr-defined]
        clone._iterable_class = _OpenedValues if flat else _OpenedTuples
        return clone

    def values(self, *fields: Any, **expressions: Any) -> Any:
        if sealed_fields(self.model).keys() & set(fields):
            raise TypeError("values() would give sealed columns as they stand. Use values_list(), or read rows.")
        return super().values(*fields, **expressions)

    def update(self, **columns: Any) -> int:
        """Plain texts are sealed for each row; each row is changed only if it still is one of these."""
        fields = sealed_fields(self.model)
        plain = (value for name, value in columns.items() if name in fields and value and not is_sealed(value))
        if all(hasattr(value, "resolve_expression") for value in plain):
            return super().update(**columns)
        with transaction.atomic(using=self.db):
            rows = list(self.order_by().select_related(None).only("pk"))
            return sum(self.filter(pk=row.pk)._write(row.sealing(**columns)) for row in rows)

    update.alters_data = True  # type: ignore[attr-defined]

    def _write(self, columns: dict[str, Any]) -> int:
        return super().update(**columns)


class SealedModel(models.Model):
    """A row with sealed columns."""

    also_read: ClassVar[tuple[str, ...]] = ()
    """What ``found_by`` needs besides the sealed columns."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **how: Any) -> None:
        """What is sealed is bound to its row, so a number that the database counts is asked for before."""
        if self.pk is None:
            with connections[how.get("using") or DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("select nextval(pg_get_serial_sequence(%s, 'id'))", [self._meta.db_table])
                [self.pk] = cursor.fetchone()
            how["force_insert"] = True
        super().save(*args, **how)

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **how: Any) -> Self:
        row = super().from_db(db, field_names, values, **how)
        had = row.__dict__
        for name, field in sealed_fields(cls).items():
            if value := had.get(name):
                had[name] = field.open_value(row.pk, value)
        return row

    @classmethod
    def found_by(cls, key: DataKey, row: dict[str, Any]) -> dict[str, Any]:
        """Columns that follow from what the sealed ones of a row say, under another key."""
        return {}

    def sealing(self, **columns: Any) -> dict[str, Any]:
        """These columns of this row as they go into the database by a statement of one's own, or by ``update``."""
        fields = sealed_fields(type(self))
        made = dict(columns)
        for name, value in columns.items():
            if name in fields and value and not hasattr(value, "resolve_expression"):
                field = fields[name]
                made[name] = field.seal_value(key_of(field.person_of(self)), self.pk, value)
        return made
