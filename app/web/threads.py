"""The one door from async code to the database.

Django's connections belong to threads. Asgiref's default runs every call of a process on one thread, which makes a slow
query of one reader everybody's; here a small pool of threads runs them side by side, and each gives its connection back
to psycopg's pool at the end of the call.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")


async def in_thread(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``func`` in a database thread and return its result; what it raises is raised here."""
    context = contextvars.copy_context()
    call = partial(context.run, _and_give_back, partial(func, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_executor, call)


def _and_give_back(call: Callable[[], T]) -> T:
    try:
        return call()
    finally:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
