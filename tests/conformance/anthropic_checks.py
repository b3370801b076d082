"""The official Anthropic SDK, with strict validation of every answer and event, on either upstream format."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anthropic
from anthropic.types import Message
from case import CITY, CUT, HELLO, PIXEL, TEXT, Case, Check, raised, same, true, unknown_fields
from openai_checks import tool_ids

TOOLS: list[Any] = [{"name": "get_weather", "description": "Weather of a city.", "input_schema": CITY}]
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def sdk(case: Case, **more: Any) -> anthropic.Anthropic:
    settings: dict[str, Any] = {"api_key": case.key, "max_retries": 0, "timeout": 30, "_strict_response_validation": True, **more}
    return anthropic.Anthropic(base_url=case.base, **settings)


def body(case: Case, text: Any, **more: Any) -> dict[str, Any]:
    return {"model": case.model, "max_tokens": 256, "messages": [{"role": "user", "content": text}], **more}


def asked(case: Case, text: str, **more: Any) -> Message:
    return sdk(case).messages.create(**body(case, text, **more))


def events(case: Case, text: str, **more: Any) -> list[Any]:
    return list(sdk(case).messages.create(**body(case, text, stream=True, **more)))


def accumulated(case: Case, text: str, **more: Any) -> Any:
    """What the SDK's own accumulator makes of a stream."""
    with sdk(case).messages.stream(**body(case, text, **more)) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


def text_of(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls_of(message: Message) -> list[tuple[str, Any]]:
    return [(block.name, block.input) for block in message.content if block.type == "tool_use"]


def plain(case: Case) -> None:
    answer = asked(case, "hello")
    same("the text", text_of(answer), HELLO)
    same("the stop reason", answer.stop_reason, "end_turn")
    same("the model", answer.model, case.upstream_model)
    same("the usage", (answer.usage.input_tokens, answer.usage.output_tokens), (11, 9))
    true(f"the id {answer.id!r} is not one of Anthropic's shape", answer.id.startswith("msg_"))
    true("no request-id header", answer._request_id)
    if not case.same_format:
        same("fields that Anthropic does not have", unknown_fields(answer), [])


def plain_async(case: Case) -> None:
    async def ask() -> Message:
        async with anthropic.AsyncAnthropic(base_url=case.base, api_key=case.key, max_retries=0) as client:
            return await client.messages.create(**body(case, "hello"))

    same("the text", text_of(asyncio.run(ask())), HELLO)


def headers(case: Case) -> None:
    raw = sdk(case).messages.with_raw_response.create(**body(case, "hello"))
    same("x-router-served", raw.headers.get("x-router-served"), f"mock-{case.upstream}/{case.upstream_model}")
    missing = [name for name in ("x-request-id", "x-router-generation", "x-router-attempts") if not raw.headers.get(name)]
    same("missing headers", missing, [])


def awkward_text(case: Case) -> None:
    same("the text", text_of(asked(case, "TEXT")), TEXT)
    same("the streamed text", text_of(accumulated(case, "TEXT")), TEXT)


def stream(case: Case) -> None:
    answer = accumulated(case, "hello")
    same("the text", text_of(answer), HELLO)
    same("the stop reason", answer.stop_reason, "end_turn")
    same("the output tokens", answer.usage.output_tokens, 9)
    seen = events(case, "hello")
    kinds = [event.type for event in seen]
    same("the first event", kinds[0], "message_start")
    same("the last events", kinds[-2:], ["message_delta", "message_stop"])
    same(
        "how often each of them comes",
        [kinds.count(kind) for kind in ("message_start", "message_delta", "message_stop")],
        [1, 1, 1],
    )
    if not case.same_format:
        same("fields that Anthropic does not have", unknown_fields(seen), [])


def stream_bytes(case: Case) -> None:
    """On the wire: every `event:` line says what its data says, and blocks are bracketed one after the other."""
    with sdk(case).messages.with_streaming_response.create(
        **body(case, "weather in two cities", stream=True, tools=TOOLS)
    ) as raw:
        text = b"".join(raw.iter_bytes()).decode()
    same("[DONE] markers", text.count("[DONE]"), 0)
    open_block, following = None, 0
    for block in filter(None, text.replace("\r\n", "\n").split("\n\n")):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if not lines:
            continue
        event = json.loads(lines["data"])
        same("the event's name", lines["event"], event["type"])
        match event["type"]:
            case "content_block_start":
                same("(open block, index) at a block's start", (open_block, event["index"]), (None, following))
                open_block, following = event["index"], following + 1
            case "content_block_delta":
                same("the block of a delta", event["index"], open_block)
            case "content_block_stop":
                same("the block that stops", event["index"], open_block)
                open_block = None
    same("blocks", (open_block, following), (None, 2))


def tool_call(case: Case) -> None:
    for answer in (asked(case, "weather in Paris?", tools=TOOLS), accumulated(case, "weather in Paris?", tools=TOOLS)):
        same("the stop reason", answer.stop_reason, "tool_use")
        same("the calls", calls_of(answer), [("get_weather", {"city": "Paris"})])


def parallel_tool_calls(case: Case) -> None:
    for answer in (asked(case, "weather in two cities", tools=TOOLS), accumulated(case, "weather in two cities", tools=TOOLS)):
        same("the cities", [given["city"] for _, given in calls_of(answer)], ["Paris", "Zürich"])
        same("different ids", len({block.id for block in answer.content if block.type == "tool_use"}), 2)


def tool_result_turn(case: Case) -> None:
    first = asked(case, "weather in two cities", tools=TOOLS)
    called = [block for block in first.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "21 degrees"} for block in called]
    turns = [
        {"role": "user", "content": "weather in two cities"},
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
        {"role": "user", "content": results},
    ]
    case.tap.clear()
    same("the text", text_of(sdk(case).messages.create(**body(case, "", tools=TOOLS) | {"messages": turns})), "It is 21 degrees.")
    calls, answered = tool_ids(case)
    same("ids of the results the upstream saw", answered, calls)
    same("calls the upstream saw", len(calls), 2)


