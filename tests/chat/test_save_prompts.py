"""Saved prompts: one's own, shared ones, and what others may do with them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from app.errors import BadInputError, NotAllowedError, NotFoundError
from chat.models import SavedPrompt
from chat.verbs.prompting import (
    MAX_TEXT,
    change_prompt,
    copy_prompt,
    create_prompt,
    delete_prompt,
    restore_prompt,
)
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def shared(alice, crew):
    return create_prompt(alice, name="Reply", text="Answer {{name}} politely.", group=crew)


def usable(user):
    return set(SavedPrompt.objects.usable_by(user))


def recorded(action, prompt):
    return AuditEvent.objects.filter(action=action, object=f"savedprompt:{prompt.pk}").count()


def test_ones_own_is_ones_own(alice, bob, ada):
    own = create_prompt(alice, name="  My \n note ", text="Write a note.\r\n")
    assert (own.name, own.text, own.group) == ("My note", "Write a note.", None)
    assert (usable(alice), usable(bob)) == ({own}, set())
    assert not SavedPrompt.objects.visible_to(ada).exists()
    assert recorded("prompt.create", own) == 1


def test_a_shared_one_is_used_by_the_group_and_nobody_else(shared, alice, bob, charlie, ada, sam):
    assert usable(alice) == usable(bob) == {shared}
    assert usable(charlie) == usable(ada) == usable(sam) == set()


def test_only_its_author_and_an_administrator_change_it(shared, alice, bob, ada, crew):
    for person in (alice, ada):
        change_prompt(person, prompt=shared, name=f"By {person}", text="Answer.", group=crew)
    assert recorded("prompt.change", shared) == 2
    with pytest.raises(NotAllowedError):
        change_prompt(bob, prompt=shared, name="Mine", text="Mine.", group=crew)
    with pytest.raises(NotAllowedError):
        delete_prompt(bob, prompt=shared)
    shared.refresh_from_db()
    assert shared.name == "By Ada"


def test_an_administrator_has_no_part_in_what_is_not_shared(alice, ada):
    own = create_prompt(alice, name="Mine", text="Mine.")
    for deed in (lambda: delete_prompt(ada, prompt=own), lambda: copy_prompt(ada, prompt=own)):
        with pytest.raises((NotAllowedError, NotFoundError)):
            deed()


def test_who_leaves_the_group_uses_it_no_more(shared, alice, bob, crew):
    crew.members.remove(bob, alice)
    assert (usable(alice), usable(bob)) == ({shared}, set())
    change_prompt(alice, prompt=shared, name="Still", text="Still hers.", group=crew)


def test_it_can_be_shared_with_ones_own_groups_only(alice, shared):
    others = factories.make_group("Others")
    with pytest.raises(BadInputError, match="groups that you are in"):
        create_prompt(alice, name="Note", text="Note.", group=others)
    with pytest.raises(BadInputError, match="groups that you are in"):
        change_prompt(alice, prompt=shared, name="Note", text="Note.", group=others)


def test_when_its_group_is_gone_it_is_its_authors_alone(shared, alice, bob, crew):
    crew.delete()
    assert (usable(alice), usable(bob)) == ({shared}, set())


def test_a_copy_is_ones_own(shared, bob, charlie):
    copy = copy_prompt(bob, prompt=shared)
    assert (copy.owner, copy.group, copy.text) == (bob, None, shared.text)
    with pytest.raises(NotFoundError):
        copy_prompt(charlie, prompt=shared)


def test_what_is_deleted_can_be_brought_back(shared, alice, bob):
    delete_prompt(alice, prompt=shared)
    assert usable(alice) == usable(bob) == set()
    restore_prompt(alice, prompt=shared)
    assert usable(bob) == {shared}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (" ", "Text.", "Give the prompt a name"),
        ("x" * 81, "Text.", "80 characters"),
        ("Name", " \n", "Write the text"),
        ("Name", "x" * (MAX_TEXT + 1), "8,000 characters"),
        ("Name", "".join(f"{{{{place {number}}}}}" for number in range(21)), "20 places"),
    ],
)
def test_bad_input_is_named(alice, name, text, says):
    with pytest.raises(BadInputError, match=says):
        create_prompt(alice, name=name, text=text)


# --- in the browser ---


def test_the_page_lists_finds_and_tells_whose_they_are(signed_in, shared, bob):
    create_prompt(bob, name="Minutes", text="Summarise the minutes of {{meeting}}.")
    page = signed_in(bob).get(reverse("chat:prompts")).content.decode()
    assert "Crew · by Alice" in page
    assert "To fill in: meeting" in page
    assert page.index("Minutes") < page.index("Reply")
    found = signed_in(bob).get(reverse("chat:prompts"), {"q": "politely answer"}).content.decode()
    assert "Reply" in found
    assert "Minutes" not in found
    own = signed_in(bob).get(reverse("chat:prompts"), {"show": "own"}).content.decode()
    assert "Minutes" in own
    assert "by Alice" not in own


def test_a_long_list_has_pages(signed_in, alice):
    for number in range(33):
        factories.make_prompt(owner=alice, name=f"{'Nn'[number % 2]}ote {number:02}")
    first = signed_in(alice).get(reverse("chat:prompts"))
    second = signed_in(alice).get(reverse("chat:prompts"), {"cursor": first.context["page"].next})
    names = [prompt.name.lower() for page in (first, second) for prompt in page.context["page"].items]
    assert names == [f"note {number:02}" for number in range(33)]
    assert second.context["page"].next is None


def test_one_is_made_changed_and_deleted_without_a_script(signed_in, alice, crew):
    client = signed_in(alice)
    form = {"name": "Reply", "text": "Answer {{name}}.", "group": str(crew.pk)}
    assert client.post(reverse("chat:new_prompt"), form).status_code == 302
    prompt = SavedPrompt.objects.get()
    assert (prompt.owner, prompt.group) == (alice, crew)
    address = reverse("chat:change_prompt", args=[prompt.pk])
    assert "Answer {{name}}." in client.get(address).content.decode()
    assert client.post(address, form | {"group": "", "name": "Note"}).status_code == 302
    prompt.refresh_from_db()
    assert (prompt.name, prompt.group) == ("Note", None)
    gone = client.post(reverse("chat:delete_prompt", args=[prompt.pk]), follow=True).content.decode()
    assert "Note is deleted." in gone
    assert reverse("chat:restore_prompt", args=[prompt.pk]) in gone
    client.post(reverse("chat:restore_prompt", args=[prompt.pk]))
    assert usable(alice) == {prompt}


def test_a_wrong_form_says_what_to_change_and_keeps_what_was_written(signed_in, alice):
    many = "".join(f"{{{{place {number}}}}}" for number in range(21))
    answer = signed_in(alice).post(reverse("chat:new_prompt"), {"name": "Many", "text": many, "group": ""})
    assert answer.status_code == 422
    assert "20 places to fill in; this has 21" in answer.content.decode()
    assert "{{place 20}}" in answer.content.decode()
    outside = {"name": "Note", "text": "Note.", "group": str(factories.make_group("Others").pk)}
    assert signed_in(alice).post(reverse("chat:new_prompt"), outside).status_code == 422


def test_the_menu_has_what_one_may_use_those_named_so_first(signed_in, shared, alice, bob, charlie):
    create_prompt(bob, name="Apology", text="Write a reply that apologises.")
    menu = signed_in(bob).get(reverse("chat:prompt_menu"), {"q": "reply"}).content.decode()
    assert 0 < menu.index("Reply") < menu.index("Apology")
    assert signed_in(charlie).get(reverse("chat:prompt_menu")).content.decode().strip() == ""
    assert signed_in(bob).get(reverse("chat:prompt_menu"), {"q": "%_"}).content.decode().strip() == ""


def test_without_a_script_it_is_used_in_two_steps(signed_in, shared, bob):
    factories.make_assistant()
    client = signed_in(bob)
    asked = client.get("/", {"prompt": str(shared.pk)}).content.decode()
    assert 'name="value"' in asked
    filled = client.get("/", {"prompt": str(shared.pk), "value": "Ines"}).content.decode()
    assert "Answer Ines politely.</textarea>" in filled
    assert 'name="value"' not in filled


def test_one_without_places_is_at_once_where_one_writes(signed_in, bob):
    factories.make_assistant()
    own = create_prompt(bob, name="Note", text="Write <a> note.")
    assert "Write &lt;a&gt; note.</textarea>" in signed_in(bob).get("/", {"prompt": str(own.pk)}).content.decode()


@pytest.mark.parametrize("named", ["theirs", "nothing"])
def test_what_one_may_not_use_is_not_there(signed_in, shared, charlie, named):
    factories.make_assistant()
    prompt = str(shared.pk) if named == "theirs" else "0199b9a0-0000-7000-8000-000000000000"
    assert signed_in(charlie).get("/", {"prompt": prompt}).status_code == 404
    assert signed_in(charlie).get(reverse("chat:fill_prompt", args=[prompt])).status_code == 404
    assert signed_in(charlie).get("/", {"prompt": "what"}).status_code == 422
