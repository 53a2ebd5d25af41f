"""News from this package's verbs, sent after commit."""

from django.dispatch import Signal

# message_id: an answer waits for a process to write it.
answer_queued = Signal()
# conversation_id, message_id: an answer of this conversation began or changed; who watches should look.
conversation_changed = Signal()
# message_id: its reader asked to stop it.
stop_asked = Signal()
