"""`tests` speak of models, providers, targets and keys: of those that are there. One that does not can show nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from router.config.checks.base import Check, Part, Text, at, fits, leads, mapping, model_names, named, patterns, section, targets
from router.config.checks.fallbacks import no_such_model
from router.config.checks.providers import no_such_provider
from router.config.diagnostics import Diagnostic, Edit, Related, Suggestion
from router.config.explanation import Code
from router.config.scalars import quote, read_plain
from router.config.similar import nearest
from router.config.tree import Document, join, parts
from router.units import parse_duration

_WORDS = ("clock", "health")
"""Keys of `world` that are no providers."""
_OF_A_DRILL = ("errors", "p99_added", "attempts_per_request")
_OF_ONE = ("target", "targets", "attempts", "status", "code")

UNKNOWN_KEY = Code(
    "RC214",
    "refs",
    "a test with a key that is not there",
    "`given.key` names a client key that does not stand under `keys`. The test would speak for a caller that does not exist.",
    "Correct the name, or add the key.",
    "tests:\n  - {name: the app, given: {model: fast, key: web-ap}, expect: {status: 200}}",
    "tests:\n  - {name: the app, given: {model: fast, key: web-app}, expect: {status: 200}}",
)
NO_TARGET = Code(
    "RC215",
    "refs",
    "a test of a target that nothing leads to",
    "The test expects an answer from a target that the model does not lead to, by its own targets, its `fallback` or `outcomes`;"
    " or it says how a target behaves that no model has. The first could never pass, the second changes nothing.",
    "Correct the name, or add the target to the model.",
    "models:\n  fast: {targets: [openai/gpt-4o-mini]}\n"
    "tests:\n  - {name: fast, given: {model: fast}, expect: {target: openai/gpt-4o}}",
    "models:\n  fast: {targets: [openai/gpt-4o-mini]}\n"
    "tests:\n  - {name: fast, given: {model: fast}, expect: {target: openai/gpt-4o-mini}}",
)
NAMED_TWICE = Code(
    "RC216",
    "refs",
    "two tests of one name",
    "Tests are chosen and reported by their names, those of all files together. Of two with the same name nobody could say which"
    " one failed.",
    "Give each test a name of its own.",
    "tests:\n  - {name: fast, given: {model: fast}, expect: {status: 200}}\n"
    "  - {name: fast, given: {model: smart}, expect: {status: 200}}",
    "tests:\n  - {name: fast, given: {model: fast}, expect: {status: 200}}\n"
    "  - {name: smart, given: {model: smart}, expect: {status: 200}}",
)
OTHER_KIND = Code(
    "RC217",
    "refs",
    "an expectation of another kind of test",
    "A test without `given.load` looks at one request: its `target`, `targets`, `attempts`, `status` and `code`. A drill, a test"
    " with `load`, looks at figures over all its requests: `errors`, `p99_added`, `attempts_per_request`. `cost_usd` goes with"
    " both. The other kind's expectations would never be looked at.",
    "Expect what this test can tell, or add or remove `load`.",
    "tests:\n  - {name: steady, given: {model: fast}, expect: {errors: 0}}",
    "tests:\n  - {name: steady, given: {model: fast, load: {rate: 50/1s, for: 5m}}, expect: {errors: 0}}",
)
NO_TIME = Code(
    "RC218",
    "refs",
    "a time that ends before it begins",
    "`to` is not later than `from`, so that what is said here never happens: the test would pass without it.",
    "Write a `to` that is later than `from`; both count from the first request.",
    "world: {groq: {status: 429, from: 2m, to: 1m}}",
    "world: {groq: {status: 429, from: 1m, to: 2m}}",
)


def cases(document: Document) -> Iterator[Part]:
    """The tests that are maps, by their names (empty where there is none)."""
    written = document.value.get("tests") if isinstance(document.value, dict) else None
    for i, item in enumerate(written if isinstance(written, list) else ()):
        if isinstance(item, dict):
            name = item.get("name")
            yield Part(name if isinstance(name, str) else "", join("/tests", i), item)


def unknown_names(document: Document) -> Iterator[Diagnostic]:
    """RC201, RC202 and RC214 in tests."""
    names, globs, keys = model_names(document), patterns(document), section(document, "keys")
    for case in cases(document):
        given = Part(case.name, join(case.pointer, "given"), mapping(case.value, "given"))
        for asked in _texts(given, "model"):
            known = asked.text in names or any(fits(asked.text, pattern) for pattern in globs)
            if not known and not _expects_unknown_model(case):
                yield no_such_model(document, asked, nearest(asked.text, names))
        for key in _texts(given, "key"):
            if key.text not in keys:
                yield _unknown_key(document, key, keys)
        for text, is_key in _providers(case):
            if text.text.partition("/")[0] not in section(document, "providers"):
                yield _unknown_provider(document, text, is_key=is_key)


def unreachable_targets(document: Document) -> Iterator[Diagnostic]:
    """RC215"""
    reach = _Reach.of(document)
    for case in cases(document):
        for text in _worldly(case):
            if _is_target(document, text) and not any(fits(text.text, known) for known in reach.everything):
                yield _no_target(document, text, "no model has the target", reach.everything, is_key=True)
        asked = mapping(case.value, "given").get("model")
        led = reach.of_model(asked) if isinstance(asked, str) else None
        if led is None:
            continue
        for text in _expected(case):
            if _is_target(document, text) and text.text not in led:
                yield _no_target(document, text, f"`{asked}` does not lead to", led, is_key=False)


def named_twice(document: Document) -> Iterator[Diagnostic]:
    """RC216"""
    first: dict[str, str] = {}
    for case in cases(document):
        for name in _texts(case, "name"):
            before = first.setdefault(name.text, name.pointer)
            if before != name.pointer:
                message = f"two tests are named `{name.text}`"
                related = (Related("the first one", document.at(before)),)
                place = document.at(name.pointer)
                yield Diagnostic("RC216", "error", message, name.pointer, place, label="named again", related=related)


def of_another_kind(document: Document) -> Iterator[Diagnostic]:
    """RC217"""
    for case in cases(document):
        is_drill = "load" in mapping(case.value, "given")
        expect = mapping(case.value, "expect")
        for key in _OF_ONE if is_drill else _OF_A_DRILL:
            if key in expect:
                pointer = join(join(case.pointer, "expect"), key)
                message = f"`expect.{key}` " + ("is of one request, and this is a drill" if is_drill else "is of drills only")
                label = "given.load makes it one" if is_drill else "needs `given.load`"
                yield Diagnostic("RC217", "error", message, pointer, document.at_key(pointer), label=label)


def no_time(document: Document) -> Iterator[Diagnostic]:
    """RC218"""
    for case in cases(document):
        world = join(case.pointer, "world")
        for name in mapping(case.value, "world"):
            state = mapping(mapping(case.value, "world"), name)
            begin, end = _seconds(state.get("from", "0s")), _seconds(state.get("to"))
            if begin is not None and end is not None and end <= begin:
                pointer = join(join(world, name), "to")
                message = f"`{name}` behaves so for no time: `to` is not later than `from`"
                yield Diagnostic("RC218", "error", message, pointer, document.at(pointer), label="not later than `from`")


class _Reach(NamedTuple):
    """Which targets each model leads to, as the file writes them."""

    own: Mapping[str, set[str]]
    """Of each model's own targets, by its first name."""
    behind: Mapping[str, set[str]]
    """What it goes on to: names of models and targets."""
    names: Mapping[str, str]
    """Every exact name, and the first name of its model."""
    globs: list[str]
    providers: Collection[str]

    @classmethod
    def of(cls, document: Document) -> _Reach:
        own = {model.name: {target.text for target in targets(model)} for model in named(document, "models")}
        behind: dict[str, set[str]] = {name: set() for name in own}
        for lead in leads(document):
            for name in behind if lead.model.pointer == "/defaults" else (lead.model.name,):
                behind[name].add(lead.entry.text)
        names = {name: list(parts(pointer))[1] for name, pointer in model_names(document).items()}
        return cls(own, behind, names, patterns(document), section(document, "providers"))

    @property
    def everything(self) -> set[str]:
        """Every target of every model; those of patterns have a `*`."""
        entries = {entry for behind in self.behind.values() for entry in behind if self._is_direct(entry)}
        return entries.union(*self.own.values())

    def of_model(self, asked: str) -> set[str] | None:
        """What a request for a name may be served by; None when no model takes it."""
        found = self._targets(asked)
        if found is None:
            return None
        name, star = self._model(asked)
        for entry in self.behind[name]:
            found |= {entry.replace("*", star)} if self._is_direct(entry) else self._targets(entry) or set()
        return found

    def _is_direct(self, entry: str) -> bool:
        """PROVIDER/MODEL, and no model's name."""
        return entry not in self.names and entry.partition("/")[0] in self.providers

    def _model(self, asked: str) -> tuple[str, str]:
        """The model a name means, and what its `*` stands for."""
        if asked in self.names:
            return self.names[asked], "*"
        pattern = next((each for each in self.globs if fits(asked, each)), "")
        prefix, _, suffix = pattern.partition("*")
        return pattern, asked[len(prefix) : len(asked) - len(suffix)]

    def _targets(self, asked: str) -> set[str] | None:
        name, star = self._model(asked)
        return {target.replace("*", star) for target in self.own[name]} if name in self.own else None


