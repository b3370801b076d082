"""Schema and model are one language: they accept the same trees, and refuse the same."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from router.config.model import ConfigFile
from router.config.schema import json_schema, validator

DEFINITIONS = json_schema()["definitions"]
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=200)
NAMES = [
    "a",
    "openai",
    "gpt-*",
    "*",
    "x-note",
    "a b",
    "a/b",
    "a*b*",
    "",
    "Host",
    "X-Team",
    "max_tokens",
    "model",
    "200k",
    "é",
    "input",
]
JUNK = [
    *(None, True, False, 0, 1, 2, -1, 3.5, 5.0, 1e9, 10**16, [], {}, ["fast"], [None]),
    *(
        "",
        "x",
        "none",
        "free",
        "true",
        "3",
        "keys",
        "echo",
        "a\nb",
        "é",
        "client",
        "sandbox",
        "openai_chat",
        "max_tokens",
        "ordered",
    ),
    *("30s", "0s", "30", "30s\n", "5%", "101%", "60k", "0k", "8/1s", "0/1s", "64MiB", "0MiB", "a/b", "a/b*", "a/*b*", "a*/b"),
    *("127.0.0.1:4000", "127.0.0.1:99999", "unix:/a", "http://a", "https://a/v1", "http://a:99999", "ftp://a", "/etc/x"),
    *(
        "sha256:" + "0" * 64,
        "sha256:0",
        {"type": "ordered"},
        {"input": 1, "output": 2},
        {"input": 1},
        {"x-note": 1},
        {"x-note": None},
    ),
]


def by_schema(tree: Any) -> bool:
    return bool(validator().is_valid(tree))


def by_model(tree: Any) -> bool:
    try:
        ConfigFile.model_validate(tree)
    except ValidationError:
        return False
    return True


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A node with its reference and its conjunctions in it."""
    made = dict(schema)
    for part in [*([DEFINITIONS[made.pop("$ref").rsplit("/", 1)[1]]] if "$ref" in made else []), *made.pop("allOf", [])]:
        inner = flat(part)
        made = {**inner, **made, "properties": {**made.get("properties", {}), **inner.get("properties", {})}}
    return made


class Speaker:
    """Draws trees in the schema's own words, all of them valid."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def value(self, schema: dict[str, Any]) -> Any:
        if "if" in schema.get("allOf", [{}])[0]:
            branch = self.draw(st.sampled_from(schema["allOf"]))
            return {**self.closed(flat(branch["then"])), "type": branch["if"]["properties"]["type"]["const"]}
        schema = flat(schema)
        if "then" in schema and "type" in schema["if"]:
            return self.value(schema[self.draw(st.sampled_from(["then", "else"]))])
        return self.scalar(schema) if "x-router-kind" in schema else self.structure(schema)

    def scalar(self, schema: dict[str, Any]) -> Any:
        enums = [each for branch in (schema, *schema.get("anyOf", ())) for each in branch.get("enum", ())]
        plain = [each for each in enums or schema.get("examples", ()) if "${" not in str(each)]
        return self.draw(st.sampled_from(plain or ["sk-1"]))

    def structure(self, schema: dict[str, Any]) -> Any:
        if schema.get("type") == "array":
            return [self.value(schema["items"]) for _ in range(self.draw(st.integers(1, 2)))]
        if schema.get("properties"):
            return {**self.named(schema), **self.closed(schema)}
        return self.named(schema)

    def named(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "examples" not in schema.get("propertyNames", {}):
            return {}
        names = st.lists(st.sampled_from(schema["propertyNames"]["examples"]), min_size=1, max_size=1)
        return {name: self.value(schema["additionalProperties"]) for name in self.draw(names)}

    def closed(self, schema: dict[str, Any]) -> dict[str, Any]:
        required = schema.get("required", [])
        more = [key for key in schema["properties"] if key not in required]
        chosen = {*required, *(self.draw(st.lists(st.sampled_from(more), min_size=1, max_size=4)) if more else ())}
        if "else" in schema:  # A fault: one of two keys, each with a companion of its own.
            chosen = chosen - {"status", "stream", "retry_after", "after_tokens"} | {
                self.draw(st.sampled_from(["status", "stream"]))
            }
        if any("required" in each for each in schema.get("anyOf", ())):
            chosen |= set(schema["anyOf"][0]["required"])
        for pair in (schema.get("not", {}), *schema.get("not", {}).get("anyOf", ())):
            if chosen.issuperset(pair.get("required", ("nothing",))):
                chosen.remove(pair["required"][1])
        for key in tuple(chosen):
            chosen |= set(schema.get("dependencies", {}).get(key, ()))
        return {key: self.value(schema["properties"][key]) for key in schema["properties"] if key in chosen}


@st.composite
def trees(draw: Any) -> Any:
    return Speaker(draw).value(json_schema())


@given(tree=trees())
@SETTINGS
def test_a_tree_in_the_languages_own_words_is_accepted_by_both(tree):
    assert [error.message for error in validator().iter_errors(tree)] == []
    ConfigFile.model_validate(tree)


@given(tree=trees(), data=st.data())
@SETTINGS
def test_one_slip_anywhere_is_judged_the_same_by_both(tree, data):
    holder, key = data.draw(st.sampled_from(list(places(tree))))
    match data.draw(st.sampled_from(["value", "gone", "more", "renamed"])):
        case "value":
            holder[key] = data.draw(st.sampled_from(JUNK))
        case "gone":
            del holder[key]
        case "more" if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(NAMES))] = data.draw(st.sampled_from(JUNK))
        case "renamed" if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(NAMES))] = holder.pop(key)
        case _:
            holder.append(data.draw(st.sampled_from(JUNK)))
    accepted = by_schema(tree)
    event(f"accepted: {accepted}")
    assert by_model(tree) is accepted, json.dumps(tree)


@given(tree=st.sampled_from([*JUNK, {"version": 1}, {"version": 1, "providers": {}, "models": {}}]))
def test_what_is_no_configuration_at_all_is_refused_by_both(tree):
    assert (by_schema(tree), by_model(tree)) == (False, False)


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a tree, as what holds it and the key or index there."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield node, key
        yield from places(value)
