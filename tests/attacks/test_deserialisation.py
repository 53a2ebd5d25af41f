"""Nothing that came from outside is turned into objects that do something: no pickle, no YAML tags, no evaluation."""

from __future__ import annotations

import ast
import pickle
from typing import Any

import orjson
import pytest
from channels_redis.serializers import registry
from django.conf import settings
from django.core.cache import cache, caches
from redis import Redis

from app.celery import app as celery
from tests.attacks.parameters import ROOT, sources

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle", "code"}
MODULES |= {"torch", "langchain_core.load", "langchain.load", "langchain_community", "runpy", "codeop"}
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
METHODS = {
    "yaml": {"load", "unsafe_load", "full_load", "load_all"},
    "numpy": {"load", "fromfile"},
    "np": {"load"},
    "langchain_core": {"load", "loads"},
}


def findings(tree: ast.Module) -> list[str]:
    """What of a module could run what it reads."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found += [f"line {node.lineno}: import {name.name}" for name in names if _is_dangerous(name.name)]
            case ast.ImportFrom(module=str(module), names=names):
                whole = {module, *(f"{module}.{name.name}" for name in names)}
                found += [f"line {node.lineno}: from {each}" for each in whole if _is_dangerous(each)]
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                found.append(f"line {node.lineno}: {name}()")
            case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id=module))):
                if attr in METHODS.get(module, ()):
                    found.append(f"line {node.lineno}: {module}.{attr}()")
            case ast.keyword(arg="allow_pickle" | "trust_remote_code" | "shell", value=ast.Constant(value=True)):
                found.append(f"line {node.value.lineno}: {node.arg}=True")
    return found


def _is_dangerous(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in MODULES)


def test_nothing_of_parley_can_run_what_it_reads() -> None:
    found = {str(path.relative_to(ROOT)): each for path, tree in sources().items() if (each := findings(tree))}
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "eval('1')",
        "from langchain_core.load import load",
        "from langchain_core import load",
        "import yaml\nyaml.load(text)",
        "subprocess.run(words, shell=True)",
        "load(name, trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(text: str) -> None:
    assert findings(ast.parse(text))


class Bomb:
    """Says when somebody unpickles it."""

    went_off = False

    def __reduce__(self) -> Any:
        return (_go_off, ())


def _go_off() -> None:
    Bomb.went_off = True


def test_a_pickle_in_valkey_is_not_opened() -> None:
    cache.set("mine", [1.5, "text", {"a": None}], 30)
    assert cache.get("mine") == [1.5, "text", {"a": None}]
    key = caches["default"].make_key("bomb")
    with Redis.from_url(settings.VALKEY_URL) as valkey:
        valkey.set(key, pickle.dumps(Bomb()), ex=30)
    with pytest.raises(orjson.JSONDecodeError):
        cache.get("bomb")
    assert not Bomb.went_off
    pickle.loads(pickle.dumps(Bomb()))
    assert Bomb.went_off, "the bomb would have gone off"


def test_tasks_sessions_messages_and_news_are_data() -> None:
    assert (celery.conf.task_serializer, celery.conf.result_serializer) == ("json", "json")
    assert celery.conf.accept_content == ["json"]
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    config = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    assert config.get("serializer_format", "msgpack") == "msgpack" and "msgpack" in registry._registry


def test_a_task_in_another_form_is_refused() -> None:
    from kombu.exceptions import ContentDisallowed
    from kombu.serialization import loads

    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps(Bomb()), "application/x-python-serialize", "binary", accept=celery.conf.accept_content)
