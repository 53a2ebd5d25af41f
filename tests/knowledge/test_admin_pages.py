"""Knowledge in the admin site: administrators look, nobody changes."""

from __future__ import annotations

import pytest

from accounts.models import User
from knowledge.models import Source
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish

PAGES = ["source", "document", "version", "sync", "indexgeneration"]


@pytest.mark.parametrize("page", PAGES)
def test_an_administrator_looks_and_changes_nothing(
    ada: User, handbook: Source, publish: Publish, signed_in: SignIn, page: str
) -> None:
    publish(handbook)
    client = signed_in(ada)
    assert client.get(f"/admin/knowledge/{page}/").status_code == 200
    assert client.get(f"/admin/knowledge/{page}/add/").status_code == 403


def test_a_document_is_shown_but_has_no_save_button(
    ada: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    document = publish(handbook)
    path = f"/admin/knowledge/document/{document.pk}/change/"
    assert 'name="_save"' not in signed_in(ada).get(path).content.decode()
    assert signed_in(ada).post(path, {"title": "Changed"}).status_code == 403
