"""Targets name a provider; it has to be there."""

from __future__ import annotations

from collections.abc import Iterator

from router.config.checks.base import Check, Text, at, model_names, named, patterns, place_of, section, targets, texts
from router.config.diagnostics import Diagnostic, Edit, Related, Suggestion
from router.config.explanation import Code
from router.config.similar import nearest
from router.config.tree import Document, join

UNKNOWN_PROVIDER = Code(
    "RC201",
    "refs",
    "unknown provider",
    "A target is written PROVIDER/MODEL, and no entry of `providers` has that name. Requests for the model could never use this"
    " target, and a price for it would never apply. The part before the first slash is the provider; the model's own name may"
    " contain slashes.",
    "Correct the name, or add the provider under `providers`.",
    'providers:\n  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}\nmodels:\n  fast: {targets: [opena/gpt-4o-mini]}',
    "models:\n  fast: {targets: [openai/gpt-4o-mini]}",
)


def unknown_provider(document: Document) -> Iterator[Diagnostic]:
    """RC201, in targets, in fallbacks that name a target, and in prices."""
    providers = section(document, "providers")
    for text in _mentions(document):
        name = text.text.partition("/")[0]
        if name in providers or "/" not in text.text:
            continue
        whole = (document.at_key if text.pointer.startswith("/prices") else document.at)(text.pointer)
        place = place_of(document, whole, name)
        near = nearest(name, providers)
        related: tuple[Related, ...] = ()
        suggestions: tuple[Suggestion, ...] = ()
        if near is not None:
            declared = document.at_key(join("/providers", near))
            related = (Related(f"`{near}` is declared here", declared),)
            edit = Edit(place.range, near)
            edits = (edit,) if place != whole else ()
            suggestions = (Suggestion(f"did you mean `{near}`? declared at {at(declared)}", edits),)
        known = (f"declared: {', '.join(providers)}",) if providers else ()
        yield Diagnostic(
            "RC201",
            "error",
            f"no provider is named `{name}`",
            text.pointer,
            place,
            label="not a name under `providers`",
            related=related,
            suggestions=suggestions,
            notes=known,
        )


def _mentions(document: Document) -> Iterator[Text]:
    names, globs = model_names(document), patterns(document)
    for model in named(document, "models"):
        for target in targets(model):
            yield Text(target.pointer, target.text)
        for text in texts(model, "fallback"):
            if text.text not in names and text.text not in globs:
                yield text
    prices = section(document, "prices").get("targets")
    for name in prices if isinstance(prices, dict) else ():
        if "*" not in name.partition("/")[0]:
            yield Text(join("/prices/targets", name), name)


CHECKS = (Check("refs", unknown_provider, (UNKNOWN_PROVIDER,)),)
