"""News for the packages above.

``case_decided`` is sent inside the decision's transaction with ``case`` and ``decision``: whoever the content belongs
to releases or withholds it there and then, and what a receiver raises undoes the decision.
"""

from django.dispatch import Signal

case_decided = Signal()