def _texts(part: Part, key: str) -> Iterator[Text]:
    """The text under a key, if there is one that is not put together elsewhere."""
    text = part.value.get(key)
    if isinstance(text, str) and "${" not in text:
        yield Text(join(part.pointer, key), text)


def _expects_unknown_model(case: Part) -> bool:
    """A test may show what a name that nobody has gets."""
    expect = mapping(case.value, "expect")
    return expect.get("code") == "model_not_found" or expect.get("status") == 404


def _worldly(case: Part) -> Iterator[Text]:
    """The providers and targets whose behaviour the test says, at their keys."""
    world = Part(case.name, join(case.pointer, "world"), mapping(case.value, "world"))
    yield from (Text(join(world.pointer, name), name) for name in world.value if name not in _WORDS)
    health = join(world.pointer, "health")
    yield from (Text(join(health, name), name) for name in mapping(world.value, "health"))


def _expected(case: Part) -> Iterator[Text]:
    expect = Part(case.name, join(case.pointer, "expect"), mapping(case.value, "expect"))
    yield from _texts(expect, "target")
    listed = expect.value.get("targets")
    listing = dict(enumerate(listed)) if isinstance(listed, list) else {}
    for i, text in listing.items():
        if isinstance(text, str) and "${" not in text:
            yield Text(join(join(expect.pointer, "targets"), i), text)


