"""The built-in prices: the table of the package genai-prices (https://github.com/pydantic/genai-prices), in our units.

Asked when a file is loaded, never per request: a first look-up takes about 150 µs. The package is imported at the first
look-up that needs it: 50 ms and 6 MB in a process that already has pydantic. It stays: dropping it again gives nothing back
(its classes are referenced from pydantic's), and a child process would cost every start and reload 300 ms of CPU.
It never goes to the network: only its `UpdatePrices` does, which is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from importlib import import_module
from typing import Any

from router.pricing.price import FREE, NANO, Price, Rates

_PROVIDERS = {
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "groq": "groq",
    "huggingface": "huggingface",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "together": "together",
    "xai": "x-ai",
}
"""Our provider types and the table's names for them. A type that is not here has no built-in prices: whoever serves
`gpt-4o` on an address of their own does not charge what OpenAI does. (The package itself would match by substring.)"""

_KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
"""The table's kinds and ours. Not taken: images, video, characters, hours, pages, searches, cached audio (charged as
cached text), citations (as output), and `price_variants` (batch and service tiers: the standard price holds)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the table knows of a model. `price` is None when it is charged by units that are not tokens."""

    name: str
    """The table's own name of the model."""
    price: Price | None
    context: int | None
    """Most input tokens, when the table knows. It does not know how many a model can write."""


@lru_cache(maxsize=4096)
def lookup(provider_type: str, model: str, at: date) -> Found | None:
    """What the table says about a vendor's `model` on the day `at`; None when it does not know it.

    A price that changes over the day is the dearest of that day: it is resolved once, and a budget must hold at any hour.
    A model of Hugging Face is priced only when it names who serves it (`org/model:together`): else nobody knows who will.
    """
    provider = _PROVIDERS.get(provider_type)
    if provider is None:
        return None
    if provider == "huggingface":
        model, _, server = model.partition(":")
        provider = f"huggingface_{server}"
    try:
        _, known = _snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return Found(known.id, _price_on(known, at), known.context_window)


def _snapshot() -> Any:
    return import_module("genai_prices.data_snapshot").get_snapshot()


@lru_cache(maxsize=1)
def _source() -> str:
    return f"genai-prices {import_module('genai_prices').__version__}"


def _price_on(known: Any, at: date) -> Price | None:
    """`known.prices` is one price, or a list of them with constraints of which the last that holds wins."""
    dated = [(None, known.prices)] if not isinstance(known.prices, list) else list(_in_force(known.prices, at))
    found = [price for since, raw in dated if (price := _price(raw, since)) is not None]
    if found:
        return max(found, key=lambda price: price.rates.input + price.rates.output)
    # A row without any figure is a model of unknown price, but for OpenRouter's and Mistral's variants of that name.
    if known.id.endswith(":free"):
        return Price(FREE.rates, source=_source())
    return None


def _in_force(prices: list[Any], at: date) -> Iterator[tuple[date | None, Any]]:
    """Every price that wins at some hour of the day, with the date it is in force since."""
    for conditional in reversed(prices):
        constraint = conditional.constraint
        since = getattr(constraint, "start_date", None)
        if since is not None and since > at:
            continue
        yield since, conditional.prices
        if constraint is None or since is not None:
            return  # It holds all day: earlier rows never win. Otherwise it is a part of the day, and the search goes on.


def _price(raw: Any, since: date | None) -> Price | None:
    values = {ours: value for theirs, ours in _KINDS.items() if (value := getattr(raw, theirs)) is not None}
    if "input" not in values and "output" not in values:
        return None
    starts = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    return Price(
        rates=_rates(values, beyond=-1),
        request=_nano(raw.requests_kcount / 1000) if raw.requests_kcount is not None else 0,
        above=tuple((start, _rates(values, beyond=start)) for start in starts),
        source=_source(),
        date=since.isoformat() if since is not None else None,
    )


def _rates(values: dict[str, Any], *, beyond: int) -> Rates:
    """The rates of a request with more than `beyond` input tokens; -1 for those of the lowest tier."""
    found = {kind: _nano(_tier(value, beyond)) for kind, value in values.items()}
    # An embedding model has no price for output: it writes none.
    return Rates(**({"input": 0, "output": 0} | found))


def _tier(value: Any, beyond: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    rate: Decimal = value.base
    for tier in value.tiers:
        if tier.start <= beyond:
            rate = tier.price
    return rate


def _nano(usd: Decimal) -> int:
    # Rounded: a figure with more digits is residue of the floats it was computed with (0.13999999999999999 is 0.14).
    return int((usd * NANO).to_integral_value(ROUND_HALF_UP))
