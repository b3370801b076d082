"""A messages request, read as far as routing needs it, and patched for an upstream of the same format.

https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from router.wire.base import Built, Peek, Wanted
from router.wire.body import defaulted, limit, member, read_body
from router.wire.scan import Edit, appended, splice

_SPELLED: Mapping[str, str | None] = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "frequency_penalty": None,
    "logit_bias": None,
    "logprobs": None,
    "n": None,
    "parallel_tool_calls": None,
    "presence_penalty": None,
    "reasoning_effort": None,
    "response_format": None,
    "seed": None,
    "top_logprobs": None,
    "user": None,
    "verbosity": None,
}
"""Parameters of the configuration (OpenAI chat's names) that are called something else here; None: cannot be said."""


def peek(raw: bytes) -> Peek:
    """Raises `BadRequest`; see `WireFormat.peek`."""
    found = read_body(raw)
    found.max_tokens = limit(found.fields, "max_tokens")
    return found


def patch(found: Peek, wanted: Wanted) -> Built:
    """The client's bytes with `model` renamed and `params` appended where the client set nothing.

    `max_tokens` is required here: left out, it is the configuration's.
    """
    edits = [Edit(*found.model_at, orjson.dumps(wanted.model))]
    added, dropped = _params(wanted.params) if wanted.params else ({}, [])
    added = {name: value for name, value in added.items() if name not in found.fields}
    if "max_tokens" not in found.fields and "max_tokens" not in added:
        added["max_tokens"] = wanted.max_tokens_default
    if added:
        edits.append(appended(found.raw, b",".join(member(name, value) for name, value in added.items())))
    return Built(splice(found.raw, edits), tuple(dropped), tuple(defaulted(name, value) for name, value in added.items()))


def _params(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    said: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in params.items():
        spelled = _SPELLED.get(name, name)
        if spelled is None:
            dropped.append(name)
        else:
            said.setdefault(spelled, [value] if name == "stop" and isinstance(value, str) else value)
    return said, dropped
