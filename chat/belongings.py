"""What of the chat belongs to a person, for when they leave or two accounts become one."""

from __future__ import annotations

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from accounts.models import User
from accounts.people.belongings import Kind
from accounts.sealed.fields import SealedModel
from chat.models import Assistant, Attachment, Conversation, Feedback, Instructions, Reply, SavedPrompt, Share, Tag
from chat.models.messages import mark_of


def _kind(name: str, model: type, field: str, *, is_work: bool, needs: str = "", **only: object) -> Kind:
    """All rows of ``model`` whose ``field`` is the person, and which are as ``only`` says."""

    def rows(person: User) -> QuerySet[Assistant]:
        return model._default_manager.filter(**{field: person}, **only)  # type: ignore[attr-defined, no-any-return]

    def move(person: User, to: User) -> int:
        """What is work goes to somebody else for good, and is sealed under their key."""
        if not (is_work and issubclass(model, SealedModel)):
            return rows(person).update(**{field: to})
        moved = list(rows(person))
        for row in moved:
            setattr(row, field, to)
            row.save()
        return len(moved)

    return Kind(name, lambda person: rows(person).count(), move, is_work, needs)


_OF_ANOTHER = """
update chat_message set owner_id = %(to)s, words = ts_delete(words, %(was)s) || array_to_tsvector(array[%(is)s])
where owner_id = %(person)s
"""


def _move_conversations(person: User, to: User) -> int:
    """With the mark by which their messages are found as one person's."""
    moved = Conversation.objects.filter(owner=person).update(owner=to)
    with connection.cursor() as cursor:
        marks = {"was": mark_of(person.pk), "is": mark_of(to.pk)}
        cursor.execute(_OF_ANOTHER, {"person": person.pk, "to": to.pk, **marks})
    return moved


def _move_tags(person: User, to: User) -> int:
    """One that the other has by the same name, too, becomes that one."""
    theirs = {tag.name.lower(): tag for tag in Tag.objects.filter(owner=to)}
    moved = 0
    for tag in Tag.objects.filter(owner=person):
        same = theirs.get(tag.name.lower())
        if same is None:
            Tag.objects.filter(pk=tag.pk).update(owner=to)
        else:
            same.conversations.add(*tag.conversations.all())
            tag.delete()
        moved += 1
    return moved


def _move_named(person: User, to: User) -> int:
    """What others share with them by name."""
    shares = list(Share.objects.filter(people=person))
    for share in shares:
        share.people.remove(person)
        if share.owner_id != to.pk:
            share.people.add(to)
    return len(shares)


def _move_instructions(person: User, to: User) -> int:
    """The other's own stay, where they have some."""
    if Instructions.objects.filter(user=to).exists():
        return 0
    return Instructions.objects.filter(user=person).update(user=to)


KINDS = (
    _kind(_("Assistants they answer for"), Assistant, "owner", is_work=True),
    _kind(_("Prompts they share"), SavedPrompt, "owner", is_work=True, needs="chat.edit_prompt", group__isnull=False),
    _kind(_("Conversations they share"), Share, "owner", is_work=True, revoked_at=None),
    Kind(
        _("Conversations"),
        lambda person: Conversation.objects.filter(owner=person).count(),
        _move_conversations,
        False,
    ),
    _kind(_("Files"), Attachment, "owner", is_work=False),
    _kind(_("Saved prompts"), SavedPrompt, "owner", is_work=False, group__isnull=True),
    _kind(_("Ended shares"), Share, "owner", is_work=False, revoked_at__isnull=False),
    _kind(_("Feedback"), Feedback, "user", is_work=False),
    _kind(_("Replies to feedback"), Reply, "author", is_work=False),
    Kind(_("Tags"), lambda person: Tag.objects.filter(owner=person).count(), _move_tags, False),
    Kind(_("Shared with them"), lambda person: Share.objects.filter(people=person).count(), _move_named, False),
    Kind(
        _("Instructions"),
        lambda person: Instructions.objects.filter(user=person).count(),
        _move_instructions,
        False,
    ),
)
