"""What other programs tell of themselves is read as they write it: vLLM's counters, PostgreSQL's log."""

from __future__ import annotations

import pytest

from bench.answering import _logged, _seconds_lost
from bench.harness import BenchError
from bench.vllm import Figures, read_figures

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
# HELP vllm:prefix_cache_queries Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1000.0
vllm:prefix_cache_queries_created{engine="0",model_name="m"} 1.7952741401125145e+09
# HELP vllm:prefix_cache_hits Prefix cache hits, in terms of number of cached tokens.
# TYPE vllm:prefix_cache_hits counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 600.0
# HELP vllm:generation_tokens Number of generation tokens processed.
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{engine="0",model_name="m"} 48.0
"""
LOG = b"""\
311 LOG:  statement: BEGIN
311 LOG:  execute <unnamed>: SELECT 1
	FROM somewhere
311 LOG:  execute _pg3_0: INSERT INTO "chat_message" VALUES ($1)
311 DETAIL:  parameters: $1 = 'execute <unnamed>: SELECT'
312 LOG:  statement: SELECT 1
312 LOG:  statement: COMMIT
312 LOG:  database system is ready
"""


def test_counters_are_read_added_and_taken_from_each_other():
    figures = read_figures(METRICS)
    assert figures == Figures(running=2, queries=1000, hits=600, generated=48)
    assert figures.hit_rate == 0.6
    both = figures + figures
    assert (both.running, both.queries) == (4, 2000)
    assert (both - figures).hits == 600
    assert Figures().hit_rate == 0


def test_statements_are_counted_without_what_frames_them():
    assert _logged(LOG) == {"SELECT 1 FROM somewhere": 1, "SELECT 1": 1, 'INSERT INTO "chat_message" VALUES ($1)': 1}


def test_what_was_read_and_not_kept_is_told_in_seconds_of_writing():
    assert _seconds_lost("0001 0002 0003 ", "0001 ") == pytest.approx(0.04)
    assert _seconds_lost("0001 ", "0001 0002 ") == 0
    with pytest.raises(BenchError):
        _seconds_lost("0001 0002 ", "0001 0009 ")
