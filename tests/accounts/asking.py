"""A process that asks against limits: ``python -m tests.accounts.asking PERSON TIMES`` prints how many got through."""

import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import UUID, uuid4

import django

THREADS = 4


def main(person_id: str, times: str) -> None:
    django.setup()
    from django.db import connections

    from accounts.errors import LimitReachedError
    from accounts.limits.counting import Need, take_question, within_limits
    from accounts.models import User

    person = User.objects.get(pk=UUID(person_id))

    def ask(_: int) -> bool:
        try:
            with within_limits():
                need = Need(100, Decimal("0.01"))
                take_question(person, assistant_id=uuid4(), answer_id=uuid4(), most=lambda: need)
        except LimitReachedError:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        print(sum(threads.map(ask, range(int(times)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
