"""Keeping conversations: names, pins, tags, archive, deletion, each as a plain form and by htmx, each undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, User
from app.errors import BadInputError
from chat.models import Conversation, Tag
from chat.pages.queries import Shelf, pins_of, sidebar_of, tags_of
from chat.verbs import keeping
from tests.conftest import SignIn
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def leave(alice: User) -> Conversation:
    return make_conversation(owner=alice, title="Leave")


@pytest.fixture
def page(alice: User, signed_in: SignIn) -> Client:
    return signed_in(alice)


def do(client: Client, deed: str, conversation: Conversation, *more: object, **data: str) -> str:
    """A form without JavaScript; the page it leads to."""
    address = reverse(f"chat:{deed}", args=[conversation.id, *more])
    answer = client.post(address, data, follow=True)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def live(client: Client, deed: str, conversation: Conversation, *more: object, at: str = "/", **data: str) -> str:
    """The same by htmx, from the page ``at``; what it is to draw."""
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{at}"}
    answer = client.post(reverse(f"chat:{deed}", args=[conversation.id, *more]), data, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def titles(user: User, **shelf: object) -> list[str]:
    return [one.title for one in sidebar_of(user, shelf=Shelf(**shelf)).items]  # type: ignore[arg-type]


def test_a_pinned_one_stands_above_the_days(alice: User, leave: Conversation, page: Client) -> None:
    make_conversation(owner=alice, title="Newer")
    Conversation.objects.filter(pk=leave.pk).update(active_at=timezone.now() - timedelta(days=90))
    do(page, "pin", leave)
    assert [one.title for one in pins_of(alice)] == ["Leave"]
    assert titles(alice) == ["Newer"]
    shown = page.get("/").content.decode()
    assert shown.index("Pinned") < shown.index(">Leave<") < shown.index("Today") < shown.index(">Newer<")
    do(page, "unpin", leave)
    assert titles(alice) == ["Newer", "Leave"]


def test_pins_are_few(alice: User, leave: Conversation) -> None:
    for number in range(keeping.MOST_PINS):
        make_conversation(owner=alice, title=f"{number}", pinned_at=timezone.now())
    with pytest.raises(BadInputError, match="Unpin one first"):
        keeping.pin_conversation(alice, conversation=leave)


def test_an_archived_one_leaves_the_list_and_comes_back(alice: User, leave: Conversation, page: Client) -> None:
    keeping.pin_conversation(alice, conversation=leave)
    drawn = live(page, "archive", leave)
    assert "Conversation archived." in drawn and reverse("chat:unarchive", args=[leave.id]) in drawn
    assert (titles(alice), pins_of(alice), titles(alice, is_archive=True)) == ([], [], ["Leave"])
    assert ">Leave<" in page.get("/?shelf=archive").content.decode()
    assert page.get(reverse("chat:conversation", args=[leave.id])).status_code == 200
    do(page, "unarchive", leave)
    assert (titles(alice), titles(alice, is_archive=True)) == (["Leave"], [])


def test_a_tag_narrows_the_list(alice: User, leave: Conversation, page: Client) -> None:
    make_conversation(owner=alice, title="Travel")
    do(page, "tag", leave, name="  people   and time ")
    (tag,) = tags_of(alice)
    assert (tag.name, titles(alice, tag_id=tag.id)) == ("people and time", ["Leave"])
    narrowed = page.get(f"/?tag={tag.id}").content.decode()
    assert ">Leave<" in narrowed and ">Travel<" not in narrowed
    assert f'href="{reverse("chat:conversation", args=[leave.id])}?tag={tag.id}"' in narrowed


def test_the_same_word_in_capitals_is_the_same_tag(alice: User, leave: Conversation) -> None:
    other = make_conversation(owner=alice)
    first = keeping.tag_conversation(alice, conversation=leave, name="HR")
    assert keeping.tag_conversation(alice, conversation=other, name="#hr") == first
    assert Tag.objects.count() == 1


def test_a_tag_that_nothing_has_is_gone(alice: User, leave: Conversation, page: Client) -> None:
    tag = keeping.tag_conversation(alice, conversation=leave, name="HR")
    do(page, "untag", leave, tag.id)
    assert not Tag.objects.exists()


def test_tags_are_each_person_s_own(alice: User, bob: User, leave: Conversation, signed_in: SignIn) -> None:
    tag = keeping.tag_conversation(alice, conversation=leave, name="HR")
    his = make_conversation(owner=bob)
    keeping.tag_conversation(bob, conversation=his, name="HR")
    assert Tag.objects.count() == 2 and len(tags_of(bob)) == 1
    assert titles(bob, tag_id=tag.id) == []
    answer = signed_in(bob).post(reverse("chat:untag", args=[his.id, tag.id]))
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["", "   ", "#", "x" * 41])
def test_a_tag_that_is_none_is_refused(alice: User, leave: Conversation, name: str) -> None:
    with pytest.raises(BadInputError, match="tag"):
        keeping.tag_conversation(alice, conversation=leave, name=name)


def test_a_conversation_has_only_so_many_tags(alice: User, leave: Conversation) -> None:
    for number in range(keeping.MOST_TAGS_EACH):
        keeping.tag_conversation(alice, conversation=leave, name=f"tag {number}")
    keeping.tag_conversation(alice, conversation=leave, name="TAG 1")
    with pytest.raises(BadInputError, match="Remove one first"):
        keeping.tag_conversation(alice, conversation=leave, name="one more")


def test_a_new_name_is_drawn_where_it_stands(alice: User, leave: Conversation, page: Client) -> None:
    at = reverse("chat:conversation", args=[leave.id])
    drawn = live(page, "rename", leave, at=at, title=" Time   off ")
    assert f'id="conversation-{leave.id}"' in drawn and 'aria-current="page"' in drawn
    assert '<h1 id="conversation-title" hx-swap-oob="true">Time off</h1>' in drawn
    assert "<h1" not in live(page, "rename", leave, at="/", title="Time off")
    leave.refresh_from_db()
    assert (leave.title, leave.titled_by) == ("Time off", "person")


def test_what_was_deleted_comes_back_with_its_pin(alice: User, leave: Conversation, page: Client) -> None:
    do(page, "pin", leave)
    do(page, "delete", leave)
    assert pins_of(alice) == []
    do(page, "restore", leave)
    assert pins_of(alice) == [leave]


def test_a_deed_draws_the_list_that_was_open(alice: User, leave: Conversation, page: Client) -> None:
    make_conversation(owner=alice, title="Travel")
    tag = keeping.tag_conversation(alice, conversation=leave, name="HR")
    at = f"{reverse('chat:conversation', args=[leave.id])}?tag={tag.id}"
    drawn = live(page, "pin", leave, at=at)
    assert ">Leave<" in drawn and ">Travel<" not in drawn and 'id="kept-under"' in drawn


def test_an_older_page_stays_on_its_shelf(alice: User, page: Client) -> None:
    tag = Tag.objects.create(owner=alice, name="HR")
    now = timezone.now()
    for number in range(45):
        make_conversation(owner=alice, title=f"Kept {number:02}", active_at=now - timedelta(minutes=number)).tags.add(
            tag
        )
    make_conversation(owner=alice, title="Other", active_at=now - timedelta(days=1))
    first = sidebar_of(alice, shelf=Shelf(tag_id=tag.id))
    assert f"tag={tag.id}&amp;cursor={first.next}" in page.get(f"/?tag={tag.id}").content.decode()
    more = page.get(f"/c/older?tag={tag.id}&cursor={first.next}").content.decode()
    assert "Kept 40" in more and "Kept 39" not in more and "Other" not in more


def test_every_deed_is_audited(alice: User, leave: Conversation, page: Client) -> None:
    for deed in ("pin", "unpin", "archive", "unarchive", "delete", "restore"):
        do(page, deed, leave)
    do(page, "tag", leave, name="HR")
    do(page, "untag", leave, Tag.objects.get().id)
    events = AuditEvent.objects.filter(object=f"conversation:{leave.id}").values_list("action", flat=True)
    deeds = ["pin", "unpin", "archive", "unarchive", "delete", "restore", "tag", "untag"]
    assert set(events) == {f"conversation.{deed}" for deed in deeds}


@pytest.mark.parametrize("address", ["/?tag=nonsense", "/?shelf=attic", "/c/shelf?tag=0"])
def test_an_address_that_means_nothing_shows_all(alice: User, leave: Conversation, page: Client, address: str) -> None:
    assert ">Leave<" in page.get(address).content.decode()
