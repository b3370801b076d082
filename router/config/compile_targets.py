"""From a target of the file to a `Target`: settings merged leaf by leaf, endpoints built, the price resolved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from router.config.diagnostics import Diagnostic
from router.config.endpoints import build_endpoint
from router.config.model import ConfigFile
from router.config.model.names import TargetConfig
from router.config.model.prices import PriceConfig
from router.config.model.provider import Provider, SandboxProvider
from router.config.model.settings import BUILT_IN, Inheritable, ModelSettings
from router.config.tree import Document
from router.outcomes import Backoff
from router.pricing import Price
from router.pricing.price import build_price, discounted
from router.pricing.table import Found, lookup
from router.providers import TYPES, ProviderType
from router.snapshot import (
    BreakerSettings,
    Endpoint,
    HealthKey,
    Pacing,
    Quirks,
    RetryBudget,
    Target,
    TargetId,
    Timeouts,
    UpstreamModel,
)
from router.units import parse_count
from router.wire.base import Wanted

T = TypeVar("T")


class Refused(Exception):
    """What the file says cannot be used: code, message and label of a diagnostic."""


@dataclass(slots=True)
class TargetCompiler:
    """Makes targets. Raises `Refused`; prices that cannot be charged are collected in `findings`."""

    file: ConfigFile
    document: Document
    off: Mapping[str, str]
    at: date
    findings: list[Diagnostic] = field(default_factory=list)
    _by_pattern: list[tuple[re.Pattern[str], Price]] = field(default_factory=list)
    _by_provider: dict[str, Price] = field(default_factory=dict)
    _endpoints: dict[tuple[str, float], Mapping[str, Endpoint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        priced = self.file.prices.targets
        for pattern in sorted(priced, key=lambda each: (-len(each), each)):
            made = self.price(priced[pattern], ("prices", "targets", pattern))
            if made is not None:
                self._by_pattern.append((re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL), made))
        for name, provider in self.file.providers.items():
            if provider.price is not None and (made := self.price(provider.price, ("providers", name, "price"))):
                self._by_provider[name] = made

    def target(self, entry: TargetConfig, model: ModelSettings, star: str | None, price: Price | None) -> Target:
        """`star` is what the `*` of a pattern matched, `price` the target's own, if the file says one."""
        name, _, asked = entry.target.partition("/")
        provider = self.file.providers.get(name)
        if provider is None:
            raise Refused("RC201", f"no provider is named `{name}`", f"known: {', '.join(self.file.providers)}")
        asked = asked if star is None else asked.replace("*", star)
        upstream = UpstreamModel(provider.names.get(asked, asked))
        levels = (entry, model, provider, self.file.defaults, BUILT_IN)
        timeouts = merged_timeouts(levels)
        quirks = merged_quirks(TYPES[provider.type], provider)
        identity = TargetId(f"{name}/{asked}")
        known = self._known(name, (upstream, asked))
        return Target(
            id=identity,
            provider=name,
            model=upstream,
            endpoints={} if name in self.off else self._reachable(name, provider, timeouts.connect),
            tier=entry.tier,
            weight=entry.weight,
            off=self.off.get(name),
            price=self._priced(price, identity, name, known),
            timeouts=timeouts,
            retries=first(level.retries for level in levels),
            backoff=merged_backoff(levels),
            wanted=Wanted(
                model=upstream,
                params=merged_params(levels),
                max_tokens_field=quirks.max_tokens_field,
                stream_usage=quirks.stream_usage,
                prefill=TYPES[provider.type].continues,
            ),
            pacing=_pacing(provider),
            health=_health(name, provider, upstream),
            context=entry.context or (known.context if known is not None else None),
            breaker=merged_breaker(levels),
            retry_after_max=first(level.retry_after_max for level in levels),
            retry_budget=merged_retry_budget(levels),
            errors=provider.errors,
            prefill=_prefill(TYPES[provider.type], (upstream, asked)) if entry.prefill is None else entry.prefill,
            label=entry.target,
        )

    def price(self, written: PriceConfig, path: Sequence[str | int]) -> Price | None:
        """The price at `path` of the file; None, and a finding, when it cannot be charged."""
        above = {parse_count(threshold): rates.rates() for threshold, rates in written.above.items()}
        try:
            made = build_price(written.rates(), request=written.request or 0, above=above)
        except ValueError as exc:
            self.findings.append(found(self.document, path, "RC115", "a price that cannot be charged", str(exc)))
            return None
        if len(above) != len(written.above):
            self.findings.append(
                found(self.document, path, "RC115", "two thresholds of `above` are the same number", "which one?")
            )
        return made

    def _priced(self, own: Price | None, identity: TargetId, provider: str, known: Found | None) -> Price | None:
        price = own or self._by_provider.get(provider) or self._listed(identity) or (known.price if known is not None else None)
        discount = self.file.providers[provider].discount
        return discounted(price, discount) if price is not None and discount else price

    def _listed(self, identity: TargetId) -> Price | None:
        return next((price for pattern, price in self._by_pattern if pattern.fullmatch(identity)), None)

    def _known(self, provider: str, models: tuple[str, str]) -> Found | None:
        """What the built-in table says: of the vendor's name, else of ours."""
        rows = [lookup(self.file.providers[provider].type, model, self.at) for model in dict.fromkeys(models)]
        return next((row for row in rows if row is not None and row.price is not None), next(filter(None, rows), None))

    def _reachable(self, name: str, provider: Provider, connect: float) -> Mapping[str, Endpoint]:
        key = (name, connect)
        if key not in self._endpoints:
            row = TYPES[provider.type]
            formats = {provider.format: row.served[provider.format]} if provider.format else row.served
            self._endpoints[key] = {
                each: build_endpoint(name, provider, each, served, connect) for each, served in formats.items()
            }
        return self._endpoints[key]


