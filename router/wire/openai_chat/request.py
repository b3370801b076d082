"""Requests of OpenAI Chat Completions. https://platform.openai.com/docs/api-reference/chat/create"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from router.types import ChatRequest, Effort, Json, OutputFormat, Reasoning, Tool, ToolChoice, Tuning
from router.wire.base import Wanted
from router.wire.openai_chat.content import parse_messages, render_messages
from router.wire.openai_chat.schema import is_strict
from router.wire.reading import as_flag, as_integer, as_list, as_number, as_object, as_text, refused
from router.wire.rendered import Rendered

SPELLING = {"reasoning": "reasoning_effort", "parallel_tools": "parallel_tool_calls"}
"""Canonical names that are spelled differently here."""

_MAX_TOKENS = 2**32 - 1  # Providers keep it in 32 bits; beyond, some take it modulo.
_TUNING: Mapping[str, str] = {
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
    "reasoning_effort": "reasoning",
    "parallel_tool_calls": "parallel_tools",
    "user": "user",
    "safety_identifier": "user",
}
"""Names here and their canonical ones."""
_CANONICAL = {*_TUNING, "model", "messages", "tools", "tool_choice", "response_format", "stream", "stream_options", "router"}
_CONTENT = ("functions", "function_call", "audio", "web_search_options")
"""Content in the widest sense: without them the answer would be another one."""
_NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "logprobs": False,
    "store": False,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "metadata": {},
    "modalities": ["text"],
    "service_tier": "auto",
}
"""Values that say what would happen anyway: leaving them out loses nothing."""


# --- from a client -----------------------------------------------------------


def parse(body: Json) -> ChatRequest:
    """Raises `BadRequest` naming the path of what is wrong or cannot be translated."""
    for key in _CONTENT:
        if body.get(key):
            raise refused(key, "cannot be translated for this model's provider")
    if "audio" in (body.get("modalities") or ()):
        raise refused("modalities", "spoken answers cannot be translated for this model's provider")
    lost: dict[str, None] = {}
    tools = _tools(as_list(body.get("tools") or [], "tools"))
    choice, tools = _tool_choice(body.get("tool_choice"), tools)
    return ChatRequest(
        model=as_text(body.get("model"), "model"),
        messages=parse_messages(body.get("messages"), lost),
        tools=tools,
        tool_choice=choice,
        output=_parse_output(body.get("response_format")),
        tuning=parse_tuning(body),
        stream=bool(body.get("stream")),
        extra={k: v for k, v in body.items() if k not in _CANONICAL and v is not None and _NEUTRAL.get(k) != v},
        lost=tuple(lost),
    )


def parse_tuning(body: Mapping[str, Any]) -> Tuning:
    """Of a request, or of the file's `params`, which use these names too."""

    def of(key: str, read: Any) -> Any:
        return None if body.get(key) is None else read(body[key], key)

    stop = of("stop", lambda raw, path: [raw] if isinstance(raw, str) else as_list(raw, path)) or ()
    return Tuning(
        max_tokens=_limit(body),
        temperature=of("temperature", as_number),
        top_p=of("top_p", as_number),
        top_k=of("top_k", as_integer),  # Not OpenAI's, but of most compatible servers.
        stop=tuple(as_text(s, f"stop.{i}") for i, s in enumerate(stop)),
        reasoning=of("reasoning_effort", _effort),
        parallel_tools=of("parallel_tool_calls", as_flag),
        user=of("user", as_text) or of("safety_identifier", as_text),
    )


def canonical_name(param: str) -> str | None:
    """The field of `Tuning` that one of the file's `params` sets; None when it has no canonical name."""
    return _TUNING.get(param)


def _parse_output(raw: Any) -> OutputFormat | None:
    if raw is None:
        return None
    match as_object(raw, "response_format").get("type"):
        case "text":
            return None
        case "json_object":
            return OutputFormat()
        case "json_schema":
            path = "response_format.json_schema"
            said = as_object(raw.get("json_schema"), path)
            return OutputFormat(
                schema=as_object(said.get("schema", {}), f"{path}.schema"),
                name=as_text(said.get("name"), f"{path}.name"),
                description=_optional(said, "description", path, as_text),
                strict=_optional(said, "strict", path, as_flag),
            )
        case other:
            raise refused("response_format.type", f"{other!r} is not one of text, json_object, json_schema")


def _limit(body: Mapping[str, Any]) -> int | None:
    """`max_tokens` wins; 0 and less are what some frameworks send for "no limit"."""
    for key in ("max_tokens", "max_completion_tokens"):
        if body.get(key) is not None:
            limit = as_integer(body[key], key)
            if limit > _MAX_TOKENS:
                raise refused(key, f"{limit} is beyond any model's limit")
            return limit if limit > 0 else None
    return None


def _effort(raw: Any, path: str) -> Reasoning:
    if raw not in get_args(Effort):
        raise refused(path, f"{raw!r} is not one of {', '.join(get_args(Effort))}")
    return Reasoning(effort=cast("Effort", raw))


