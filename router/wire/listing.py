"""The list of models, in the two shapes that clients of `/v1/models` expect.

https://platform.openai.com/docs/api-reference/models · https://docs.anthropic.com/en/api/models-list
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from router.types import Json
from router.wire.base import WireFormat

_EPOCH = "1970-01-01T00:00:00Z"  # What Anthropic's own API says of a model whose date is not known.


class Listed(NamedTuple):
    """One model a client may ask for. What is not known is None and left out."""

    name: str
    context: int | None = None
    targets: Sequence[Json] = ()
    """`target` and `price` (see `pricing.portable`; null when not known) of each, in order."""


def render_models(side: WireFormat, models: Sequence[Listed]) -> bytes:
    if side.name == "anthropic_messages":
        data = [_anthropic(model) for model in models]
        names = [model.name for model in models]
        edge: Json = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return orjson.dumps({"data": data, "has_more": False, **edge})
    return orjson.dumps({"object": "list", "data": [_openai(model) for model in models]})


def render_model(side: WireFormat, model: Listed) -> bytes:
    return orjson.dumps(_anthropic(model) if side.name == "anthropic_messages" else _openai(model))


def _openai(model: Listed) -> Json:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "router", **_known(model)}


def _anthropic(model: Listed) -> Json:
    head = {"id": model.name, "type": "model", "display_name": model.name, "created_at": _EPOCH, "lifecycle": "active"}
    window: Json = {} if model.context is None else {"max_input_tokens": model.context}
    return head | window | _known(model)


def _known(model: Listed) -> Json:
    known: Json = {}
    if model.context is not None:
        known["context_window"] = model.context
    if model.targets:
        known["targets"] = model.targets
    return known