def found(document: Document, path: Sequence[str | int], code: str, message: str, label: str) -> Diagnostic:
    """An error at a path of the tree; at the nearest parent that has a place, where a short form has none."""
    pointer = pointer_of(path)
    return Diagnostic(code, "error", message, pointer, document.at(pointer), label)


def pointer_of(path: Sequence[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def first(values: Iterable[T | None]) -> T:
    """The first that is set; the last level sets everything."""
    return next(value for value in values if value is not None)


def merged_timeouts(levels: Sequence[Inheritable]) -> Timeouts:
    set_by = [level.timeouts for level in levels]
    return Timeouts(
        connect=first(each.connect for each in set_by),
        first_token=first(each.first_token for each in set_by),
        last_first_token=first(each.last_first_token for each in set_by),
        idle=first(each.idle for each in set_by),
        answer=first(each.answer for each in set_by),
        total=first(each.total for each in set_by),
    )


def merged_backoff(levels: Sequence[Inheritable]) -> Backoff:
    set_by = [level.backoff for level in levels]
    return Backoff(base=first(each.base for each in set_by), max=first(each.max for each in set_by))


def merged_retry_budget(levels: Sequence[Inheritable]) -> RetryBudget:
    set_by = [level.retry_budget for level in levels]
    return RetryBudget(share=first(each.share for each in set_by), min=first(each.min for each in set_by))


def merged_breaker(levels: Sequence[Inheritable]) -> BreakerSettings | None:
    """None where the nearest level that says anything says `none`; what stands above a `none` does not reach below it."""
    said = [level.breaker for level in levels]
    if None in said:
        said = said[: said.index(None)]
        if not any(each is not None and each.model_fields_set for each in said):
            return None
    set_by = [each for each in (*said, BUILT_IN.breaker) if each is not None]
    opened = first(each.open for each in set_by)
    return BreakerSettings(
        failures=first(each.failures for each in set_by),
        min_requests=first(each.min_requests for each in set_by),
        window=first(each.window for each in set_by),
        open=opened,
        max_open=max(opened, first(each.max_open for each in set_by)),
    )


def merged_params(levels: Sequence[Inheritable]) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for level in reversed(levels):
        _overlay(merged, level.params.values())
    return merged


def merged_quirks(row: ProviderType, provider: Provider) -> Quirks:
    own, known = provider.quirks, row.quirks
    return Quirks(
        max_tokens_field=own.max_tokens_field or known.max_tokens_field,
        stream_usage=known.stream_usage if own.stream_usage is None else own.stream_usage,
    )


def _overlay(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for name, value in above.items():
        if isinstance(value, dict):
            # A copy: the levels' own maps are shared by other targets.
            inner = dict(below[name]) if isinstance(below.get(name), dict) else {}
            _overlay(inner, value)
            below[name] = inner
        else:
            below[name] = value


def _pacing(provider: Provider) -> Pacing | None:
    pacing = provider.pacing
    return None if pacing is None else Pacing(pacing.rate.amount, pacing.rate.window, pacing.burst)


def _prefill(row: ProviderType, models: Iterable[str]) -> bool:
    return any(row.prefills(model) for model in models)


def _health(name: str, provider: Provider, model: UpstreamModel) -> HealthKey:
    if isinstance(provider, SandboxProvider):
        return HealthKey(name, "sandbox", "", model)
    credential = provider.api_key.fingerprint if provider.api_key is not None else ""
    return HealthKey(name, provider.base_url or TYPES[provider.type].base_url or "", credential, model)
