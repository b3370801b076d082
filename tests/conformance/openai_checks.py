"""The official OpenAI SDK, with strict validation of every answer and chunk, on either upstream format."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
from case import CITY, CUT, HELLO, PIXEL, TEXT, Case, Check, raised, same, true, unknown_fields
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "parameters": CITY}}
]
STRICT: list[Any] = [
    {
        "type": "function",
        "function": {"name": "get_weather", "strict": True, "parameters": {**CITY, "additionalProperties": False}},
    }
]


class Person(BaseModel):
    name: str
    age: int


def sdk(case: Case, **more: Any) -> openai.OpenAI:
    settings: dict[str, Any] = {"api_key": case.key, "max_retries": 0, "timeout": 30, "_strict_response_validation": True, **more}
    return openai.OpenAI(base_url=f"{case.base}/v1", **settings)


def asked(case: Case, text: str, **more: Any) -> ChatCompletion:
    return sdk(case).chat.completions.create(model=case.model, messages=[{"role": "user", "content": text}], **more)


def chunks(case: Case, text: str, **more: Any) -> list[ChatCompletionChunk]:
    return list(
        sdk(case).chat.completions.create(model=case.model, stream=True, messages=[{"role": "user", "content": text}], **more)
    )


def accumulated(case: Case, text: str, **more: Any) -> Any:
    """What the SDK's own accumulator makes of a stream."""
    with sdk(case).chat.completions.stream(model=case.model, messages=[{"role": "user", "content": text}], **more) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


def text_of(seen: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in seen for choice in chunk.choices)


def plain(case: Case) -> None:
    answer = asked(case, "hello")
    same("the text", answer.choices[0].message.content, HELLO)
    same("the finish reason", answer.choices[0].finish_reason, "stop")
    same("the model", answer.model, case.upstream_model)
    true(f"the id {answer.id!r} is not one of OpenAI's shape", answer.id.startswith("chatcmpl-"))
    usage = answer.usage
    same("the usage", usage and (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (11, 9, 20))
    if not case.same_format:
        same("fields that OpenAI does not have", unknown_fields(answer), [])


def plain_async(case: Case) -> None:
    async def ask() -> str | None:
        async with openai.AsyncOpenAI(base_url=f"{case.base}/v1", api_key=case.key, max_retries=0) as client:
            answer = await client.chat.completions.create(model=case.model, messages=[{"role": "user", "content": "hello"}])
            return answer.choices[0].message.content

    same("the text", asyncio.run(ask()), HELLO)


def headers(case: Case) -> None:
    raw = sdk(case).chat.completions.with_raw_response.create(model=case.model, messages=[{"role": "user", "content": "hello"}])
    same("x-router-served", raw.headers.get("x-router-served"), f"mock-{case.upstream}/{case.upstream_model}")
    missing = [name for name in ("x-request-id", "x-router-generation", "x-router-attempts") if not raw.headers.get(name)]
    same("missing headers", missing, [])


def awkward_text(case: Case) -> None:
    same("the text", asked(case, "TEXT").choices[0].message.content, TEXT)
    same("the streamed text", text_of(chunks(case, "TEXT")), TEXT)


def stream(case: Case) -> None:
    seen = chunks(case, "hello", stream_options={"include_usage": True})
    same("the text", text_of(seen), HELLO)
    same("different (id, created, model) in one stream", len({(chunk.id, chunk.created, chunk.model) for chunk in seen}), 1)
    same("the role in the first chunk", seen[0].choices[0].delta.role, "assistant")
    same("finish reasons", [choice.finish_reason for chunk in seen for choice in chunk.choices if choice.finish_reason], ["stop"])
    last = seen[-1]
    same("the choices of the usage chunk", last.choices, [])
    same(
        "the usage", last.usage and (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens), (11, 9, 20)
    )
    same("chunks with usage before the last", [chunk for chunk in seen[:-1] if chunk.usage], [])
    if not case.same_format:
        roles = [choice.delta.role for chunk in seen for choice in chunk.choices if choice.delta.role]
        same("roles", roles, ["assistant"])
        same("fields that OpenAI does not have", unknown_fields(seen), [])


def stream_without_usage(case: Case) -> None:
    seen = chunks(case, "hello")
    same("the text", text_of(seen), HELLO)
    same("chunks with usage or without choices, which nobody asked for", [c for c in seen if c.usage or not c.choices], [])


def stream_bytes(case: Case) -> None:
    """The end of the stream on the wire: `data: [DONE]` once, last but for the blank line."""
    with sdk(case).chat.completions.with_streaming_response.create(
        model=case.model, stream=True, messages=[{"role": "user", "content": "hello"}]
    ) as raw:
        body = b"".join(raw.iter_bytes())
        same("the content type", raw.headers["content-type"].split(";")[0], "text/event-stream")
    same("[DONE] markers", body.count(b"data: [DONE]"), 1)
    true(f"the stream ends with {body[-60:]!r}", body.replace(b"\r\n", b"\n").endswith(b"data: [DONE]\n\n"))


def tool_call(case: Case) -> None:
    choice = asked(case, "weather in Paris?", tools=TOOLS).choices[0]
    same("the finish reason", choice.finish_reason, "tool_calls")
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []]
    same("the calls", calls, [("get_weather", {"city": "Paris"})])


