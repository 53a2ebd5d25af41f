"""Rows for tests, by plain keyword functions: each makes what its arguments do not bring.

They write rows, and never call the verbs under test.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)
from PIL import Image

from accounts.models import (
    ApiKey,
    Consent,
    CustomRole,
    Group,
    Insight,
    Invitation,
    IssuedToken,
    Limit,
    Program,
    Role,
    User,
)
from accounts.programs.oauth.tokens import ACCESS, new_secret
from app.inference.models import Model, Worker
from chat.composing.snapshots import snapshot_of, transcript_of
from chat.models import (
    Assistant,
    Attachment,
    AttachmentPassage,
    Citation,
    Conversation,
    Export,
    Generation,
    Message,
    MessageQuerySet,
    SavedPrompt,
    Share,
)
from chat.verbs.sharing import digest_of, token_of
from knowledge.models import Document, Gap, GapQuestion, Passage, Source, Version
from moderation.models import Case, Policy, PolicyVersion

PASSWORD = "Correct-Horse-7-Battery"
# Hashed once for the whole run: Argon2 is slow on purpose.
_hashes: dict[str, str] = {}


def make_user(name: str, *, roles: Sequence[str] = (), groups: Sequence[Group] = (), **fields: Any) -> User:
    """``name@example.org`` with PASSWORD. Everybody is an employee besides their ``roles``."""
    if PASSWORD not in _hashes:
        probe = User()
        probe.set_password(PASSWORD)
        _hashes[PASSWORD] = probe.password
    fields = {"name": name.capitalize(), "password": _hashes[PASSWORD], **fields}
    user = User.objects.create(email=f"{name}@example.org", roles=[Role.EMPLOYEE, *roles], **fields)
    user.groups_joined.set(groups)
    return user


def make_key(user: User, **fields: Any) -> str:
    """An API key's secret."""
    secret = ApiKey.new_secret()
    fields = {"name": "test", "digest": ApiKey.digest_of(secret), "hint": secret[:12], **fields}
    ApiKey.objects.create(user=user, **fields)
    return secret


def make_program(*, owner: User, secret: str = "", **fields: Any) -> Program:
    """Acts for people and keeps a secret, for a day."""
    fields = {
        "name": "Reports",
        "grants": [Program.Grant.CODE],
        "capabilities": ["chat.ask", "knowledge.search"],
        "redirect_uris": ["https://reports.example.org/back"],
        "expires_at": timezone.now() + timedelta(days=1),
        "secret_digest": ApiKey.digest_of(secret or "parley-cs-" + "s" * 43),
        **fields,
    }
    return Program.objects.create(owner=owner, **fields)


def make_consent(*, user: User, program: Program, scopes: Sequence[str] = ("chat.ask",)) -> Consent:
    return Consent.objects.create(user=user, program=program, scopes=list(scopes))


def make_token(*, user: User, program: Program, consent: Consent | None = None, **fields: Any) -> str:
    """An access token's secret, for a quarter of an hour."""
    secret = new_secret(ACCESS)
    fields = {
        "scopes": ["chat.ask"],
        "stand": user.get_session_auth_hash(),
        "expires_at": timezone.now() + timedelta(minutes=15),
        **fields,
    }
    digest = ApiKey.digest_of(secret)
    IssuedToken.objects.create(user=user, program=program, consent=consent, digest=digest, **fields)
    return secret


def make_limit(*, amount: int | str = 10, measure: str = "questions", period: str = "day", **fields: Any) -> Limit:
    """For everybody together, unless a ``subject`` (with ``subject_id`` and ``subject_name``) is given."""
    fields = {"subject": Limit.Subject.ALL, **fields}
    return Limit.objects.create(amount=Decimal(amount), measure=measure, period=period, **fields)


def make_role(*, name: str = "Desk", capabilities: Sequence[str] = ("usage.read",)) -> CustomRole:
    return CustomRole.objects.create(slug=f"{name.lower()}-test", name=name, capabilities=list(capabilities))


def make_invitation(*, name: str, **fields: Any) -> Invitation:
    """Of ``name@example.org``, who has no password yet; open for a week."""
    fields = {"expires_at": timezone.now() + timedelta(days=7), **fields}
    return Invitation.objects.create(user=make_user(name, password="!"), **fields)


def make_insight(*, reader: User, person: User, approved_by: User | None = None, **fields: Any) -> Insight:
    """For four hours, from now on where somebody approved it; else it waits."""
    now = timezone.now()
    fields = {"reason": "The works council asked us to.", "hours": 4, **fields}
    if approved_by is not None:
        fields = {"approved_by": approved_by, "approved_at": now, "expires_at": now + timedelta(hours=4), **fields}
    return Insight.objects.create(reader=reader, person=person, **fields)


