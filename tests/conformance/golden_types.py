"""Checks the golden files against the official SDKs' own types: python golden_types.py [DIRECTORY]

Needs `openai` and `anthropic` (the product does not). Every request, answer and stream event is validated strictly, and
fields the SDK does not know are findings too, but for those the formats' extensions are known by. Exit code 1 with findings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import BaseModel, TypeAdapter, ValidationError

TYPES: dict[str, dict[str, TypeAdapter[Any]]] = {
    "openai_chat": {
        "request": TypeAdapter(CompletionCreateParamsBase),
        "response": TypeAdapter(ChatCompletion),
        "event": TypeAdapter(ChatCompletionChunk),
    },
    "anthropic_messages": {
        "request": TypeAdapter(MessageCreateParamsBase),
        "response": TypeAdapter(Message),
        "event": TypeAdapter(RawMessageStreamEvent),
    },
}
EXTENSIONS = {"reasoning_content", "reasoning_details"}
"""Not OpenAI's, but what compatible servers and their clients call it."""
OLDER = {"stream", "temperature", "top_p", "top_k"}
"""Of Anthropic's API before 2026-10-21 (and `stream`, which the SDK adds itself)."""


def events(raw: bytes) -> Iterator[Any]:
    for block in raw.decode().split("\n\n"):
        data = "\n".join(line[6:] for line in block.split("\n") if line.startswith("data: "))
        if data and data != "[DONE]":
            yield json.loads(data)


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """Fields the SDK's model has no name for."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {} if name not in EXTENSIONS)
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from unknown(inner, f"{path}.{i}")


def consumed(value: Any) -> Any:
    """The SDKs declare arrays as `Iterable`, which pydantic validates only as they are read."""
    if isinstance(value, dict):
        return {key: consumed(inner) for key, inner in value.items()}
    if isinstance(value, str | bytes | int | float) or value is None:
        return value
    return [consumed(inner) for inner in value]


def findings(adapter: TypeAdapter[Any], value: Any, *, request: bool) -> Iterator[str]:
    try:
        read = adapter.validate_python(value) if request else adapter.validate_json(json.dumps(value), strict=True)
        if request:
            said = consumed(read)
            yield from (f"{name}: unknown" for name in value if name not in said and name not in OLDER)
        else:
            yield from (f"{path}: unknown" for path in unknown(read))
    except ValidationError as exc:
        yield from (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()[:5])


def check(path: Path) -> Iterator[str]:
    name, kind, _ = path.name.split(".")
    if kind == "stream":
        for event in events(path.read_bytes()):
            if event.get("type") != "ping":
                yield from findings(TYPES[name]["event"], event, request=False)
    else:
        yield from findings(TYPES[name][kind], json.loads(path.read_text("utf-8")), request=kind == "request")


def main(directory: Path) -> int:
    checked = sorted(path for path in directory.rglob("*.*.*") if path.suffix in (".json", ".sse"))
    found = [f"{path.relative_to(directory)}: {finding}" for path in checked for finding in check(path)]
    print(*found, f"{len(checked)} golden files, {len(found)} findings", sep="\n")
    return 1 if found or not checked else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "golden/chat"))
