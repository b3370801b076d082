"""Client keys: what each may ask for has to exist, and each has to be somebody's."""

from __future__ import annotations

from collections.abc import Iterator

from router.config.checks.base import Check, Text, at, fits, model_names, named, patterns, section, texts
from router.config.diagnostics import Diagnostic, Edit, Place, Related, Suggestion
from router.config.explanation import Code
from router.config.scalars import quote, read_plain
from router.config.similar import nearest
from router.config.tree import Document, join, parts

_HASH_OF_NOTHING = {
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": "the empty text",
    "sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b": "a line break alone",
}

UNKNOWN_ALLOWED = Code(
    "RC206",
    "refs",
    "a key's list names no model",
    "An entry of a key's `models` is not the name of a model, or is a pattern that no model's name fits. The key would get 403"
    " for what its owner believes to be allowed.",
    "Correct the name or the pattern, or remove the entry.",
    'models:\n  fast: {targets: [openai/gpt-4o-mini]}\nkeys:\n  web: {secret: "${env:WEB_KEY}", models: [fsat]}',
    'keys:\n  web: {secret: "${env:WEB_KEY}", models: [fast]}',
)
NO_MODEL = Code(
    "RC403",
    "policy",
    "a key that may use no model",
    "Nothing that the key's `models` lists can be asked for, so that every request with it gets 403. Patterns do not mean models"
    " with `visible: false`; those have to be named.",
    "List a model, leave `models` out to allow every visible one, or say `enabled: false`.",
    'keys:\n  web: {secret: "${env:WEB_KEY}", models: []}',
    'keys:\n  web: {secret: "${env:WEB_KEY}", models: [fast]}',
)
BAD_HASH = Code(
    "RC302",
    "refs",
    "a hash of nothing",
    "The hash of this key is the SHA-256 of an empty text, or of a single line break: the command that made it was given no"
    " secret. Whoever sends such a key would be let in, or nobody would.",
    'Hash the secret without a line break: printf %s "$SECRET" | sha256sum',
    "keys:\n  web: {hash: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}",
    "keys:\n  web: {hash: sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b}",
)


def unknown_allowed(document: Document) -> Iterator[Diagnostic]:
    """RC206"""
    names, globs = model_names(document), patterns(document)
    for key in named(document, "keys"):
        for entry in texts(key, "models"):
            if _exists(entry.text, names, globs):
                continue
            near = nearest(entry.text, [*names, *globs])
            what = "fits the pattern" if "*" in entry.text else "is named"
            yield Diagnostic(
                "RC206",
                "error",
                f"no model {what} `{entry.text}`",
                entry.pointer,
                document.at(entry.pointer),
                label=f"`{key.name}` can never use this",
                related=(Related(f"`{near}` is declared here", _declared(document, near)),) if near else (),
                suggestions=_meant(document, entry, near),
                notes=() if near else (f"declared: {', '.join(section(document, 'models'))}",),
            )


def no_model(document: Document) -> Iterator[Diagnostic]:
    """RC403"""
    names, globs = model_names(document), patterns(document)
    models = section(document, "models")
    hidden = {name for name, pointer in names.items() if _is_hidden(models, pointer)}
    for key in named(document, "keys"):
        listed = key.value.get("models")
        if not isinstance(listed, list) or key.value.get("enabled") is False:
            continue
        entries = [entry.text for entry in texts(key, "models")]
        known = [entry for entry in entries if _exists(entry, names, globs)]
        if len(known) < len(entries) or len(entries) < len(listed):
            continue  # RC206 says it, or the schema.
        visible = [name for name in names if name not in hidden]
        if any(entry in names or entry in globs or _exists(entry, visible, globs) for entry in known):
            continue
        pointer = join(key.pointer, "models")
        yield Diagnostic(
            "RC403",
            "error",
            f"the key `{key.name}` may use no model",
            pointer,
            document.at(pointer),
            label="only models with `visible: false` fit this" if listed else "an empty list allows nothing",
            suggestions=(Suggestion("list a model, leave `models` out to allow all visible ones, or say `enabled: false`"),),
        )


def hash_of_nothing(document: Document) -> Iterator[Diagnostic]:
    """RC302"""
    for key in named(document, "keys"):
        single = key.value.get("hash")
        written = [Text(join(key.pointer, "hash"), single)] if isinstance(single, str) else list(texts(key, "hash"))
        for entry in written:
            if what := _HASH_OF_NOTHING.get(entry.text.lower()):
                fix = Suggestion('printf %s "$SECRET" | sha256sum')
                message = f"the hash of `{key.name}` is that of {what}"
                place = document.at(entry.pointer)
                yield Diagnostic(
                    "RC302", "error", message, entry.pointer, place, label="no secret was hashed", suggestions=(fix,)
                )


def _exists(entry: str, names: dict[str, str] | list[str], globs: list[str]) -> bool:
    if "*" not in entry:
        return entry in names or any(fits(entry, pattern) for pattern in globs)
    return any(fits(name, entry) for name in names) or any(_overlap(entry, pattern) for pattern in globs)


def _overlap(one: str, other: str) -> bool:
    """Whether some name fits both patterns."""
    (a, _, x), (b, _, y) = one.partition("*"), other.partition("*")
    return (a.startswith(b) or b.startswith(a)) and (x.endswith(y) or y.endswith(x))


def _is_hidden(models: dict[str, object], pointer: str) -> bool:
    model = models.get(list(parts(pointer))[1])
    return isinstance(model, dict) and model.get("visible") is False


def _declared(document: Document, name: str) -> Place:
    return document.at_key(model_names(document).get(name, join("/models", name)))


def _meant(document: Document, entry: Text, near: str | None) -> tuple[Suggestion, ...]:
    if near is None:
        return ()
    written = near if read_plain(near) == near and near[0] not in "*&!%@`" else quote(near)
    edit = Edit(document.at(entry.pointer).range, written)
    return (Suggestion(f"did you mean `{near}`? declared at {at(_declared(document, near))}", (edit,)),)


CHECKS = (
    Check("refs", unknown_allowed, (UNKNOWN_ALLOWED,)),
    Check("refs", hash_of_nothing, (BAD_HASH,)),
    Check("policy", no_model, (NO_MODEL,)),
)
