"""The built-in table in our units. Figures of real models change with the package: what is asserted here is the mapping,
against the package's own arithmetic."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import types
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot

from router.pricing import Price, Rates, build_price, cost, lookup
from router.types import Usage

TODAY = date(2026, 11, 25)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def table():
    """Installs models of one's own as what the package knows of OpenAI."""

    def install(*models: types.ModelInfo) -> None:
        lookup.cache_clear()
        provider = types.Provider(id="openai", name="OpenAI", api_pattern="-", models=list(models))
        set_custom_snapshot(DataSnapshot([provider], from_auto_update=False))

    yield install
    set_custom_snapshot(None)
    lookup.cache_clear()


def model(prices, **rest) -> types.ModelInfo:
    return types.ModelInfo(id=rest.pop("id", "m"), match=types.ClauseEquals(rest.pop("name", "m")), prices=prices, **rest)


def price_of(found, **changes):
    assert found is not None
    assert found.price is not None
    assert found.price.source.startswith("genai-prices ")
    return Price(found.price.rates, found.price.request, found.price.above, date=found.price.date)


def tiered(base, *tiers):
    return types.TieredPrices(Decimal(base), [types.Tier(start, Decimal(price)) for start, price in tiers])


def test_every_kind_is_mapped_to_ours(table):
    table(
        model(
            types.ModelPrice(
                input_mtok=Decimal(3),
                output_mtok=Decimal(15),
                cache_read_mtok=Decimal("0.3"),
                cache_write_mtok=Decimal("3.75"),
                cache_write_1h_mtok=Decimal(6),
                output_reasoning_mtok=Decimal(20),
                input_audio_mtok=Decimal(30),
                output_audio_mtok=Decimal(40),
                requests_kcount=Decimal("2.5"),
                web_searches_kcount=Decimal(10),
            ),
            context_window=128_000,
        )
    )
    found = lookup("openai", "M", TODAY)
    assert (found.name, found.context) == ("m", 128_000)
    assert price_of(found) == build_price(
        {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75, "cache_write_1h": 6, "reasoning": 20,
         "audio_input": 30, "audio_output": 40},
        request=0.0025,
    )  # fmt: skip


def test_tiers_of_single_kinds_become_tiers_of_all(table):
    table(
        model(
            types.ModelPrice(
                input_mtok=tiered(1, (100, 2), (300, 4)), output_mtok=tiered(5, (200, 6)), cache_read_mtok=Decimal("0.5")
            )
        )
    )
    assert price_of(lookup("openai", "m", TODAY)) == build_price(
        {"input": 1, "output": 5, "cache_read": 0.5},
        above={100: {"input": 2}, 200: {"output": 6}, 300: {"input": 4}},
    )


def test_price_of_the_day_is_the_last_that_began(table):
    def since(day):
        return types.StartDateConstraint(date.fromisoformat(day))

    old, new, later = (types.ModelPrice(input_mtok=Decimal(n), output_mtok=Decimal(n)) for n in (3, 2, 9))
    table(
        model(
            [
                types.ConditionalPrice(prices=old),
                types.ConditionalPrice(since("2026-05-01"), prices=new),
                types.ConditionalPrice(since("2027-01-01"), prices=later),
            ]
        )
    )
    assert price_of(lookup("openai", "m", date(2026, 4, 30))) == build_price({"input": 3, "output": 3})
    assert price_of(lookup("openai", "m", date(2026, 5, 1))) == build_price({"input": 2, "output": 2}, date="2026-05-01")
    assert price_of(lookup("openai", "m", TODAY)) == build_price({"input": 2, "output": 2}, date="2026-05-01")
    assert price_of(lookup("openai", "m", date(2027, 1, 1))) == build_price({"input": 9, "output": 9}, date="2027-01-01")


@pytest.mark.parametrize("night", [1, 9])
def test_price_that_changes_over_the_day_is_the_dearest_of_the_day(table, night):
    hours = types.TimeOfDateConstraint(time(16, 30, tzinfo=UTC), time(0, 30, tzinfo=UTC))
    forgotten, day, off_peak = (types.ModelPrice(input_mtok=Decimal(n), output_mtok=Decimal(n)) for n in (20, 4, night))
    table(
        model(
            [
                types.ConditionalPrice(prices=forgotten),
                types.ConditionalPrice(types.StartDateConstraint(date(2026, 1, 1)), prices=day),
                types.ConditionalPrice(hours, prices=off_peak),
            ]
        )
    )
    assert price_of(lookup("openai", "m", TODAY)).rates.input == max(4, night) * 10**9