def tool_call_stream(case: Case) -> None:
    choice = accumulated(case, "weather in Paris?", tools=STRICT).choices[0]
    same("the finish reason", choice.finish_reason, "tool_calls")
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or []]
    same("the calls", calls, [("get_weather", {"city": "Paris"})])


def parallel_tool_calls(case: Case) -> None:
    for message in (
        asked(case, "weather in two cities", tools=TOOLS).choices[0].message,
        accumulated(case, "weather in two cities", tools=STRICT).choices[0].message,
    ):
        calls = message.tool_calls or []
        same("the cities", [json.loads(call.function.arguments)["city"] for call in calls], ["Paris", "Zürich"])
        same("different ids", len({call.id for call in calls}), 2)


def tool_result_turn(case: Case) -> None:
    client, turns = sdk(case), list[Any]([{"role": "user", "content": "weather in two cities"}])
    message = client.chat.completions.create(model=case.model, messages=turns, tools=TOOLS).choices[0].message
    turns.append(message.model_dump(exclude_none=True))
    turns += [{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"} for call in message.tool_calls or []]
    case.tap.clear()
    answer = client.chat.completions.create(model=case.model, messages=turns, tools=TOOLS)
    same("the text", answer.choices[0].message.content, "It is 21 degrees.")
    calls, results = tool_ids(case)
    same("ids of the results the upstream saw", results, calls)
    same("calls the upstream saw", len(calls), 2)


def tool_ids(case: Case) -> tuple[list[str], list[str]]:
    """Ids of calls and of results in the only request the upstream saw, in either format."""
    turns = case.tap.only.json["messages"]
    if case.upstream == "openai":
        calls = [call["id"] for turn in turns for call in turn.get("tool_calls") or []]
        return calls, [turn["tool_call_id"] for turn in turns if turn["role"] == "tool"]
    blocks = [block for turn in turns if isinstance(turn["content"], list) for block in turn["content"]]
    calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
    return calls, [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]


def structured_output(case: Case) -> None:
    answer = sdk(case).chat.completions.parse(
        model=case.model, messages=[{"role": "user", "content": "JSONOUT"}], response_format=Person
    )
    same("the parsed answer", answer.choices[0].message.parsed, Person(name="Ada", age=36))
    sent = case.tap.only.json
    wanted = "response_format" if case.upstream == "openai" else "output_config"
    true(f"the schema did not reach the upstream in {wanted!r}: {sent}", '"age"' in json.dumps(sent.get(wanted)))


def image(case: Case) -> None:
    url = f"data:image/png;base64,{PIXEL}"
    parts: list[Any] = [{"type": "text", "text": "hello"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = sdk(case).chat.completions.create(model=case.model, messages=[{"role": "user", "content": parts}])
    same("the text", answer.choices[0].message.content, HELLO)
    sent = case.tap.only.json["messages"][0]["content"]
    if case.upstream == "openai":
        same("the content upstream", sent, parts)
    else:
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
        same("the content upstream", sent, [parts[0], {"type": "image", "source": source}])


def length(case: Case) -> None:
    same("the finish reason", asked(case, "LENGTH").choices[0].finish_reason, "length")
    finishes = [choice.finish_reason for chunk in chunks(case, "LENGTH") for choice in chunk.choices if choice.finish_reason]
    same("the streamed finish reasons", finishes, ["length"])


def request_upstream(case: Case) -> None:
    """Same format: the client's fields to the letter. Any format: our model and our key never leave."""
    extra = {"x_unknown": {"b": [1, 2.50, None], "a": "ü"}} if case.same_format else {}
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    sdk(case).chat.completions.create(model=case.model, messages=messages, max_tokens=77, temperature=0.5, extra_body=extra)
    seen = case.tap.only
    same("the model upstream", seen.json["model"], case.upstream_model)
    true("the client's key went upstream", case.key not in json.dumps(seen.headers) + seen.body.decode())
    true("the provider's key did not go upstream", case.upstream_key in json.dumps(seen.headers))
    same("max_tokens upstream", seen.json.get("max_tokens"), 77)
    if case.same_format:
        wanted = {"model": case.upstream_model, "messages": messages, "max_tokens": 77, "temperature": 0.5, **extra}
        same("the request upstream", seen.json, wanted)
    else:
        same("the system prompt upstream", "Be brief." in json.dumps(seen.json["system"]), True)


def errors(case: Case) -> None:
    table: list[tuple[str, type[openai.APIStatusError], int]] = [
        ("ERR400", openai.BadRequestError, 400),
        ("ERRCONTEXT", openai.BadRequestError, 400),
        ("ERR404", openai.NotFoundError, 404),
        ("ERR401", openai.InternalServerError, 502),  # The provider's key was refused: never shown as the client's own 401.
        ("ERR500", openai.InternalServerError, 500),
        ("ERR529", openai.InternalServerError, 529),
    ]
    for word, kind, status in table:
        for stream in (False, True):
            error = raised(kind, lambda word=word, stream=stream: asked(case, word, stream=stream))
            same(f"{word}: the status", error.status_code, status)
            body = error.response.json()
            same(f"{word}: the body's keys", sorted(body["error"]), ["code", "message", "param", "type"])
            same(f"{word}: the source", error.response.headers.get("x-router-error-source"), "upstream")
            true(f"{word}: attempts are not said", error.response.headers.get("x-router-attempts"))


def rate_limit(case: Case) -> None:
    error = raised(openai.RateLimitError, lambda: asked(case, "ERR429"))
    true("no Retry-After on a 429", error.response.headers.get("retry-after"))


def no_double_retries(case: Case) -> None:
    """An SDK with its own two retries does not multiply ours: the upstream sees one try and one retry."""
    client = sdk(case, max_retries=2)
    raised(
        openai.InternalServerError,
        lambda: client.chat.completions.create(model=case.model, messages=[{"role": "user", "content": "ERR500"}]),
    )
    same("requests upstream", len(case.tap.seen), 2)


def truncated_stream(case: Case) -> None:
    """The upstream breaks off in the middle: the client is told, in band, and has got a true beginning."""
    got: list[ChatCompletionChunk] = []
    messages: list[Any] = [{"role": "user", "content": "TRUNCATE"}]

    # What came before the error stays in the list.
    raised(
        openai.APIError, lambda: got.extend(sdk(case).chat.completions.create(model=case.model, stream=True, messages=messages))
    )
    text = text_of(got)
    true(f"the text {text!r} is not a beginning of the answer", text and CUT.startswith(text) and text != CUT)
    same(
        "invented finish reasons", [choice.finish_reason for chunk in got for choice in chunk.choices if choice.finish_reason], []
    )


def refusals(case: Case) -> None:
    """What the daemon itself refuses, in the client's format."""
    messages: list[Any] = [{"role": "user", "content": "hello"}]
    unknown = raised(openai.NotFoundError, lambda: sdk(case).chat.completions.create(model=f"{case.model}x", messages=messages))
    same("the code of an unknown model", unknown.code, "model_not_found")
    true(f"no suggestion in {unknown.message!r}", case.model in unknown.message)
    raised(openai.PermissionDeniedError, lambda: sdk(case).chat.completions.create(model="forbidden", messages=messages))
    stranger = sdk(case, api_key="sk-nobody")
    wrong = raised(openai.AuthenticationError, lambda: stranger.chat.completions.create(model=case.model, messages=messages))
    same("the code of a wrong key", wrong.code, "invalid_api_key")
    same("the source", wrong.response.headers.get("x-router-error-source"), "client")
    raised(openai.NotFoundError, lambda: sdk(case).embeddings.create(model=case.model, input="not served"))
    same("requests upstream", len(case.tap.seen), 0)


def models(case: Case) -> None:
    listed = list(sdk(case).models.list())
    names = {model.id for model in listed}
    true(f"{case.model} is not in {sorted(names)}", case.model in names)
    true("a model that the key may not use is listed", "forbidden" not in names)
    same("the owner's type", {type(model.owned_by) for model in listed}, {str})


CHECKS: tuple[Check, ...] = (
    plain, plain_async, headers, awkward_text, stream, stream_without_usage, stream_bytes, tool_call, tool_call_stream,
    parallel_tool_calls, tool_result_turn, structured_output, image, length, request_upstream, errors, rate_limit,
    no_double_retries, truncated_stream, refusals, models,
)  # fmt: skip
