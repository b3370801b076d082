"""Targets name a provider; it has to be there."""

from __future__ import annotations

from collections.abc import Iterator

from router.config.checks.base import Check, Text, at, leads, model_names, named, patterns, place_of, section, targets
from router.config.diagnostics import Diagnostic, Edit, Related, Suggestion
from router.config.explanation import Code
from router.config.similar import nearest
from router.config.tree import Document, join

UNKNOWN_PROVIDER = Code(
    "RC201",
    "refs",
    "unknown provider",
    "A target is written PROVIDER/MODEL, and no entry of `providers` has that name. Requests for the model could never use this"
    " target, a price for it would never apply, and a test of it would show nothing. The part before the first slash is the"
    " provider; the model's own name may contain slashes.",
    "Correct the name, or add the provider under `providers`.",
    'providers:\n  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}\nmodels:\n  fast: {targets: [opena/gpt-4o-mini]}',
    "models:\n  fast: {targets: [openai/gpt-4o-mini]}",
)


def unknown_provider(document: Document) -> Iterator[Diagnostic]:
    """RC201, in targets, in what models go on to, and in prices."""
    for text in _mentions(document):
        if "/" in text.text and text.text.partition("/")[0] not in section(document, "providers"):
            yield no_such_provider(document, text, is_key=text.pointer.startswith("/prices"))


def no_such_provider(document: Document, text: Text, *, is_key: bool) -> Diagnostic:
    """RC201. `is_key`: the name stands as a key."""
    providers = section(document, "providers")
    name = text.text.partition("/")[0]
    whole = (document.at_key if is_key else document.at)(text.pointer)
    place = place_of(document, whole, name)
    near = nearest(name, providers)
    related: tuple[Related, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    if near is not None:
        declared = document.at_key(join("/providers", near))
        related = (Related(f"`{near}` is declared here", declared),)
        edits = (Edit(place.range, near),) if place != whole or name == text.text else ()
        suggestions = (Suggestion(f"did you mean `{near}`? declared at {at(declared)}", edits),)
    return Diagnostic(
        "RC201",
        "error",
        f"no provider is named `{name}`",
        text.pointer,
        place,
        label="not a name under `providers`",
        related=related,
        suggestions=suggestions,
        notes=(f"declared: {', '.join(providers)}",) if providers else (),
    )


def _mentions(document: Document) -> Iterator[Text]:
    names, globs = model_names(document), patterns(document)
    for model in named(document, "models"):
        for target in targets(model):
            yield Text(target.pointer, target.text)
    for lead in leads(document):
        if lead.entry.text not in names and lead.entry.text not in globs:
            yield lead.entry
    prices = section(document, "prices").get("targets")
    for name in prices if isinstance(prices, dict) else ():
        if "*" not in name.partition("/")[0]:
            yield Text(join("/prices/targets", name), name)


CHECKS = (Check("refs", unknown_provider, (UNKNOWN_PROVIDER,)),)