def _providers(case: Part) -> Iterator[tuple[Text, bool]]:
    """Every mention of a provider, and whether it is a key."""
    yield from ((text, True) for text in _worldly(case))
    yield from ((text, False) for text in _expected(case) if "/" in text.text)


def _is_target(document: Document, text: Text) -> bool:
    name, slash, _ = text.text.partition("/")
    return bool(slash) and name in section(document, "providers")


def _unknown_provider(document: Document, text: Text, *, is_key: bool) -> Diagnostic:
    made = no_such_provider(document, text, is_key=is_key)
    word = nearest(text.text, _WORDS) if is_key and not made.suggestions else None
    if word is None:
        return made
    fix = Suggestion(f"did you mean `{word}`?", (Edit(document.at_key(text.pointer).range, word),))
    return Diagnostic("RC201", "error", made.message, text.pointer, made.place, made.label, suggestions=(fix,), notes=made.notes)


def _unknown_key(document: Document, key: Text, keys: Mapping[str, Any]) -> Diagnostic:
    near = nearest(key.text, keys)
    declared = None if near is None else document.at_key(join("/keys", near))
    return Diagnostic(
        "RC214",
        "error",
        f"no client key is named `{key.text}`",
        key.pointer,
        document.at(key.pointer),
        label="not a name under `keys`",
        related=() if declared is None else (Related(f"`{near}` is declared here", declared),),
        suggestions=() if declared is None else _meant(document, key, near, f"? declared at {at(declared)}"),
        notes=(f"declared: {', '.join(keys)}",) if near is None and keys else (),
    )


def _no_target(document: Document, text: Text, said: str, known: Iterable[str], *, is_key: bool) -> Diagnostic:
    place = (document.at_key if is_key else document.at)(text.pointer)
    near = nearest(text.text, sorted(known))
    return Diagnostic(
        "RC215",
        "error",
        f"{said} `{text.text}`",
        text.pointer,
        place,
        label="nothing leads here",
        suggestions=_meant(document, text, near, "?", is_key=is_key),
        notes=(f"targets there: {', '.join(sorted(known))}",) if near is None else (),
    )


def _meant(document: Document, text: Text, near: str | None, more: str, *, is_key: bool = False) -> tuple[Suggestion, ...]:
    if near is None:
        return ()
    place = (document.at_key if is_key else document.at)(text.pointer)
    written = near if read_plain(near) == near else quote(near)
    return (Suggestion(f"did you mean `{near}`{more}", (Edit(place.range, written),)),)


def _seconds(written: Any) -> float | None:
    try:
        return parse_duration(written) if isinstance(written, str) else None
    except ValueError:
        return None


CHECKS = (
    Check("refs", unknown_names, (UNKNOWN_KEY,)),
    Check("refs", unreachable_targets, (NO_TARGET,)),
    Check("refs", named_twice, (NAMED_TWICE,)),
    Check("refs", of_another_kind, (OTHER_KIND,)),
    Check("refs", no_time, (NO_TIME,)),
)
