"""What servers say under /metrics, as vLLM 0.32 and llama.cpp really wrote it, and what becomes of it."""

import uuid
from pathlib import Path

import pytest
import redis
import redis.asyncio
from django.conf import settings

from app.inference.watching.figures import Reading, keep, kept, median, read_metrics, sample_of, summed

METRICS = Path(__file__).parent / "metrics"


def read(name: str, at: float = 100.0) -> Reading:
    return read_metrics((METRICS / name).read_text(), at)


def test_vllms_figures_have_parleys_names() -> None:
    reading = read("vllm.txt")
    assert (reading.running, reading.waiting, reading.cache_used) == (0, 0, 0)
    assert (reading.tokens_in, reading.tokens_out, reading.ended, reading.failed) == (159, 15, 3, 0)
    assert (reading.prefix_asked, reading.prefix_found) == (159, 0)
    assert reading.first_token == {0.08: 1, 0.1: 1, 0.25: 1}


def test_llamas_figures_have_the_same_names() -> None:
    reading = read("llama.txt")
    assert (reading.running, reading.waiting, reading.cache_used) == (0, 0, None)
    assert (reading.tokens_in, reading.tokens_out, reading.prefix_asked, reading.prefix_found) == (31, 4, 31, 0)
    assert reading.first_token == {}


def test_older_names_and_several_engines() -> None:
    text = (
        'vllm:gpu_cache_usage_perc{engine="0"} 0.25\nvllm:gpu_cache_usage_perc{engine="1"} 0.5\n'
        'vllm:num_requests_running{engine="0"} 3\nvllm:num_requests_running{engine="1"} 4\n'
    )
    reading = read_metrics(text, 0.0)
    assert (reading.cache_used, reading.running, reading.waiting) == (0.5, 7, None)


@pytest.mark.parametrize("text", ["", "<html>nothing</html>", "process_cpu_seconds_total 4\n"])
def test_a_page_without_figures_says_nothing(text: str) -> None:
    assert read_metrics(text, 5.0) == Reading(5.0)


def test_what_is_no_number_is_left_out() -> None:
    text = (
        'vllm:num_requests_running{engine="0"} 3\nvllm:generation_tokens_total{engine="0"} +Inf\n'
        'vllm:kv_cache_usage_perc{engine="0"} NaN\nvllm:time_to_first_token_seconds_bucket{le="0.1"} +Inf\n'
    )
    assert read_metrics(text, 5.0) == Reading(5.0, running=3)


def test_a_torn_line_is_refused() -> None:
    with pytest.raises(ValueError):
        read_metrics('vllm:num_requests_running{engine="0', 0.0)


def test_a_sample_holds_what_was_added() -> None:
    before = Reading(10.0, tokens_in=100, tokens_out=50, first_token={0.1: 2})
    sample = sample_of(Reading(15.0, tokens_in=160, tokens_out=80, first_token={0.1: 3, 0.5: 2}), before)
    assert (sample.seconds, sample.tokens_in, sample.tokens_out, sample.first_token) == (5, 60, 30, {0.1: 1, 0.5: 2})


def test_the_first_sample_adds_nothing() -> None:
    sample = sample_of(Reading(15.0, tokens_in=160, tokens_out=80, first_token={0.1: 3}), None)
    assert (sample.seconds, sample.tokens_in, sample.tokens_out, sample.first_token) == (0, 0, 0, {})


def test_a_server_that_was_started_again_counts_from_nothing() -> None:
    before = Reading(10.0, tokens_in=900, tokens_out=500, prefix_asked=900, first_token={0.1: 40})
    now = Reading(15.0, tokens_in=40, tokens_out=10, prefix_asked=1000, first_token={0.1: 2})
    sample = sample_of(now, before)
    assert (sample.tokens_in, sample.tokens_out, sample.prefix_asked, sample.first_token) == (40, 10, 1000, {0.1: 2})


def test_samples_together_give_rates_and_shares() -> None:
    readings = [
        Reading(float(at), running=at, tokens_in=at * 20, tokens_out=at * 10, prefix_asked=at * 8, prefix_found=at * 2)
        for at in range(0, 60, 5)
    ]
    samples = [sample_of(now, before) for now, before in zip(readings[1:], readings, strict=False)]
    figures = summed(samples)
    assert figures
    assert (figures.running, figures.tokens_out_rate, figures.tokens_in_rate) == (55, 10, 20)
    assert figures.prefix_share == 0.25
    assert summed([]) is None


def test_the_median_lies_inside_its_bucket() -> None:
    assert median({}) is None
    assert median({0.1: 10}) == pytest.approx(0.09)
    assert median({0.1: 5, 0.25: 5}) == pytest.approx(0.1)
    assert median({0.25: 1, 2.5: 9}) == pytest.approx(1 + 1.5 * 4 / 9)
    assert median({float("inf"): 3, 0.5: 1}) == 0.5


async def test_samples_come_back_from_valkey_as_they_were() -> None:
    worker = uuid.uuid4()
    sample = sample_of(Reading(15.0, running=2, first_token={0.1: 3, float("inf"): 1}), Reading(10.0))
    async with redis.asyncio.from_url(settings.VALKEY_URL) as client:
        await keep(client, [(worker, sample)])
    nobody = uuid.uuid4()
    assert kept(redis.Redis.from_url(settings.VALKEY_URL), [worker, nobody]) == {worker: [sample], nobody: []}
