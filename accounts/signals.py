"""News for the packages above."""

from django.dispatch import Signal

# Somebody's sessions are over: suspended, new password, other roles. Sent after commit, with ``user_id``; whoever keeps
# a line open for them closes it. With ``key``, an API key's digest, only what that key opened is over; with
# ``session``, a device's id, only what was opened from there.
access_ended = Signal()

# Somebody may read a person's conversations, or may no more. Sent after commit, with ``user_id`` of that person.
insight_changed = Signal()
