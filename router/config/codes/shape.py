"""RC101 and RC103 to RC114: what the schema says about keys and values."""

from __future__ import annotations

from router.config.explanation import Code

CODES: tuple[Code, ...] = (
    Code(
        "RC101",
        "schema",
        "unknown key",
        "The language has no such key here. Most often it is misspelt, indented under the wrong key, or belongs to another"
        " provider type. A key that is not understood is never passed over: a misspelt limit would be no limit.",
        "Correct it; the finding lists what is allowed. Keys that start with `x-` are free, for anchors and notes.",
        'providers:\n  openai: {type: openai, api_kee: "${env:OPENAI_API_KEY}"}',
        'providers:\n  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
    ),
    Code(
        "RC103",
        "schema",
        "a value of another type",
        "There is a text where a map is expected, a number where a text is, a single value where a list is.",
        "Write what the finding expects. A text that looks like a number needs quotes.",
        "models:\n  fast: {targets: openai/gpt-4o-mini}",
        "models:\n  fast: {targets: [openai/gpt-4o-mini]}",
    ),
    Code(
        "RC104",
        "schema",
        "a word that is not one of those allowed",
        "Only certain words are understood here, such as the provider types or the strategies.",
        "Use one of the words the finding lists.",
        "strategy: weigted",
        "strategy: weighted",
    ),
    Code(
        "RC105",
        "schema",
        "a number out of range",
        "The number is too small or too large for what it sets.",
        "Choose one in the range that the finding names.",
        "retries: 100",
        "retries: 2",
    ),
    Code(
        "RC106",
        "schema",
        "a key is missing",
        "A map lacks a key that it cannot do without, such as the `type` of a provider or the `targets` of a model.",
        "Add the key.",
        'providers:\n  openai: {api_key: "${env:OPENAI_API_KEY}"}',
        'providers:\n  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
    ),
    Code(
        "RC107",
        "schema",
        "a text of another form",
        "The text is not written as its place takes it: an address without a port, a target without a provider, a duration with"
        " an unknown unit.",
        "Write it as the finding shows.",
        "server: {listen: localhost}",
        "server: {listen: localhost:4000}",
    ),
    Code(
        "RC108",
        "schema",
        "empty",
        "A list or map has to have at least one entry: a model without targets could serve nothing.",
        "Add an entry, or leave the key out.",
        "models:\n  fast: {targets: []}",
        "models:\n  fast: {targets: [openai/gpt-4o-mini]}",
    ),
    Code(
        "RC109",
        "schema",
        "keys that do not go together",
        "Two keys exclude each other, or one of several has to be there and none is.",
        "Keep the one that is meant.",
        "faults: [{status: 429, stream: cut}]",
        "faults: [{status: 429}, {stream: cut}]",
    ),
    Code(
        "RC110",
        "schema",
        "a name that cannot be one",
        "Names of providers, models and keys appear in targets, logs, metrics and addresses: a provider's has no slash, none has"
        " blanks, and a model's has at most one `*`.",
        "Choose another name.",
        'providers:\n  my openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
        'providers:\n  my-openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
    ),
    Code(
        "RC112",
        "schema",
        "a unit is missing",
        "Durations, sizes, shares and rates carry their unit, so that nobody has to know whether 30 means seconds or"
        " milliseconds.",
        "Write the unit: 250ms 30s 5m 24h 7d; 64KiB 64MiB 1GiB; 5%; 60/1m.",
        "server: {drain: {timeout: 30}}",
        "server: {drain: {timeout: 30s}}",
    ),
    Code(
        "RC114",
        "schema",
        "a `${` that is no reference",
        "References are ${env:NAME}, ${env:NAME:-default} and ${file:/path}. Anything else that begins with `${` would be sent"
        " to a provider as it stands.",
        "Write one of the three forms; `$$` stands for a `$` that is meant as one.",
        'api_key: "${OPENAI_API_KEY}"',
        'api_key: "${env:OPENAI_API_KEY}"',
    ),
)
