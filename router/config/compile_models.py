"""From `models` to Models: targets by tier, fallbacks resolved, patterns turned into makers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from router.config.compile_targets import Refused, TargetCompiler, first, found
from router.config.diagnostics import Diagnostic
from router.config.model import ConfigFile
from router.config.model.names import ModelConfig, TargetConfig
from router.config.model.settings import BUILT_IN
from router.config.tree import Document
from router.errors import Kind
from router.outcomes import OUTCOMES, Meaning
from router.pricing import Price
from router.snapshot import Model, Pattern, StreamSettings, Target
from router.strategies import STRATEGIES

_PROBE = "x"  # Stands for what a `*` may match, so that a pattern's problems show at load.


@dataclass(slots=True)
class ModelCompiler:
    """Makes models; what is wrong with them is collected in `findings`."""

    file: ConfigFile
    document: Document
    targets: TargetCompiler
    findings: list[Diagnostic] = field(default_factory=list)
    _prices: dict[tuple[str, int], Price] = field(default_factory=dict)
    _named: dict[str, str] = field(default_factory=dict)
    """Every exact name, and the model it names."""
    _bare: dict[str, Model] = field(default_factory=dict)
    """Exact models without their fallbacks: what others fall back to."""
    _patterns: tuple[Pattern, ...] = ()

    def compile(self) -> tuple[dict[str, Model], tuple[Pattern, ...]]:
        """Models by exact name (`also` included), and patterns in the order they are tried."""
        self._read_prices()
        self._read_names()
        for name in self.file.models:
            self._check(name)
        self._check_defaults()
        if self.findings:
            return {}, ()
        exact = {name: self._whole(name, None) for name in self.file.models if "*" not in name}
        return {name: exact[named] for name, named in self._named.items()}, self._patterns

    def _read_prices(self) -> None:
        for name, written in self.file.models.items():
            for index, entry in enumerate(written.targets):
                if entry.price is None:
                    continue
                price = self.targets.price(entry.price, ("models", name, "targets", index, "price"))
                if price is not None:
                    self._prices[name, index] = price

    def _read_names(self) -> None:
        patterns = []
        for name, written in self.file.models.items():
            if "*" in name:
                prefix, _, suffix = name.partition("*")
                patterns.append(Pattern(name, prefix, suffix, written.visible, partial(self._whole, name)))
            for other in written.also if "*" in name else (name, *written.also):
                if self._named.setdefault(other, name) != name:
                    path = ("models", name, *(("also",) if other != name else ()))
                    self._find(path, Refused("RC204", f"the name `{other}` is given twice", f"`{self._named[other]}` has it too"))
        self._patterns = tuple(sorted(patterns, key=lambda each: (-len(each.prefix), -len(each.suffix))))

    def _check(self, name: str) -> None:
        """Everything that making this model can find."""
        written = self.file.models[name]
        star = _PROBE if "*" in name else None
        if star is not None and written.also:
            self._find(
                ("models", name, "also"), Refused("RC205", f"the pattern `{name}` has further names", "a pattern has one name")
            )
        for index, entry in enumerate(written.targets):
            path: Sequence[str | int] = ("models", name, "targets", index)
            try:
                _no_star_without(entry.target, name)
                self.targets.target(entry, written, star, None)
            except Refused as refused:
                self._find(path, refused)
        for index, entry_name in enumerate(written.fallback):
            self._check_named(name, entry_name, ("models", name, "fallback", index))
        for kind, row in written.outcomes.rows().items():
            for index, entry_name in enumerate(row.next or ()):
                self._check_named(name, entry_name, ("models", name, "outcomes", kind, "next", index))

    def _check_named(self, name: str, entry: str, path: Sequence[str | int]) -> None:
        """What `fallback` and `outcomes` of the model `name` lead to."""
        if self._named.get(entry, entry) == name:
            label = "a model cannot be its own fallback"
            self._find(path, Refused("RC210", f"`models.{name}` falls back to itself", label))
            return
        try:
            self._check_there(name, entry)
        except Refused as refused:
            self._find(path, refused)

    def _check_there(self, name: str, entry: str) -> None:
        provider, slash, _ = entry.partition("/")
        if entry in self._named or (slash and provider in self.file.providers):
            _no_star_without(entry, name)
        elif "*" in entry or not any(pattern.match(entry) is not None for pattern in self._patterns):
            raise Refused("RC202", f"no model is named `{entry}`", "the name of a model, or PROVIDER/MODEL")

    def _check_defaults(self) -> None:
        """`outcomes` of `defaults` hold for every model, whatever its name is."""
        for kind, row in self.file.defaults.outcomes.rows().items():
            for index, entry in enumerate(row.next or ()):
                self._check_named("", entry, ("defaults", "outcomes", kind, "next", index))

    def _whole(self, name: str, star: str | None) -> Model:
        """The model with what stands behind it; a maker for patterns once its name is fixed."""
        fallback = tuple(self._behind(name, entry, star) for entry in self.file.models[name].fallback)
        bare = self._bare_model(name, star)
        named = dict.fromkeys(entry for meaning in bare.outcomes.values() for entry in _names(meaning))
        alternatives = {entry: self._behind(name, entry, star) for entry in named}
        behind = (bare, *fallback, *alternatives.values())
        reachable = sum(target.off is None for model in behind for target in model.targets)
        return replace(bare, fallback=fallback, alternatives=alternatives, max_attempts=max(bare.max_attempts, reachable))

    def _behind(self, name: str, entry: str, star: str | None) -> Model:
        """The model a fallback means: an exact name, a target, or a name that a pattern takes."""
        if entry in self._named:
            return self._bare_model(self._named[entry], None)
        provider, slash, _ = entry.partition("/")
        if slash and provider in self.file.providers:
            written = self.file.models[name]
            target = self.targets.target(TargetConfig(target=entry), written, star, None)
            return self._model(entry, written, (target,))
        pattern, matched = next((each, found) for each in self._patterns if (found := each.match(entry)) is not None)
        return self._bare_model(pattern.name, matched)

    def _bare_model(self, name: str, star: str | None) -> Model:
        if star is None and name in self._bare:
            return self._bare[name]
        written = self.file.models[name]
        made = self._model(
            name,
            written,
            tuple(
                self.targets.target(entry, written, star, self._prices.get((name, index)))
                for index, entry in enumerate(written.targets)
            ),
        )
        if star is None:
            self._bare[name] = made
        return made

    def _model(self, name: str, written: ModelConfig, targets: tuple[Target, ...]) -> Model:
        levels = (written, self.file.defaults, BUILT_IN)
        strategy = written.strategy or self.file.defaults.strategy
        return Model(
            name=name,
            tiers=tuple(tuple(each for each in targets if each.tier == tier) for tier in sorted({each.tier for each in targets})),
            strategy=STRATEGIES[strategy.type if strategy else "ordered"],
            fallback=(),
            max_attempts=max(first(level.max_attempts for level in levels), sum(each.off is None for each in targets)),
            deadline=first(level.deadline for level in levels),
            stream=StreamSettings(
                hold_headers=first(level.stream.hold_headers for level in levels),
                ping=first(level.stream.ping for level in levels),
            ),
            visible=written.visible,
            outcomes=self._outcomes(name, written),
            midstream=first(level.midstream for level in levels),
            guard=first(level.guard for level in levels),
            on_disconnect=first(level.on_disconnect for level in levels),
        )

    def _outcomes(self, name: str, written: ModelConfig) -> Mapping[Kind, Meaning]:
        """The table, with what `defaults` and then the model say otherwise; the table itself where they say nothing."""
        made = dict(OUTCOMES)
        for settings in (self.file.defaults, written):
            for kind, row in settings.outcomes.rows().items():
                if row.retry is not None:
                    made[kind] = replace(made[kind], retries=row.retry)
                if row.next is not None:
                    # `defaults` may send to a model what is this one's own to solve; then the table holds, or who is left.
                    others = tuple(entry for entry in row.next if self._named.get(entry, entry) != name)
                    made[kind] = replace(made[kind], next=others or ("none" if not row.next else OUTCOMES[kind].next))
        return OUTCOMES if made == OUTCOMES else made

    def _find(self, path: Sequence[str | int], refused: Refused) -> None:
        code, message, label = refused.args
        self.findings.append(found(self.document, path, code, message, label))


def _names(meaning: Meaning) -> Iterator[str]:
    if isinstance(meaning.next, tuple):
        yield from meaning.next


def _no_star_without(entry: str, name: str) -> None:
    if "*" in entry and "*" not in name:
        raise Refused("RC203", f"`{entry}` has a `*`, and the name `{name}` has none", "nothing to put there")
