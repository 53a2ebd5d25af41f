"""Who may use what: one row for every address, REST operation and socket action of Parley.

A row names the people of the cast for whom the request goes through; ``refusal`` is what other signed-in people get.
Nobody signed in, and a suspended person, are sent to the sign-in page, or get 401 from the REST interfaces. An address
without a row fails the suite, so whoever adds one says here who it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SIGNED_IN = frozenset({"alice", "bob", "charlie", "olivia", "dana", "aaron", "ada"})
SIGNED_OUT = frozenset({"anonymous", "sam"})
ANYBODY = SIGNED_IN | SIGNED_OUT
NOBODY: frozenset[str] = frozenset()

# What the test's world has (tests/architecture/world.py): alice's conversation, answers and key; olivia's source for
# Crew, whose members are alice, bob and olivia; a case about alice's answer, claimed by dana.
ALICE = frozenset({"alice"})
CREW = frozenset({"alice", "bob", "olivia"})
KEEPERS = frozenset({"olivia", "ada"})
OWNER = frozenset({"olivia"})  # who keeps it and reads it: ada keeps every source and is no reader of this one
REVIEWERS = frozenset({"dana"})
AUDITORS = frozenset({"aaron"})
ADMINS = frozenset({"ada"})


@dataclass(frozen=True)
class Row:
    """``name`` is the address's name, or the path of a REST operation. ``data`` is the form or JSON that is sent.

    ``{conversation}`` in a path or as a value of ``data``, and the values of ``args``, stand for the ids of the world's
    objects (``{own_email}`` for the caller's address), but a value of ``args`` that begins with "=" for itself.
    ``hides``: whoever is not signed in gets the refusal too, and is not sent to the sign-in page.
    ``commits`` is for asynchronous operations, which see only what is committed.
    """

    name: str
    allowed: frozenset[str]
    method: str = "GET"
    refusal: int = 404
    args: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] | None = None
    file: bool = False
    hides: bool = False
    commits: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


CONVERSATION = {"conversation_id": "conversation"}
ANSWER = {"message_id": "answer"}
SOURCE = {"source_id": "source"}
DOCUMENT = {"document_id": "document"}
PASSAGE = {"passage_id": "passage"}
GENERATION = {"generation_id": "generation"}
GAP = {"gap_id": "gap"}
CASE = {"case_id": "case"}
LIMIT = {"limit_id": "limit"}
PERSON = {"person_id": "bob"}
REASON = {"reason": "Left."}
OTHER = {"to": "olivia@example.org"}
INSIGHT = {"reason": "The works council asked us to.", "hours": "2"}
FILE = {"file_id": "file"}
PROMPT = {"prompt_id": "prompt"}
SHARED_PROMPT = {"prompt_id": "shared_prompt"}
PROMPT_FORM = {"name": "Reply", "text": "Answer {{name}} politely.", "group": ""}
SHARE = {"share_id": "share"}
EXPORT = {"export_id": "export"}
CLAIMED_CASE = {"case_id": "claimed_case"}
PROGRAM = {"program_id": "program"}
PROGRAM_FORM = {
    "name": "Reports",
    "owner": "ada@example.org",
    "grants": "client_credentials",
    "capabilities": "chat.ask",
    "days": "30",
}
AUTHORIZE = {
    "response_type": "code",
    "client_id": "{program}",
    "redirect_uri": "https://reports.example.org/back",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
NO_CLIENT = {"grant_type": "client_credentials", "client_id": "{program}", "client_secret": "wrong", "token": "x"}
DECISION = {"action": "approve", "reason": "", "fence": 1}

WORKER = {"worker_id": "worker"}
MODEL = {"model_id": "model"}
ASSISTANT = {"assistant_id": "assistant"}
DEAD_SERVER = {"address": "http://127.0.0.1:1/v1", "role": "generate", "capacity": "4"}
MODEL_FORM = {
    "upstream_name": "m",
    "role": "generate",
    "price_in": "1",
    "price_cached": "0",
    "price_out": "2",
    "tensor_parallel": "1",
    "pipeline_parallel": "1",
}

COMPLETION = {"model": "handbook", "messages": [{"role": "user", "content": "How many days?"}], "stream": True}

PAGES = [
    Row("chat:home", SIGNED_IN),
    Row("chat:new", SIGNED_IN, "POST", data={"text": "How many days of leave?"}),
    Row("chat:older", SIGNED_IN),
    Row("chat:conversation", ALICE, args=CONVERSATION),
    Row("chat:turns", ALICE, args=CONVERSATION),
    Row("chat:ask", ALICE, "POST", args=CONVERSATION, data={"text": "And next year?"}),
    Row("chat:shelf", SIGNED_IN),
    Row("chat:search", SIGNED_IN, query={"q": "leave"}),
    Row("chat:suggest", SIGNED_IN, query={"q": "leave"}),
    Row("chat:keep", ALICE, args=CONVERSATION),
    Row("chat:pin", ALICE, "POST", args=CONVERSATION),
    Row("chat:unpin", ALICE, "POST", args=CONVERSATION),
    Row("chat:archive", ALICE, "POST", args=CONVERSATION),
    Row("chat:unarchive", ALICE, "POST", args=CONVERSATION),
    Row("chat:tag", ALICE, "POST", args=CONVERSATION, data={"name": "holidays"}),
    Row("chat:untag", ALICE, "POST", args=CONVERSATION | {"tag_id": "tag"}),
    Row("chat:rename", ALICE, "POST", args=CONVERSATION, data={"title": "Holidays"}),
    Row("chat:delete", ALICE, "POST", args=CONVERSATION),
    Row("chat:restore", ALICE, "POST", args={"conversation_id": "deleted_conversation"}),
    Row("chat:stop", ALICE, "POST", args={"message_id": "running_answer"}),
    Row("chat:regenerate", ALICE, "POST", args=ANSWER),
    Row("chat:edit", ALICE, "POST", args={"message_id": "question"}, data={"text": "And next year?"}),
    Row("chat:choose", ALICE, "POST", args=ANSWER),
    Row("chat:continue", ALICE, "POST", args={"message_id": "broken_answer"}),
    Row("chat:feedback", ALICE, "POST", args=ANSWER, data={"value": "1"}),
    Row("chat:read_replies", ALICE, "POST", args=ANSWER),
    Row("chat:appeal", ALICE, "POST", args={"message_id": "rejected_answer"}, data={"text": "It is my own pay."}),
    Row("chat:standing", ALICE, args={"message_id": "held_answer"}),
    Row("chat:feedback_list", REVIEWERS, refusal=403),
    Row("chat:kept_feedback", KEEPERS, refusal=403),
    Row("chat:reply", REVIEWERS | KEEPERS, "POST", args={"feedback_id": "feedback"}, data={"text": "Added."}),
    Row("chat:choose_model", ALICE, "POST", args=CONVERSATION, data={"model": ""}),
    Row("chat:assistants", SIGNED_IN),
    Row("chat:prompts", SIGNED_IN),
    Row("chat:new_prompt", SIGNED_IN),
    Row("chat:new_prompt", SIGNED_IN, "POST", data=PROMPT_FORM),
    Row("chat:prompt_menu", SIGNED_IN, query={"q": "reply"}),
    Row("chat:change_prompt", ALICE, args=PROMPT),
    Row("chat:change_prompt", KEEPERS, "POST", args=SHARED_PROMPT, data=PROMPT_FORM),
    Row("chat:fill_prompt", CREW | ADMINS, args=SHARED_PROMPT),
    Row("chat:copy_prompt", CREW | ADMINS, "POST", args=SHARED_PROMPT),
    Row("chat:delete_prompt", KEEPERS, "POST", args=SHARED_PROMPT),
    Row("chat:restore_prompt", ALICE, "POST", args={"prompt_id": "deleted_prompt"}),
    Row("chat:attach", SIGNED_IN, "POST", file=True),
    Row("chat:file", ALICE, args=FILE),
    Row("chat:file_part", ALICE, args=FILE, query={"after": "0"}),
    Row("chat:file_state", ALICE, args=FILE),
    Row("chat:file_picture", ALICE, args={"file_id": "picture"}),
    Row("chat:file_original", ALICE, args=FILE),
    Row("chat:remove_file", ALICE, "POST", args=FILE),
    Row("chat:instructions", SIGNED_IN),
    Row("chat:instructions", SIGNED_IN, "POST", data={"about": "I work in payroll.", "manner": "", "is_on": "on"}),
    Row("chat:share", ALICE, args=CONVERSATION),
    Row("chat:share", ALICE, "POST", args={"conversation_id": "asked"}, data={"person": "{bob}", "until": "7"}),
    Row("chat:share_people", ALICE, "POST", args=CONVERSATION, data={"q": "bob"}),
    Row("chat:export", ALICE, args=CONVERSATION),
    Row("chat:export", ALICE, args=CONVERSATION, query={"format": "md"}),
    Row("chat:shares", SIGNED_IN),
    Row("chat:shares", SIGNED_IN, query={"show": "with"}),
    Row("chat:revoke_share", ALICE, "POST", args=SHARE),
    Row("chat:restore_share", ALICE, "POST", args={"share_id": "revoked_share"}),
    Row("chat:shared", CREW, args={"token": "token"}),
    Row("chat:shared", NOBODY, args={"token": "revoked_token"}),
    Row("chat:own_data", SIGNED_IN),
    Row("chat:request_own_export", SIGNED_IN, "POST"),
    Row("chat:own_export_progress", SIGNED_IN),
    Row("chat:download_own_export", ALICE, args=EXPORT),
    Row("chat:discard_own_export", ALICE, "POST", args=EXPORT),
    Row("chat:delete_all", SIGNED_IN, "POST", data={"email": "{own_email}"}),
    Row("chat:restore_all", ALICE, "POST", data={"deleted_at": "{deleted_at}"}),
    Row("chat:leaving", SIGNED_IN, query={"to": "https://example.org/page"}),
    Row("knowledge:sources", SIGNED_IN),
    Row("knowledge:choose_kind", KEEPERS, refusal=403),
    Row("knowledge:new_source", KEEPERS, refusal=403, args={"kind": "=web"}),
    Row(
        "knowledge:new_source",
        KEEPERS,
        "POST",
        refusal=403,
        args={"kind": "=upload"},
        data={"name": "New", "readers": "everyone"},
    ),
    Row(
        "knowledge:try_new_source", KEEPERS, "POST", refusal=403, args={"kind": "=upload"}, data={"readers": "everyone"}
    ),
    Row("knowledge:change_source", KEEPERS, args=SOURCE),
    Row("knowledge:change_source", KEEPERS, "POST", args=SOURCE, data={"name": "Renamed", "readers": "nobody"}),
    Row("knowledge:try_source", KEEPERS, "POST", args=SOURCE, data={"name": "Renamed", "readers": "nobody"}),
    Row("knowledge:source", CREW | KEEPERS, args=SOURCE),
    Row("knowledge:documents", CREW | KEEPERS, args=SOURCE),
    Row("knowledge:act_on_many", KEEPERS, "POST", args=SOURCE, data={"deed": "withdraw", "document": "{document}"}),
    Row("knowledge:upload", KEEPERS, "POST", args=SOURCE, file=True),
    Row("knowledge:follow_uploads", KEEPERS, args=SOURCE),
    Row("knowledge:sync", KEEPERS, "POST", args={"source_id": "folder_source"}),
    Row("knowledge:all_syncs", KEEPERS, args={"source_id": "folder_source"}),
    Row("knowledge:latest_syncs", KEEPERS, args={"source_id": "folder_source"}),
    Row("knowledge:pause", KEEPERS, "POST", args={"source_id": "folder_source"}),
    Row("knowledge:resume", KEEPERS, "POST", args={"source_id": "folder_source"}),
    Row("knowledge:delete_source", KEEPERS, "POST", args=SOURCE),
    Row("knowledge:restore_source", KEEPERS, "POST", args={"source_id": "deleted_source"}),
    Row("knowledge:hand_over", KEEPERS, "POST", args=SOURCE, data={"email": "olivia@example.org"}),
    Row("knowledge:sync_page", KEEPERS, args={"sync_id": "sync"}),
    Row("knowledge:undo_removals", KEEPERS, "POST", args={"sync_id": "sync"}),
    Row("knowledge:confirm_removals", KEEPERS, "POST", args={"sync_id": "sync"}),
    Row("knowledge:document", CREW | KEEPERS, args=DOCUMENT),
    Row("knowledge:document_about", KEEPERS, args=DOCUMENT),
    Row("knowledge:release", KEEPERS, "POST", args={"document_id": "held_document"}),
    Row("knowledge:refuse", KEEPERS, "POST", args={"document_id": "held_document"}, data={"reason": "It is wrong."}),
    Row("knowledge:roll_back", KEEPERS, "POST", args={"document_id": "changed_document"}, data={"version": "1"}),
    Row("knowledge:difference", OWNER, args={"first_id": "earlier_version", "second_id": "later_version"}),
    Row("knowledge:version_file", OWNER, args={"version_id": "version"}),
    Row("knowledge:withdraw", KEEPERS, "POST", args=DOCUMENT),
    Row("knowledge:restore", KEEPERS, "POST", args={"document_id": "withdrawn_document"}),
    Row("knowledge:retry", KEEPERS, "POST", args={"document_id": "rejected_document"}),
    Row("knowledge:passage", CREW, args=PASSAGE),
    Row("knowledge:original", CREW, args=PASSAGE),
    Row("knowledge:passage_part", CREW, args=PASSAGE, query={"after": "0"}),
    Row("knowledge:page_picture", CREW, args={"passage_id": "pdf_passage"}, query={"page": "1", "width": "480"}),
    Row("knowledge:passage_page", KEEPERS, args=PASSAGE),
    Row("knowledge:disable_passage", KEEPERS, "POST", args=PASSAGE, data={"reason": "It is wrong."}),
    Row("knowledge:enable_passage", KEEPERS, "POST", args={"passage_id": "disabled_passage"}),
    Row("knowledge:try_search", KEEPERS, refusal=403),
    Row(
        "knowledge:try_search",
        KEEPERS,
        method="POST",
        refusal=403,
        data={"question": "leave", "person": "alice@example.org"},
    ),
    Row("knowledge:document_access", KEEPERS | AUDITORS, args=DOCUMENT, query={"person": "alice@example.org"}),
    Row("knowledge:index", ADMINS, refusal=403),
    Row("knowledge:start_index", ADMINS, "POST", refusal=403),
    Row("knowledge:index_progress", ADMINS, args=GENERATION),
    Row("knowledge:serve_index", ADMINS, "POST", args=GENERATION),
    Row("knowledge:retry_index", ADMINS, "POST", args={"generation_id": "failed_generation"}),
    Row("knowledge:remove_index", ADMINS, "POST", args={"generation_id": "failed_generation"}),
    Row("knowledge:home", KEEPERS, refusal=403),
    Row("knowledge:reminders", KEEPERS, "POST", refusal=403, data={"wanted": "no"}),
    Row("knowledge:reviewed", KEEPERS, "POST", args=SOURCE, data={"months": "6"}),
    Row("knowledge:gaps", KEEPERS, refusal=403),
    Row("knowledge:gap", KEEPERS, args=GAP),
    Row("knowledge:assign_gap", KEEPERS, "POST", args=GAP, data={"person": ""}),
    Row("knowledge:close_gap", KEEPERS, "POST", args=GAP, data={"reason": "Answered."}),
    Row("knowledge:dismiss_gap", KEEPERS, "POST", args=GAP),
    Row("knowledge:reopen_gap", KEEPERS, "POST", args={"gap_id": "closed_gap"}),
    Row("knowledge:merge_gaps", KEEPERS, "POST", args=GAP, data={"other": "{other_gap}"}),
    Row("knowledge:ask_gap_again", KEEPERS, "POST", args=GAP),
    Row("knowledge:take_out", KEEPERS, "POST", args={"question_id": "gap_question"}),
    Row("moderation:queue", REVIEWERS, refusal=403),
    Row("moderation:case", REVIEWERS, args=CASE),
    Row("moderation:claim", REVIEWERS, "POST", args=CASE),
    Row("moderation:renew", REVIEWERS, "POST", args=CLAIMED_CASE, data={"fence": "1"}),
    Row("moderation:release", REVIEWERS, "POST", args=CLAIMED_CASE, data={"fence": "1"}),
    Row("moderation:decide", REVIEWERS, "POST", args=CLAIMED_CASE, data={"fence": "1", "action": "approve"}),
    Row("accounts:keys", SIGNED_IN),
    Row("accounts:language", ANYBODY, "POST", data={"language": "en"}),
    Row("accounts:keys", SIGNED_IN, "POST", data={"name": "script"}),
    Row("accounts:sessions", SIGNED_IN),
    Row("accounts:end_session", ALICE, "POST", args={"device_id": "device"}),
    Row("accounts:end_other_sessions", SIGNED_IN, "POST"),
    Row("accounts:signed_out", ANYBODY),
    Row("accounts:first_administrator", NOBODY, args={"token": "=x"}, hides=True),
    Row("accounts:revoke_key", ALICE, "POST", args={"key_id": "key"}),
    Row("audit:events", AUDITORS, refusal=403),
    Row("audit:export", AUDITORS, refusal=403),
    Row("audit:proof", AUDITORS, refusal=403, args={"event_id": "event"}),
    Row("accounts:rotate_key", ALICE, "POST", args={"key_id": "key"}, data={"overlap_hours": "24"}),
    Row("accounts:end_previous_secret", ALICE, "POST", args={"key_id": "key"}),
    Row("accounts:allowed_programs", SIGNED_IN),
    Row("accounts:withdraw_consent", ALICE, "POST", args={"consent_id": "consent"}),
    Row("programs:overview", ADMINS, refusal=403),
    Row("programs:new", ADMINS, refusal=403),
    Row("programs:new", ADMINS, "POST", refusal=403, data=PROGRAM_FORM | {"kind": "server"}),
    Row("programs:program", ADMINS, args=PROGRAM),
    Row("programs:program", ADMINS, "POST", args=PROGRAM, data=PROGRAM_FORM),
    Row("programs:renew_secret", ADMINS, "POST", args=PROGRAM),
    Row("programs:end", ADMINS, "POST", args=PROGRAM),
    Row("programs:keys", ADMINS, refusal=403),
    Row("programs:revoke_key", ADMINS, "POST", args={"key_id": "key"}),
    Row("oauth:authorize", SIGNED_IN, query=AUTHORIZE),
    Row("oauth:jwks", ANYBODY),
    Row("oauth:discovery", ANYBODY),
    Row("oauth:openid_configuration", ANYBODY),
    # These ask for a program's own secret or token, whoever's browser it is: tests/accounts/test_oauth.py.
    Row("oauth:token", NOBODY, "POST", refusal=401, data=NO_CLIENT),
    Row("oauth:revoke", NOBODY, "POST", refusal=401, data=NO_CLIENT),
    Row("oauth:introspect", NOBODY, "POST", refusal=401, data=NO_CLIENT),
    Row("oauth:userinfo", NOBODY, refusal=401),
    Row("accounts:rights", SIGNED_IN),
    Row("accounts:insights", SIGNED_IN),
    Row("accounts:join", ANYBODY, args={"invitation_id": "invitation", "secret": "invitation_secret"}),
    Row("people:list", AUDITORS | ADMINS, refusal=403),
    Row("people:invite", ADMINS, refusal=403),
    Row("people:invite", ADMINS, "POST", refusal=403, data={"email": "new@example.org", "roles": "employee"}),
    Row("people:import", ADMINS, refusal=403),
    Row("people:import", ADMINS, "POST", refusal=403, data={"table": "email\nnew@example.org", "do": "import"}),
    Row("people:person", AUDITORS | ADMINS, refusal=403, args=PERSON),
    Row("people:rights", AUDITORS | ADMINS, refusal=403, args=PERSON),
    Row("people:person_deed", ADMINS, "POST", refusal=403, args=PERSON | {"name": "=suspend"}, data=REASON),
    Row("people:move", ADMINS, refusal=403, args=PERSON | {"kind": "=hand-over"}),
    Row("people:move", ADMINS, "POST", refusal=403, args=PERSON | {"kind": "=merge"}, data=OTHER),
    Row("people:groups", ADMINS, refusal=403),
    Row("people:groups", ADMINS, "POST", refusal=403, data={"name": "Sales"}),
    Row("people:group", ADMINS, refusal=403, args={"group_id": "group"}),
    Row("people:group_deed", ADMINS, "POST", refusal=403, args={"group_id": "group", "name": "=delete"}),
    Row("people:roles", ADMINS, refusal=403),
    Row("people:roles", ADMINS, "POST", refusal=403, data={"name": "Help desk", "capabilities": "usage.read"}),
    Row("people:role", ADMINS, refusal=403, args={"slug": "role"}),
    Row("people:role", ADMINS, "POST", refusal=403, args={"slug": "role"}, data={"name": "Help desk"}),
    Row("people:delete_role", ADMINS, "POST", refusal=403, args={"slug": "role"}),
    Row("people:insights", AUDITORS | ADMINS, refusal=403),
    Row("people:ask_insight", ADMINS, "POST", refusal=403, args=PERSON, data=INSIGHT),
    Row("people:insight_deed", AUDITORS | ADMINS, "POST", refusal=403, args={"insight_id": "insight", "name": "=end"}),
    Row("chat:insight", ADMINS, args={"insight_id": "insight"}),
    Row("chat:insight_conversation", ADMINS, args={"insight_id": "insight"} | CONVERSATION),
    Row("pool:servers", ADMINS, refusal=403),
    Row("pool:live", ADMINS, refusal=403),
    Row("pool:add_server", ADMINS, refusal=403),
    Row("pool:add_server", ADMINS, "POST", refusal=403, data=DEAD_SERVER | {"upstream_name": "m", "despite": "on"}),
    Row("pool:test_server", ADMINS, "POST", refusal=403, data=DEAD_SERVER),
    Row("pool:server", ADMINS, args=WORKER),
    Row("pool:server", ADMINS, "POST", args=WORKER, data=DEAD_SERVER | {"kind": "openai"}),
    Row("pool:drain", ADMINS, "POST", args=WORKER),
    Row("pool:resume", ADMINS, "POST", args=WORKER),
    Row("pool:switch_off", ADMINS, "POST", args=WORKER),
    Row("pool:remove_server", ADMINS, "POST", args=WORKER),
    Row("pool:models", ADMINS, refusal=403),
    Row("pool:model", ADMINS, args=MODEL),
    Row("pool:model", ADMINS, "POST", args=MODEL, data=MODEL_FORM),
    Row("pool:remove_model", ADMINS, "POST", args=MODEL),
    Row("pool:assistants", ADMINS, refusal=403),
    Row("pool:assistant", ADMINS, args=ASSISTANT),
    Row("pool:assistant", ADMINS, "POST", args=ASSISTANT, data={"mode": "quote"}),
    Row("usage:everybody", ADMINS | AUDITORS, refusal=403),
    Row("usage:csv", ADMINS | AUDITORS, refusal=403, query={"by": "user"}),
    Row("usage:limits", ADMINS | AUDITORS, refusal=403),
    Row("usage:new_limit", ADMINS, refusal=403, args={"subject": "=each"}),
    Row(
        "usage:new_limit",
        ADMINS,
        "POST",
        refusal=403,
        args={"subject": "=each"},
        data={"measure": "questions", "amount": "5", "period": "day", "warn_percent": "80"},
    ),
    Row("usage:change_limit", ADMINS, refusal=403, args=LIMIT),
    Row("usage:change_limit", ADMINS, "POST", refusal=403, args=LIMIT, data={"amount": "7", "warn_percent": "90"}),
    Row("usage:remove_limit", ADMINS, "POST", refusal=403, args=LIMIT),
    Row("usage:restore_limit", ADMINS, "POST", refusal=403, args={"limit_id": "removed_limit"}),
    Row("usage:own", SIGNED_IN),
    Row("usage:notices", SIGNED_IN),
    Row("account_login", ANYBODY),
    Row("account_logout", ANYBODY),
    Row("account_signup", ANYBODY),
    Row("account_inactive", ANYBODY),
    Row("account_reauthenticate", SIGNED_IN),
    Row("account_change_password", SIGNED_IN),
    Row("account_set_password", SIGNED_IN),
    Row("account_request_login_code", ANYBODY),
    Row("account_confirm_login_code", ANYBODY),
    Row("mfa_index", SIGNED_IN),
    Row("mfa_authenticate", SIGNED_IN),
    Row("mfa_reauthenticate", SIGNED_IN),
    Row("mfa_reauthenticate_webauthn", SIGNED_IN),
    Row("mfa_activate_totp", SIGNED_IN),
    Row("mfa_deactivate_totp", ALICE),
    Row("mfa_deactivate_totp", ALICE, "POST"),
    Row("mfa_view_recovery_codes", ALICE),
    Row("mfa_generate_recovery_codes", SIGNED_IN, "POST"),
    Row("mfa_list_webauthn", SIGNED_IN),
    Row("mfa_add_webauthn", SIGNED_IN),
    Row("mfa_add_webauthn", SIGNED_IN, "POST", data={"name": "Key", "credential": "{}"}),
    Row("mfa_login_webauthn", SIGNED_IN),
    Row("mfa_edit_webauthn", SIGNED_IN, args={"pk": "passkey"}),
    Row("mfa_remove_webauthn", ALICE, "POST", args={"pk": "passkey"}),
    Row("socialaccount_login_cancelled", ANYBODY),
    Row("account_reset_password", ANYBODY),
    Row("account_reset_password_done", ANYBODY),
    Row("account_reset_password_from_key_done", ANYBODY),
    Row("account_reset_password_from_key", ANYBODY, args={"uidb36": "=abc", "key": "=no-such-key"}),
    Row("manifest", ANYBODY),
    Row("service_worker", ANYBODY),
    Row("offline", ANYBODY),
    Row("healthz", ANYBODY),
    Row("readyz", ANYBODY),
    Row("metrics", ANYBODY),
]

API = [
    Row("/api/v1/assistants", SIGNED_IN),
    Row("/api/v1/conversations", SIGNED_IN, "POST", data={}),
    Row("/api/v1/conversations/{conversation}/messages", ALICE, "POST", data={"text": "And next year?"}),
    Row("/api/v1/conversations/{conversation}/files", ALICE, "POST", file=True),
    Row("/api/v1/files/{file}", ALICE),
    Row("/api/v1/files/{file}", ALICE, "DELETE"),
    Row("/api/v1/conversations/{asked}/shares", ALICE, "POST", data={"people": ["bob@example.org"]}),
    Row("/api/v1/conversations/{conversation}/shares", ALICE),
    Row("/api/v1/conversations/{conversation}/shares", ALICE, "DELETE"),
    Row("/api/v1/conversations/{conversation}/export", ALICE, query={"format": "md"}),
    Row("/api/v1/shares/{share}", CREW),
    Row("/api/v1/shares/{share}", ALICE, "DELETE"),
    Row("/api/v1/shares/{revoked_share}/restore", ALICE, "POST"),
    Row("/api/v1/messages/{answer}", ALICE),
    Row("/api/v1/messages/{answer}/events", ALICE, commits=True),
    Row("/api/v1/messages/{running_answer}/stop", ALICE, "POST"),
    Row("/api/v1/messages/{answer}/regenerate", ALICE, "POST"),
    Row("/api/v1/messages/{question}/edit", ALICE, "POST", data={"text": "And next year?"}),
    Row("/api/v1/messages/{answer}/choose", ALICE, "POST"),
    Row("/api/v1/messages/{broken_answer}/continue", ALICE, "POST"),
    Row("/api/v1/messages/{answer}/feedback", ALICE, "POST", data={"value": 1}),
    Row("/api/v1/messages/{answer}/feedback", ALICE, "DELETE"),
    Row("/api/v1/messages/{rejected_answer}/appeal", ALICE, "POST", data={"text": "It is my own pay."}),
    Row("/api/v1/feedback/{feedback}/reply", REVIEWERS | KEEPERS, "POST", data={"text": "Added."}),
    Row("/api/v1/sources", SIGNED_IN),
    Row("/api/v1/sources", KEEPERS, "POST", refusal=403, data={"name": "New", "kind": "upload", "groups": []}),
    Row("/api/v1/sources/{source}/documents", KEEPERS, "POST", file=True),
    Row("/api/v1/source-kinds", SIGNED_IN),
    Row("/api/v1/sources/{source}", CREW | KEEPERS),
    Row("/api/v1/sources/{source}", KEEPERS, "PATCH", data={"name": "Renamed"}),
    Row("/api/v1/sources/{source}", KEEPERS, "DELETE"),
    Row("/api/v1/sources/{deleted_source}/restore", KEEPERS, "POST"),
    Row("/api/v1/sources/{folder_source}/pause", KEEPERS, "POST"),
    Row("/api/v1/sources/{paused_source}/resume", KEEPERS, "POST"),
    Row("/api/v1/sources/{source}/reviewed", KEEPERS, "POST", data={"next_review_by": None}),
    Row("/api/v1/sources/{folder_source}/sync", KEEPERS, "POST"),
    Row("/api/v1/sources/{folder_source}/syncs", KEEPERS),
    Row("/api/v1/syncs/{sync}", KEEPERS),
    Row("/api/v1/syncs/{sync}/undo", KEEPERS, "POST"),
    Row("/api/v1/syncs/{sync}/confirm", KEEPERS, "POST"),
    Row("/api/v1/documents/{document}", CREW | KEEPERS),
    Row("/api/v1/documents/{document}/versions", KEEPERS),
    Row("/api/v1/documents/{held_document}/report", KEEPERS),
    Row("/api/v1/documents/{held_document}/release", KEEPERS, "POST"),
    Row("/api/v1/documents/{held_document}/refuse", KEEPERS, "POST", data={"reason": "It is wrong."}),
    Row("/api/v1/documents/{rejected_document}/retry", KEEPERS, "POST"),
    Row("/api/v1/documents/{document}/withdraw", KEEPERS, "POST"),
    Row("/api/v1/documents/{withdrawn_document}/restore", KEEPERS, "POST"),
    Row("/api/v1/documents/{changed_document}/rollback", KEEPERS, "POST", data={"version": 1}),
    Row("/api/v1/documents/{document}/access", KEEPERS | AUDITORS, query={"person": "alice@example.org"}),
    Row("/api/v1/passages/{passage}", CREW),
    Row("/api/v1/passages/{passage}/disable", KEEPERS, "POST", data={"reason": "It is wrong."}),
    Row("/api/v1/passages/{disabled_passage}/enable", KEEPERS, "POST"),
    Row("/api/v1/index-generations", ADMINS, refusal=403),
    Row("/api/v1/index-generations", ADMINS, "POST", refusal=403, data={}),
    Row("/api/v1/index-generations/{generation}/serve", ADMINS, "POST"),
    Row("/api/v1/index-generations/{failed_generation}/retry", ADMINS, "POST"),
    Row("/api/v1/index-generations/{failed_generation}", ADMINS, "DELETE"),
    Row("/api/v1/search", SIGNED_IN, "POST", data={"query": "leave"}),
    Row("/api/v1/knowledge/home", KEEPERS, refusal=403),
    Row("/api/v1/gaps", KEEPERS, refusal=403),
    Row("/api/v1/gaps/{gap}/assign", KEEPERS, "POST", data={"person": ""}),
    Row("/api/v1/gaps/{gap}/close", KEEPERS, "POST", data={"reason": "Answered."}),
    Row("/api/v1/gaps/{gap}/dismiss", KEEPERS, "POST"),
    Row("/api/v1/gaps/{closed_gap}/reopen", KEEPERS, "POST"),
    Row("/api/v1/gaps/{gap}/merge", KEEPERS, "POST", data={"other": "{other_gap}"}),
    Row("/api/v1/gaps/{gap}/ask-again", KEEPERS, "POST"),
    Row("/api/v1/cases", REVIEWERS, refusal=403),
    Row("/api/v1/cases/{case}", REVIEWERS),
    Row("/api/v1/cases/{case}/claim", REVIEWERS, "POST"),
    Row("/api/v1/cases/{claimed_case}/release", REVIEWERS, "POST"),
    Row("/api/v1/cases/{claimed_case}/decide", REVIEWERS, "POST", data=DECISION),
    Row("/api/v1/groups", SIGNED_IN),
    Row("/api/v1/keys", SIGNED_IN),
    Row("/api/v1/keys/current", SIGNED_IN),
    Row("/api/v1/keys", SIGNED_IN, "POST", data={"name": "script"}),
    Row("/api/v1/keys/{key}/rotate", ALICE, "POST", data={"overlap_hours": 24}),
    Row("/api/v1/keys/{key}/previous", ALICE, "DELETE"),
    Row("/api/v1/keys/{key}", ALICE | ADMINS, "DELETE"),
    Row("/api/v1/audit/events", AUDITORS, refusal=403),
    Row("/api/v1/audit/events/{event}/proof", AUDITORS, refusal=403),
    Row("/api/v1/audit/standing", AUDITORS, refusal=403),
    Row("/api/v1/pool", ADMINS, refusal=403),
    Row("/api/v1/workers", ADMINS, "POST", refusal=403, data=DEAD_SERVER | {"model": "m", "despite_failure": True}),
    Row("/api/v1/workers/test", ADMINS, "POST", refusal=403, data=DEAD_SERVER),
    Row("/api/v1/workers/{worker}", ADMINS, "PATCH", data={"capacity": 7}),
    Row("/api/v1/workers/{worker}", ADMINS, "DELETE"),
    Row("/api/v1/workers/{worker}/drain", ADMINS, "POST"),
    Row("/api/v1/workers/{worker}/resume", ADMINS, "POST"),
    Row("/api/v1/workers/{worker}/off", ADMINS, "POST"),
    Row("/api/v1/models", ADMINS, refusal=403),
    Row("/api/v1/models/{model}", ADMINS, "PATCH", data={"price_in": "0.5"}),
    Row("/api/v1/models/{model}", ADMINS, "DELETE"),
    Row("/api/v1/assistants/{assistant}/models", ADMINS, "PUT", data={"model": None}),
    Row("/api/v1/usage", ADMINS | AUDITORS, refusal=403, query={"by": "user"}),
    Row("/api/v1/usage/mine", SIGNED_IN),
    Row("/api/v1/limits", ADMINS | AUDITORS, refusal=403),
    Row("/api/v1/limits/mine", SIGNED_IN),
    Row(
        "/api/v1/limits",
        ADMINS,
        "POST",
        refusal=403,
        data={"subject": "each", "measure": "questions", "amount": 5, "period": "day"},
    ),
    Row("/api/v1/limits/{limit}", ADMINS, "PATCH", refusal=403, data={"amount": 7}),
    Row("/api/v1/limits/{limit}", ADMINS, "DELETE", refusal=403),
    Row("/api/v1/limits/{removed_limit}/restore", ADMINS, "POST", refusal=403),
    Row("/v1/models", SIGNED_IN),
    Row("/v1/chat/completions", SIGNED_IN, "POST", data=COMPLETION, commits=True),
    Row("/v1/embeddings", SIGNED_IN, "POST", data={"input": "leave"}),
]

# Of a conversation's socket: alice's own conversation, to which everybody else is refused before any action.
SOCKET_ACTIONS = {"ask": ALICE, "edit": ALICE, "stop": ALICE, "regenerate": ALICE, "continue": ALICE}
