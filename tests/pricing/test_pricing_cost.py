"""Usage times price, against sums made by hand."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.pricing import FREE, KINDS, Price, Rates, build_price, cost, discounted, format_usd, parse_usd
from router.types import Usage

OPENAI = build_price({"input": 0.15, "output": 0.60, "cache_read": 0.075})
ANTHROPIC = build_price(
    {"input": 3, "output": 15, "cache_read": 0.30, "cache_write": 3.75, "cache_write_1h": 6},
    above={200_000: {"input": 6, "output": 22.5, "cache_read": 0.60, "cache_write": 7.5, "cache_write_1h": 12}},
)
PLAIN = build_price({"input": 2, "output": 8})
THINKING = build_price({"input": 1, "output": 4, "reasoning": 6})
AUDIO = build_price({"input": 2.5, "output": 10, "audio_input": 40, "audio_output": 80})
TIERS = build_price({"input": 1, "output": 2}, above={1000: {"input": 3}, 128: {"input": 2, "output": 4}})
PER_CALL = build_price({}, request=0.01)
BOTH = build_price({"input": 1, "output": 1}, request=0.005)

GOLDEN: list[tuple[str, Usage, Price, str]] = [
    ("nothing used", Usage(), OPENAI, "0"),
    ("plain: 120 × 0.15 + 34 × 0.60, per million", Usage(120, output=34), OPENAI, "0.0000384"),
    ("cached read at half: 20 × 0.15 + 100 × 0.075 + 34 × 0.60", Usage(20, cache_read=100, output=34), OPENAI, "0.0000309"),
    ("cached read without a rate of its own is input", Usage(20, cache_read=100), PLAIN, "0.00024"),
    ("all cached", Usage(cache_read=1_000_000), OPENAI, "0.075"),
    ("5 minute write: 100 × 3.75", Usage(cache_write_5m=100), ANTHROPIC, "0.000375"),
    ("1 hour write: 100 × 6", Usage(cache_write_1h=100), ANTHROPIC, "0.0006"),
    ("both writes, a read, the rest", Usage(10, 20, 30, 40, 50), ANTHROPIC, "0.0011385"),
    ("1 hour write without a rate is a write", Usage(cache_write_1h=100), build_price({"input": 1, "cache_write": 2}), "0.0002"),
    ("a write without a rate is input", Usage(cache_write_5m=7, cache_write_1h=3), PLAIN, "0.00002"),
    ("reasoning without a rate is output: 50 × 8", Usage(0, output=50, reasoning=40), PLAIN, "0.0004"),
    ("reasoning with one: 10 × 4 + 40 × 6", Usage(0, output=50, reasoning=40), THINKING, "0.00028"),
    ("all of it reasoning", Usage(0, output=40, reasoning=40), THINKING, "0.00024"),
    ("audio in: 60 × 2.5 + 40 × 40", Usage(100, audio_input=40), AUDIO, "0.00175"),
    ("audio out: 30 × 10 + 20 × 80", Usage(0, output=50, audio_output=20), AUDIO, "0.0019"),
    ("audio without a rate", Usage(100, output=50, audio_input=40, audio_output=20), PLAIN, "0.0006"),
    ("reasoning and audio out are both parts", Usage(0, output=50, reasoning=10, audio_output=20), AUDIO, "0.0019"),
    ("at the threshold: the lower tier", Usage(200_000, output=10), ANTHROPIC, "0.60015"),
    ("one beyond: the whole request by the upper", Usage(200_001, output=10), ANTHROPIC, "1.200231"),
    ("cached input counts for the threshold", Usage(1, 100_000, 60_000, 40_000, 0), ANTHROPIC, "0.990006"),
    ("a tier keeps what it does not name", Usage(1001, output=10), TIERS, "0.003043"),
    ("the middle of three tiers", Usage(129, output=10), TIERS, "0.000298"),
    ("the middle's upper edge", Usage(1000), TIERS, "0.002"),
    ("per call", Usage(5, output=5), PER_CALL, "0.01"),
    ("per call and per token", Usage(5, output=5), BOTH, "0.00501"),
    ("a call with no tokens", Usage(), BOTH, "0.005"),
    ("free", Usage(10_000_000, output=10_000_000, cache_read=5), FREE, "0"),
    ("half a nano-dollar is one", Usage(1), Price(Rates(500_000, 0)), "0.000000001"),
    ("less than half is none", Usage(1), Price(Rates(499_999, 0)), "0"),
    ("rounded once over all kinds", Usage(1, output=1), Price(Rates(400_000, 400_000)), "0.000000001"),
    ("a part beyond its whole is charged as itself", Usage(0, output=10, reasoning=50), THINKING, "0.0003"),
    ("a day's worth", Usage(3_456_789_012, output=987_654_321), PLAIN, "14814.812592"),
]


@pytest.mark.parametrize(("usage", "price", "usd"), [case[1:] for case in GOLDEN], ids=[case[0] for case in GOLDEN])
def test_cost_is_the_sum_made_by_hand(usage, price, usd):
    assert format_usd(cost(usage, price)) == usd


tokens = st.integers(0, 10**9)
rate = st.integers(0, 10**12)
rates_ = st.builds(Rates, rate, rate, *[st.none() | rate] * 6)


@st.composite
def usages(draw):
    plain, output = draw(tokens), draw(tokens)
    reasoning = draw(st.integers(0, output))
    return Usage(
        plain, draw(tokens), draw(tokens), draw(tokens), output, reasoning,
        draw(st.integers(0, plain)), draw(st.integers(0, output - reasoning)),
    )  # fmt: skip


@st.composite
def prices(draw):
    thresholds = sorted(draw(st.sets(tokens, max_size=3)))
    return Price(draw(rates_), draw(rate), tuple((threshold, draw(rates_)) for threshold in thresholds))


@settings(deadline=None, max_examples=200)
@given(st.builds(Usage, *[tokens] * 8), prices())
def test_cost_is_never_negative_whatever_a_vendor_counts(usage, price):
    assert cost(usage, price) >= price.request


@settings(deadline=None, max_examples=200)
@given(usages(), prices())
def test_cost_is_the_exact_sum_rounded_once(usage, price):
    rates = next((by for threshold, by in reversed(price.above) if usage.input > threshold), price.rates)
    write = rates.input if rates.cache_write is None else rates.cache_write
    kinds = [
        (usage.input_uncached - usage.audio_input, rates.input, None),
        (usage.audio_input, rates.audio_input, rates.input),
        (usage.cache_read, rates.cache_read, rates.input),
        (usage.cache_write_5m, write, None),
        (usage.cache_write_1h, rates.cache_write_1h, write),
        (usage.output - usage.reasoning - usage.audio_output, rates.output, None),
        (usage.reasoning, rates.reasoning, rates.output),
        (usage.audio_output, rates.audio_output, rates.output),
    ]
    exact = sum(Decimal(count) * (whole if own is None else own) for count, own, whole in kinds) / 1_000_000
    assert cost(usage, price) == int(exact.to_integral_value(ROUND_HALF_UP)) + price.request


@settings(deadline=None, max_examples=100)
@given(usages(), usages(), rates_)
def test_cost_of_two_requests_adds_up_but_for_rounding_when_there_are_no_tiers(one, other, rates):
    price = Price(rates)
    both = Usage(*(getattr(one, name) + getattr(other, name) for name in Usage.__slots__))
    assert abs(cost(both, price) - cost(one, price) - cost(other, price)) <= 1


@settings(deadline=None, max_examples=100)
@given(usages(), rates_, st.sampled_from(["input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output"]), tokens)
def test_more_tokens_never_cost_less(usage, rates, kind, more):
    grown = Usage(**{name: getattr(usage, name) + (more if name == kind else 0) for name in Usage.__slots__})
    assert cost(grown, Price(rates)) >= cost(usage, Price(rates))


@pytest.mark.parametrize(
    ("usd", "nano"),
    [
        (0.0375, 37_500_000),
        (0.15, 150_000_000),
        (0.1, 100_000_000),
        (22.5, 22_500_000_000),
        (3, 3_000_000_000),
        (0, 0),
        (1e-9, 1),
        (1.1e-7, 110),
        (4.35, 4_350_000_000),  # 4.35 * 10**9 is 4349999999.999999 in floats.
        (Decimal("0.000000001"), 1),
        ("0.0375", 37_500_000),
        (1_000_000.000000001, 1_000_000_000_000_001),
    ],
)
def test_dollars_are_read_as_they_were_written(usd, nano):
    assert parse_usd(usd) == nano


@pytest.mark.parametrize(
    "usd", ["", "abc", "-1", -1, -0.01, 1e-10, 0.1 + 0.2, float("nan"), float("inf"), Decimal("NaN"), Decimal("1e-10")]
)
def test_dollars_that_cannot_be_charged_exactly_are_refused(usd):
    with pytest.raises(ValueError):
        parse_usd(usd)


@settings(deadline=None, max_examples=200)
@given(st.integers(-(10**18), 10**18))
def test_written_dollars_are_exact_and_have_no_exponent(nano):
    text = format_usd(nano)
    assert Fraction(text) == Fraction(nano, 10**9)
    assert not set(text) - set("-0123456789.")
    assert len(text) == 1 or (not text.endswith(".") and not ("." in text and text.endswith("0")))


def test_price_of_a_call_alone_makes_tokens_free():
    assert Price(Rates(0, 0), request=10_000_000) == PER_CALL


def test_tiers_rise_and_inherit_from_the_tier_below():
    assert TIERS.above == ((128, Rates(2_000_000_000, 4_000_000_000)), (1000, Rates(3_000_000_000, 4_000_000_000)))


def test_unknown_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="'image' is not one of input, output, cache_read"):
        build_price({"input": 1}, above={5: {"image": 1}})


def test_negative_threshold_is_refused():
    with pytest.raises(ValueError):
        build_price({"input": 1}, above={-1: {"input": 1}})


def test_discount_takes_its_share_of_every_rate():
    price = build_price(dict.fromkeys(KINDS, 1), request=0.01, above={10: {"input": 2}}, source="table", date="2026-01-01")
    left = 880_000_000
    base = Rates(*[left] * len(KINDS))
    tier = Rates(2 * left, *[left] * (len(KINDS) - 1))
    assert discounted(price, 0.12) == Price(base, 8_800_000, ((10, tier),), "table", "2026-01-01")


def test_discount_leaves_kinds_without_a_rate_alone():
    assert discounted(PLAIN, 0.5) == build_price({"input": 1, "output": 4})


@settings(deadline=None, max_examples=100)
@given(rate, st.decimals(0, 1, places=4))
def test_discount_is_rounded_once_half_up(amount, share):
    exact = Decimal(amount) * (1 - share)
    assert discounted(Price(Rates(amount, 0)), share).rates.input == int(exact.to_integral_value(ROUND_HALF_UP))


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_discount_outside_of_nothing_and_all_is_refused(share):
    with pytest.raises(ValueError):
        discounted(PLAIN, share)