def make_group(name: str = "Crew", *, members: Sequence[User] = ()) -> Group:
    group, _ = Group.objects.get_or_create(name=name)
    group.members.add(*members)
    return group


def make_source(*, owner: User, name: str = "Handbook", groups: Sequence[Group] = (), **fields: Any) -> Source:
    """Readable by ``groups``, or by everyone when there are none."""
    source = Source.objects.create(owner=owner, name=name, **{"is_for_everyone": not groups, **fields})
    source.groups.set(groups)
    return source


def make_document(
    *,
    source: Source,
    title: str = "Annual leave",
    paragraphs: Sequence[str] = ("You have 28 days.",),
    version: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Document:
    """A published document with one passage for each paragraph. It has no vectors: words find it, meaning does not.

    ``version`` are fields of its version.
    """
    fields = {"key": f"{title}.md", "state": Document.State.PUBLISHED, **fields}
    document = Document.objects.create(source=source, title=title, **fields)
    make_version(document=document, paragraphs=paragraphs, **(version or {}))
    return document


def make_version(
    *, document: Document, paragraphs: Sequence[str] = ("You have 28 days.",), number: int = 1, **fields: Any
) -> Version:
    """A version that says ``paragraphs``, published unless told otherwise."""
    text = "\n\n".join(paragraphs)
    fields = {
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "media_type": "text/markdown",
        "size_bytes": len(text.encode()),
        "file": "none",
        "published_at": timezone.now(),
        **fields,
    }
    fields = {"title": document.title, "passage_count": len(paragraphs), **fields}
    version = Version.objects.create(document=document, number=number, text=text, **fields)
    start = 0
    for ordinal, paragraph in enumerate(paragraphs):
        end = start + len(paragraph)
        Passage.objects.create(version=version, ordinal=ordinal, text=paragraph, start=start, end=end)
        start = end + 2
    return version


def make_gap(
    *,
    source: Source | None = None,
    questions: Sequence[str] = ("Is there a gym?",),
    asked_by: User | None = None,
    **fields: Any,
) -> Gap:
    """A topic asked about without an answer. Its vectors are made up: it is near to nothing."""
    vector = [1.0, *[0.0] * 383]
    fields = {"embedding_name": "all-minilm-l6-v2", "question_count": len(questions), **fields}
    gap = Gap.objects.create(title=questions[0], centre=vector, source=source, **fields)
    for text in questions:
        GapQuestion.objects.create(gap=gap, text=text, vector=vector, support="none", source=source, asked_by=asked_by)
    return gap


def make_model(*, name: str = "capable", **fields: Any) -> Model:
    """Writes answers, unless told otherwise."""
    model, _ = Model.objects.get_or_create(name=name, defaults={"upstream_name": name, **fields})
    return model


def make_worker(*, address: str, model: Model | None = None, **fields: Any) -> Worker:
    return Worker.objects.create(address=address, model=model or make_model(), **fields)


def make_policy(*, slug: str = "default", rules: Sequence[dict[str, Any]] = ()) -> Policy:
    policy, _ = Policy.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})
    number = policy.versions.count() + 1
    policy.current = PolicyVersion.objects.create(policy=policy, number=number, rules=list(rules))
    policy.save()
    return policy


def make_assistant(*, slug: str = "handbook", groups: Sequence[Group] = (), **fields: Any) -> Assistant:
    """Quotes, and is open to ``groups``, or to everyone when there are none."""
    fields = {"name": slug.capitalize(), "is_for_everyone": not groups, **fields}
    assistant, is_new = Assistant.objects.get_or_create(slug=slug, defaults=fields)
    if is_new:
        assistant.groups.set(groups)
    return assistant


def make_prompt(*, owner: User, name: str = "Note", text: str = "Write {{what=a note}}.", **fields: Any) -> SavedPrompt:
    """Its owner's alone, unless it is given a ``group``."""
    return SavedPrompt.objects.create(owner=owner, name=name, text=text, **fields)


def make_conversation(*, owner: User, assistant: Assistant | None = None, **fields: Any) -> Conversation:
    assistant = assistant or make_assistant()
    return Conversation.objects.create(owner=owner, assistant=assistant, **{"title": "Leave", **fields})


def make_message(
    *, conversation: Conversation, text: str = "How many days of leave do I have?", **fields: Any
) -> Message:
    """A question; with ``role="assistant"`` an answer, done unless another state is given."""
    fields = {"role": Message.Role.USER, "state": Message.State.DONE, "finished_at": timezone.now(), **fields}
    return Message.objects.create(conversation=conversation, text=text, **fields)


