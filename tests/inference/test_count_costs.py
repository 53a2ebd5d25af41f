"""Money and energy are arithmetic, and the arithmetic adds up."""

from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.inference.costing.costs import Prices, Tokens, cost_of, counted, most_of, tokens_in, watt_hours_of
from app.inference.costing.occupancy import Occupancy

# Nothing here says how fast it must be, on whatever machine.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
PRICE = st.decimals(min_value=0, max_value=1000, places=4)
COUNT = st.integers(min_value=0, max_value=2_000_000)
PRICES = st.builds(Prices, PRICE, PRICE, PRICE)
HOUSE = Prices(Decimal("2.5"), Decimal("1.25"), Decimal(10), watts=700)


def test_cost_is_by_the_million() -> None:
    assert cost_of(Tokens(read=1000, cached=400, written=200), HOUSE) == Decimal("0.004000")


def test_nothing_costs_nothing_without_prices() -> None:
    assert cost_of(Tokens(read=10_000, written=10_000), Prices()) == 0


@UNHURRIED
@given(prices=PRICES, read=COUNT, written=COUNT, data=st.data())
def test_no_answer_costs_more_than_the_most_that_was_set_aside(prices, read, written, data) -> None:
    cached = data.draw(st.integers(0, read))
    asked = Tokens(read=read, written=written)
    used = Tokens(read=read, cached=cached, written=data.draw(st.integers(0, written)))
    assert 0 <= cost_of(used, prices) <= most_of(asked, prices)


@UNHURRIED
@given(read=COUNT, cached=COUNT, written=COUNT)
def test_the_servers_own_counts_are_taken_as_they_are(read, cached, written) -> None:
    tokens = counted(read, cached, written, characters_read=7, characters_written=7)
    assert (tokens.read, tokens.written, tokens.is_estimate) == (read, written, False)
    assert tokens.cached <= tokens.read


def test_what_a_server_did_not_count_is_estimated_by_characters() -> None:
    tokens = counted(None, None, None, characters_read=9, characters_written=4)
    assert (tokens.read, tokens.cached, tokens.written, tokens.is_estimate) == (3, 0, 1, True)
    assert counted(50, None, None, characters_read=9, characters_written=4) == Tokens(50, 0, 1, True)


@UNHURRIED
@given(first=st.integers(0, 10**6), second=st.integers(0, 10**6))
def test_tokens_of_two_texts_are_at_least_those_of_both(first, second) -> None:
    assert tokens_in(first) + tokens_in(second) >= tokens_in(first + second)


def test_energy_is_the_share_of_what_a_server_draws() -> None:
    assert watt_hours_of(700, 36) == 7.0
    assert watt_hours_of(None, 36) is None


@UNHURRIED
@given(stays=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted), min_size=1, max_size=12))
def test_shares_of_a_server_add_up_to_the_time_it_was_used(stays) -> None:
    worker: UUID = uuid4()
    there = Occupancy()
    # Whoever comes and goes in the same moment was never there together with others.
    steps = sorted(
        [(end, 0, index) for index, (_, end) in enumerate(stays)]
        + [(begin, 1, index) for index, (begin, _) in enumerate(stays)]
    )
    came: dict[int, float] = {}
    shares = 0.0
    moments = {moment for begin, end in stays for moment in range(begin, end)}
    for now, is_coming, index in steps:
        begin, end = stays[index]
        if begin == end:
            continue
        if is_coming:
            came[index] = there.come(worker, now)
        else:
            shares += there.leave(worker, came[index], now)
    assert abs(shares - len(moments)) < 1e-6


def test_an_answer_that_was_alone_had_the_whole_server() -> None:
    there, worker = Occupancy(), uuid4()
    came = there.come(worker, 10.0)
    assert there.leave(worker, came, 14.0) == 4.0