def _tools(raw: list[Any]) -> tuple[Tool, ...]:
    return tuple(_tool(as_object(tool, f"tools.{i}"), f"tools.{i}") for i, tool in enumerate(raw))


def _tool(raw: Json, path: str) -> Tool:
    if raw.get("type", "function") != "function":
        raise refused(path, f"tools of type {raw['type']!r} cannot be translated for this model's provider")
    path = f"{path}.function"
    function = as_object(raw.get("function"), path)
    return Tool(
        name=as_text(function.get("name"), f"{path}.name"),
        description=_optional(function, "description", path, as_text),
        schema=_optional(function, "parameters", path, as_object),
        strict=_optional(function, "strict", path, as_flag),
    )


def _tool_choice(raw: Any, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """The choice, and the tools it leaves: `allowed_tools` is said by sending no others."""
    match raw:
        case None:
            return None, tools
        case "none" | "auto" | "required":
            return ToolChoice(raw), tools
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("tool", name), tools
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(allowed)}}:
            names = [entry["function"].get("name") for entry in allowed if _is_function(entry)]
            if len(names) != len(allowed):
                raise refused("tool_choice.allowed_tools.tools", "only functions can be translated for this model's provider")
            return ToolChoice(mode), tuple(tool for tool in tools if tool.name in names)
        case _:
            raise refused("tool_choice", "expected none, auto, required, a function, or allowed_tools")


def _is_function(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "function" and isinstance(entry.get("function"), dict)


def _optional(raw: Json, key: str, path: str, read: Any) -> Any:
    return None if raw.get(key) is None else read(raw[key], f"{path}.{key}")


# --- to an upstream ----------------------------------------------------------


def render(request: ChatRequest, wanted: Wanted) -> Rendered:
    """`request.extra` is placed as it is: it must be in this format's names."""
    dropped: list[str] = []
    body: Json = {"model": wanted.model, "messages": list(render_messages(request.messages))}
    if request.tools:
        body["tools"] = [_render_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _render_choice(request.tool_choice)
        if request.tuning.parallel_tools is not None:
            body["parallel_tool_calls"] = request.tuning.parallel_tools
    if request.output is not None:
        body["response_format"] = _render_output(request.output)
    _render_tuning(body, request.tuning, wanted, dropped)
    for name, value in request.extra.items():
        body.setdefault(name, value)
    if request.stream:
        body["stream"] = True
        if wanted.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return Rendered(body, tuple(dropped))


def _render_tuning(body: Json, tuning: Tuning, wanted: Wanted, dropped: list[str]) -> None:
    if tuning.max_tokens == 0:
        raise refused("max_tokens", "0 only fills the prompt cache, which this model's provider cannot be asked for")
    said = {
        wanted.max_tokens_field or "max_completion_tokens": tuning.max_tokens,
        "temperature": tuning.temperature,
        "top_p": tuning.top_p,
        "stop": list(tuning.stop) or None,
        "user": tuning.user,
        "reasoning_effort": None if tuning.reasoning is None else _render_effort(tuning.reasoning),
    }
    if tuning.top_k is not None and "top_k" in wanted.params:
        said["top_k"] = tuning.top_k  # The file sets it for this target, so its server takes it.
    elif tuning.top_k is not None:
        dropped.append("top_k")
    if tuning.reasoning is not None and tuning.reasoning.effort == "none":
        if wanted.params.get("reasoning_effort") == "none":
            said["reasoning_effort"] = "none"  # The file says that this model knows the word.
        else:
            dropped.append("reasoning")
    body.update((name, value) for name, value in said.items() if value is not None)


def _render_effort(reasoning: Reasoning) -> Effort | None:
    """ "none" is not sent: only the newest models know it, and those without reasoning refuse the field. "The model decides"
    is what happens unasked. A budget never becomes "minimal", which the o-series refuses."""
    if reasoning.effort is not None:
        return None if reasoning.effort == "none" else reasoning.effort
    if reasoning.budget is None:
        return None
    # Between the budgets that Google's OpenAI endpoint gives for low, medium and high (1,024, 8,192, 24,576):
    # https://ai.google.dev/gemini-api/docs/openai#thinking
    return "low" if reasoning.budget < 4_096 else "medium" if reasoning.budget < 16_384 else "high"


def _render_tool(tool: Tool) -> Json:
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.schema is not None:
        function["parameters"] = tool.schema
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _render_choice(choice: ToolChoice) -> Any:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "tool" else choice.mode


def _render_output(output: OutputFormat) -> Json:
    if output.schema is None:
        return {"type": "json_object"}
    said: Json = {"name": output.name or "answer"}  # The field is required; formats without one leave it to us.
    if output.description is not None:
        said["description"] = output.description
    said["schema"] = output.schema
    # Who promises the schema without a flag gets the promise here too, where this format can give it.
    strict = is_strict(output.schema) or None if output.strict is None and output.name is None else output.strict
    if strict is not None:
        said["strict"] = strict
    return {"type": "json_schema", "json_schema": said}