def structured_output(case: Case) -> None:
    answer = asked(case, "JSONOUT", output_config={"format": {"type": "json_schema", "schema": PERSON}})
    same("the answer", json.loads(text_of(answer)), {"name": "Ada", "age": 36})
    sent = case.tap.only.json
    wanted = "response_format" if case.upstream == "openai" else "output_config"
    true(f"the schema did not reach the upstream in {wanted!r}: {sent}", '"age"' in json.dumps(sent.get(wanted)))


def image(case: Case) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    parts: list[Any] = [{"type": "text", "text": "hello"}, picture]
    same("the text", text_of(sdk(case).messages.create(**body(case, parts))), HELLO)
    sent = case.tap.only.json["messages"][0]["content"]
    url = f"data:image/png;base64,{PIXEL}"
    other = [parts[0], {"type": "image_url", "image_url": {"url": url}}]
    same("the content upstream", sent, parts if case.same_format else other)


def length(case: Case) -> None:
    same("the stop reason", asked(case, "LENGTH").stop_reason, "max_tokens")
    same("the streamed stop reason", accumulated(case, "LENGTH").stop_reason, "max_tokens")


def thinking(case: Case) -> None:
    """Blocks and signatures survive where the upstream speaks the same format."""
    if not case.same_format:
        return
    asking = {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    for answer in (asked(case, "THINK", **asking), accumulated(case, "THINK", **asking)):
        same("the blocks", [block.type for block in answer.content], ["thinking", "text"])
        true("the signature is gone", answer.content[0].signature)


def request_upstream(case: Case) -> None:
    """Same format: the client's fields to the letter, beta header included. Any format: our model and our key never leave."""
    extra = {"x_unknown": {"b": [1, 2.50, None], "a": "ü"}} if case.same_format else {}
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    asking = body(case, "hello", system=system, stop_sequences=["END"])
    sdk(case).messages.create(**asking, extra_body=extra, extra_headers={"anthropic-beta": "some-beta-2026-01-01"})
    seen = case.tap.only
    same("the model upstream", seen.json["model"], case.upstream_model)
    true("the client's key went upstream", case.key not in json.dumps(seen.headers) + seen.body.decode())
    true("the provider's key did not go upstream", case.upstream_key in json.dumps(seen.headers))
    if case.same_format:
        same("the request upstream", seen.json, {**asking, "model": case.upstream_model, **extra})
        same("anthropic-beta upstream", seen.headers.get("anthropic-beta"), "some-beta-2026-01-01")
        true("anthropic-version did not go upstream", seen.headers.get("anthropic-version"))
    else:
        same("the system prompt upstream", seen.json["messages"][0]["role"], "system")
        same("the stop words upstream", seen.json.get("stop"), ["END"])


def errors(case: Case) -> None:
    table: list[tuple[str, type[anthropic.APIStatusError], int, str]] = [
        ("ERR400", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("ERRCONTEXT", anthropic.BadRequestError, 400, "invalid_request_error"),
        ("ERR404", anthropic.NotFoundError, 404, "not_found_error"),
        (
            "ERR401",
            anthropic.InternalServerError,
            502,
            "api_error",
        ),  # The provider's key was refused: never the client's own 401.
        ("ERR500", anthropic.InternalServerError, 500, "api_error"),
        ("ERR529", anthropic.OverloadedError, 529, "overloaded_error"),
    ]
    for word, kind, status, name in table:
        for streamed in (False, True):
            error = raised(kind, lambda word=word, streamed=streamed: asked(case, word, stream=streamed))
            same(f"{word}: the status", error.status_code, status)
            said = error.response.json()
            same(f"{word}: the body's keys", sorted(said), ["error", "request_id", "type"])
            same(f"{word}: the type", (said["type"], said["error"]["type"]), ("error", name))
            same(f"{word}: the source", error.response.headers.get("x-router-error-source"), "upstream")


def rate_limit(case: Case) -> None:
    error = raised(anthropic.RateLimitError, lambda: asked(case, "ERR429"))
    true("no Retry-After on a 429", error.response.headers.get("retry-after"))


def no_double_retries(case: Case) -> None:
    """An SDK with its own two retries does not multiply ours: the upstream sees one try and one retry."""
    client = sdk(case, max_retries=2)
    raised(anthropic.InternalServerError, lambda: client.messages.create(**body(case, "ERR500")))
    same("requests upstream", len(case.tap.seen), 2)


def truncated_stream(case: Case) -> None:
    """The upstream breaks off in the middle: the client is told, in band, and has got a true beginning."""
    got: list[Any] = []

    try:
        got.extend(sdk(case).messages.create(**body(case, "TRUNCATE", stream=True)))  # Keeps what came before the error.
    except anthropic.APIStatusError as error:
        same("the error's type", error.body["error"]["type"], "api_error")
    else:
        raise AssertionError("the broken stream came to a clean end")
    text = "".join(event.delta.text for event in got if event.type == "content_block_delta")
    true(f"the text {text!r} is not a beginning of the answer", text and CUT.startswith(text) and text != CUT)
    same("invented ends", [event.type for event in got if event.type in ("message_delta", "message_stop")], [])


def refusals(case: Case) -> None:
    """What the daemon itself refuses, in the client's format."""
    unknown = raised(
        anthropic.NotFoundError, lambda: sdk(case).messages.create(**body(case, "hello") | {"model": f"{case.model}x"})
    )
    true(f"no suggestion in {unknown.message!r}", case.model in unknown.message)
    raised(anthropic.PermissionDeniedError, lambda: sdk(case).messages.create(**body(case, "hello") | {"model": "forbidden"}))
    stranger = sdk(case, api_key="sk-nobody")
    wrong = raised(anthropic.AuthenticationError, lambda: stranger.messages.create(**body(case, "hello")))
    same("the source", wrong.response.headers.get("x-router-error-source"), "client")
    same("requests upstream", len(case.tap.seen), 0)


def models(case: Case) -> None:
    page = sdk(case).models.list()
    names = {model.id for model in page}
    true(f"{case.model} is not in {sorted(names)}", case.model in names)
    true("a model that the key may not use is listed", "forbidden" not in names)
    same("the model's type", {model.type for model in page.data}, {"model"})


CHECKS: tuple[Check, ...] = (
    plain, plain_async, headers, awkward_text, stream, stream_bytes, tool_call, parallel_tool_calls, tool_result_turn,
    structured_output, image, length, thinking, request_upstream, errors, rate_limit, no_double_retries, truncated_stream,
    refusals, models,
)  # fmt: skip