def make_answer(*, conversation: Conversation, text: str = "You have 28 days. [1]", **fields: Any) -> Message:
    """An answer to a question of its own."""
    question = fields.pop("parent", None) or make_message(conversation=conversation)
    return make_message(
        conversation=conversation, text=text, role=Message.Role.ASSISTANT, parent=question, **{"seq": 3, **fields}
    )


def messages_saying(words: str) -> MessageQuerySet:
    """All with these words. The database cannot look for them."""
    texts = Message.objects.values_list("pk", "text")
    return Message.objects.filter(pk__in=[pk for pk, text in texts if words in text])


def make_broken_answer(*, conversation: Conversation, text: str = "You have 28 da", **fields: Any) -> Message:
    """An answer that a model wrote until it was stopped."""
    answer = make_answer(conversation=conversation, text=text, **{"state": Message.State.STOPPED, "fence": 1, **fields})
    Generation.objects.create(message=answer, fence=answer.fence, mode=Assistant.Mode.GENERATE)
    return answer


def make_file(
    *, owner: User, conversation: Conversation | None = None, text: str = "The gate closes at nine.", **fields: Any
) -> Attachment:
    """A file that was read and asked with; its text is one passage, without a vector."""
    place = keep(text.encode())
    fields = {"name": "gate.md", "media_type": "text/markdown", "state": "ready", "asked_at": timezone.now(), **fields}
    fields = {"sha256": Path(place).name, "size_bytes": len(text), "file": place, "text": text, **fields}
    file = Attachment.objects.create(owner=owner, conversation=conversation, **fields)
    if text:
        AttachmentPassage.objects.create(file=file, ordinal=0, text=text, start=0, end=len(text))
    return file


def make_picture(*, owner: User, conversation: Conversation | None = None, **fields: Any) -> Attachment:
    """A picture that was read, in which there is no text."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "JPEG")
    place = keep(out.getvalue())
    shown = {"file": "", "picture": place, "thumbnail": place, "width": 40, "height": 30, "media_type": "image/png"}
    return make_file(owner=owner, conversation=conversation, text="", **{"name": "gate.png", **shown, **fields})


def keep(data: bytes) -> str:
    """Where these bytes lie from now on."""
    place = f"chat/te/st/{hashlib.sha256(data).hexdigest()}"
    path = Path(settings.FILES_ROOT) / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return place


def make_citation(*, message: Message, passage: Passage, number: int = 1) -> Citation:
    return Citation.objects.create(
        message=message, passage=passage, number=number, start=passage.start, end=passage.end, quote=passage.text
    )


def make_share(
    *, conversation: Conversation, people: Sequence[User] = (), groups: Sequence[Group] = (), **fields: Any
) -> Share:
    """What the conversation shows now, for a week."""
    fields = {"expires_at": timezone.now() + timedelta(days=7), **fields}
    share = Share(conversation=conversation, owner=conversation.owner, **fields)
    share.snapshot, share.digest = snapshot_of(transcript_of(conversation)), digest_of(token_of(share))
    share.save()
    share.people.set(people)
    share.groups.set(groups)
    return share


def make_export(*, owner: User, **fields: Any) -> Export:
    """One that is ready; its file is somebody else's business."""
    fields = {"state": Export.State.DONE, "expires_at": timezone.now() + timedelta(days=1), **fields}
    return Export.objects.create(owner=owner, **fields)


def make_case(*, subject: User, content_id: Any, policy: Policy | None = None, **fields: Any) -> Case:
    """A case waiting in the queue."""
    policy = policy or make_policy()
    fields = {
        "content_kind": "message",
        "rule": "salary",
        "reason": "Questions about pay are read by a person first.",
        "question": "What does bob earn?",
        "answer": "That is in the salary bands.",
        "due_at": timezone.now() + timedelta(hours=4),
        "policy_version": policy.current,
        **fields,
    }
    return Case.objects.create(subject=subject, content_id=content_id, **fields)


def make_passkey(user: User, *, name: str = "Laptop", **fields: Any) -> Authenticator:
    """As a browser registers one, with a key of which nobody has the private half."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    host = hashlib.sha256(b"localhost").digest()
    owned = AttestedCredentialData.create(Aaguid.NONE, os.urandom(32), ES256.from_cryptography_key(public))
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    attested = AttestationObject.create("none", AuthenticatorData.create(host, flags, 0, owned), {})
    client = CollectedClientData.create("webauthn.create", b"challenge", "http://localhost")
    said = {"clientDataJSON": websafe_encode(client), "attestationObject": websafe_encode(attested)}
    key = websafe_encode(owned.credential_id)
    credential = {"id": key, "rawId": key, "type": "public-key", "response": said, "clientExtensionResults": {}}
    return Authenticator.objects.create(
        user=user, type="webauthn", data={"name": name, "credential": credential}, **fields
    )
