"""News for the packages above."""

from django.dispatch import Signal

# Somebody's sessions are over: signed out, suspended, new password, other roles. Sent after commit, with ``user_id``;
# whoever keeps a line open for them closes it. With ``key``, an API key's digest, only what that key opened is over.
access_ended = Signal()
