"""News from this package's verbs, sent after commit."""

from django.dispatch import Signal

# conversation_id, message_id: an answer of this conversation began or changed; who watches should look.
conversation_changed = Signal()
# conversation_id, end: another branch is shown, which ends with this message; who watches should turn to it.
branch_chosen = Signal()
# message_id, reason: its reader asked to stop it; or, with the reason "left", is gone.
stop_asked = Signal()
# conversation_id: it has another title, which who watches should see.
conversation_named = Signal()
# conversation_id, message_id: what supports an answer was looked at once more; who watches should see it.
grounds_changed = Signal()
# user_id, conversation_id, message_id: somebody replied to what this reader thought of an answer.
reply_came = Signal()