def test_residue_of_floats_is_rounded_away(table):
    table(model(types.ModelPrice(input_mtok=Decimal("0.13999999999999999"), output_mtok=Decimal("0.18000000000000002"))))
    assert price_of(lookup("openai", "m", TODAY)) == build_price({"input": 0.14, "output": 0.18})


def test_models_that_are_not_charged_by_tokens_have_no_price(table):
    table(model(types.ModelPrice(audio_hours=Decimal("0.36"))))
    found = lookup("openai", "m", TODAY)
    assert found is not None
    assert found.price is None


def test_no_figure_is_unknown_and_free_only_by_name(table):
    table(model(types.ModelPrice(), id="gift:free", name="gift:free"), model(types.ModelPrice(), id="riddle", name="riddle"))
    assert lookup("openai", "riddle", TODAY).price is None
    assert price_of(lookup("openai", "gift:free", TODAY)) == Price(Rates(0, 0))


@pytest.mark.parametrize("provider_type", ["openai_compatible", "anthropic_compatible", "ollama", "vllm", "sandbox", ""])
def test_vendors_of_their_own_are_not_charged_like_the_models_they_imitate(provider_type):
    assert lookup(provider_type, "gpt-4o", TODAY) is None


@pytest.mark.parametrize(
    ("provider_type", "model"),
    [
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-4o-mini-2024-07-18"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("mistral", "mistral-small-latest"),
        ("groq", "llama-3.3-70b-versatile"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("deepseek", "deepseek-chat"),
        ("xai", "grok-4.20"),
        ("huggingface", "meta-llama/Llama-3.3-70B-Instruct:together"),
    ],
)
def test_every_vendor_of_the_table_is_found_under_our_name(provider_type, model):
    assert price_of(lookup(provider_type, model, TODAY)).rates.input > 0


@pytest.mark.parametrize(
    ("provider_type", "model"), [("openai", "gpt-nonsense"), ("huggingface", "meta-llama/Llama-3.3-70B-Instruct")]
)
def test_unknown_is_none(provider_type, model):
    assert lookup(provider_type, model, TODAY) is None


def test_we_charge_what_the_package_computes():
    """For every model of the vendors we know, with usage that has every kind."""
    rng = random.Random(7)
    ours = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter", "mistral": "mistral", "groq": "groq",
            "together": "together", "x-ai": "xai"}  # fmt: skip
    compared = 0
    for provider in get_snapshot().providers:
        for known in provider.models if provider.id in ours else ():
            priced = known.get_prices(NOON)
            found = lookup(ours[provider.id], known.id, TODAY)
            if found is None or found.price is None or found.name != known.id or not _comparable(priced):
                continue
            usage = Usage(rng.randrange(400_000), rng.randrange(90_000), rng.randrange(90_000), rng.randrange(90_000), 7000, 3000)
            theirs = priced.calc_price(
                TheirUsage(
                    input_tokens=usage.input,
                    cache_read_tokens=usage.cache_read,
                    cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
                    cache_write_1h_tokens=usage.cache_write_1h,
                    output_tokens=usage.output,
                    output_reasoning_tokens=usage.reasoning,
                )
            )["total_price"]
            assert abs(cost(usage, found.price) - theirs * 10**9) <= 1, known.id
            compared += 1
    assert compared > 500


def _comparable(priced: types.ModelPrice) -> bool:
    """Prices whose figures are whole nano-dollars (the others are rounded), and which price tokens alone."""
    for key, value in vars(priced).items():
        amounts = [value.base, *(tier.price for tier in value.tiers)] if isinstance(value, types.TieredPrices) else [value]
        if any(amount is not None and (amount * 10**9) % 1 for amount in amounts) or key == "requests_kcount":
            return False
    return True


def test_the_package_is_not_imported_before_a_price_is_asked_for():
    code = (
        "import sys, datetime, router.pricing as p; assert 'genai_prices' not in sys.modules;"
        "p.lookup('sandbox', 'm', datetime.date(2026, 1, 1)); assert 'genai_prices' not in sys.modules;"
        "p.lookup('openai', 'gpt-4o', datetime.date(2026, 1, 1)); assert 'genai_prices' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
