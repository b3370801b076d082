"""Requests of Anthropic Messages. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from router.types import ChatRequest, Effort, Json, OutputFormat, Reasoning, Tool, ToolChoice, Tuning
from router.wire.anthropic_messages.content import parse_messages, parse_system
from router.wire.anthropic_messages.families import Family, family
from router.wire.anthropic_messages.turns import ends_in_tool_loop, render_turns
from router.wire.base import Wanted
from router.wire.reading import as_flag, as_integer, as_list, as_number, as_object, as_text, refused
from router.wire.rendered import Rendered

SPELLING = {
    "stop": "stop_sequences",
    "reasoning": "thinking",
    "user": "metadata.user_id",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
}
"""Canonical names that are spelled differently here."""

_MAX_TOKENS = 2**32 - 1  # Providers keep it in 32 bits; beyond, some take it modulo.
_LEAST_BUDGET = 1_024  # https://platform.claude.com/docs/en/build-with-claude/extended-thinking
_BUDGETS: Mapping[Effort, int] = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 65_536}
"""After what Google's OpenAI endpoint makes of the words: https://ai.google.dev/gemini-api/docs/openai#thinking"""
_CANONICAL = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "thinking",
        "output_config",
        "output_format",
        "tools",
        "tool_choice",
        "metadata",
        "router",
    }
)
_CONTENT = ("container", "mcp_servers", "inference_geo")
"""Without them the answer would be another one, or computed where it may not be."""
_NEUTRAL: Mapping[str, Any] = {"service_tier": "auto", "speed": "standard"}
"""Values that say what would happen anyway: leaving them out loses nothing."""
_TOOL_HINTS = ("cache_control", "input_examples", "defer_loading", "eager_input_streaming", "allowed_callers")


UNKNOWN_PARAMS = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_retention",
        "response_format",
        "seed",
        "store",
        "top_logprobs",
        "verbosity",
    }
)
"""Of the file's `params`, which use OpenAI chat's names, those that cannot be said here."""


# --- from a client -----------------------------------------------------------


def parse(body: Json) -> ChatRequest:
    """Raises `BadRequest` naming the path of what is wrong or cannot be translated."""
    for key in _CONTENT:
        if body.get(key):
            raise refused(key, "cannot be translated for this model's provider")
    lost: dict[str, None] = {}
    choice, parallel = _tool_choice(body.get("tool_choice"))
    config = as_object(body.get("output_config") or {}, "output_config")
    lost.update((f"output_config.{key}", None) for key in config if key not in ("effort", "format"))
    return ChatRequest(
        model=as_text(body.get("model"), "model"),
        messages=parse_system(body.get("system"), lost) + parse_messages(body.get("messages"), lost),
        tools=_tools(as_list(body.get("tools") or [], "tools"), lost),
        tool_choice=choice,
        # The field's first name, in force for its beta.
        output=_output(config.get("format") or body.get("output_format")),
        tuning=_tuning(body, config.get("effort"), parallel, lost),
        stream=bool(body.get("stream")),
        extra={k: v for k, v in body.items() if k not in _CANONICAL and v is not None and _NEUTRAL.get(k) != v},
        lost=tuple(lost),
    )


def _tuning(body: Json, effort: Any, parallel: bool | None, lost: dict[str, None]) -> Tuning:
    def of(key: str, read: Any) -> Any:
        return None if body.get(key) is None else read(body[key], key)

    limit = of("max_tokens", as_integer)
    if limit is not None and not 0 <= limit <= _MAX_TOKENS:
        raise refused("max_tokens", f"{limit} is beyond any model's limit")
    metadata = as_object(body.get("metadata") or {}, "metadata")
    lost.update((f"metadata.{key}", None) for key in metadata if key != "user_id")
    user = metadata.get("user_id")
    return Tuning(
        max_tokens=limit,
        temperature=of("temperature", as_number),
        top_p=of("top_p", as_number),
        top_k=of("top_k", as_integer),
        stop=tuple(as_text(s, f"stop_sequences.{i}") for i, s in enumerate(of("stop_sequences", as_list) or ())),
        reasoning=_reasoning(body.get("thinking"), effort),
        parallel_tools=parallel,
        user=None if user is None else as_text(user, "metadata.user_id"),
    )


def _reasoning(thinking: Any, effort: Any) -> Reasoning | None:
    if effort is not None and effort not in get_args(Effort):
        raise refused("output_config.effort", f"{effort!r} is not one of low, medium, high, xhigh, max")
    if thinking is None:
        return None if effort is None else Reasoning(effort=cast("Effort", effort))
    match as_object(thinking, "thinking").get("type"):
        case "disabled":
            return Reasoning(effort="none")
        case "enabled":
            budget = as_integer(thinking.get("budget_tokens"), "thinking.budget_tokens")
            return Reasoning(cast("Effort | None", effort), budget)
        case "adaptive" | "between_tools":
            return Reasoning(effort=cast("Effort | None", effort))
        case other:
            raise refused("thinking.type", f"{other!r} is not one of enabled, disabled, adaptive, between_tools")


def _output(raw: Any) -> OutputFormat | None:
    if raw is None:
        return None
    path = "output_config.format"
    if as_object(raw, path).get("type") != "json_schema":
        raise refused(f"{path}.type", f"{raw.get('type')!r} is not json_schema")
    return OutputFormat(schema=as_object(raw.get("schema"), f"{path}.schema"))


def _tools(raw: list[Any], lost: dict[str, None]) -> tuple[Tool, ...]:
    return tuple(_tool(as_object(tool, f"tools.{i}"), f"tools.{i}", lost) for i, tool in enumerate(raw))


def _tool(raw: Json, path: str, lost: dict[str, None]) -> Tool:
    if raw.get("type") not in (None, "custom"):
        raise refused(path, f"a tool of type {raw['type']!r} is run by its provider and cannot be translated for another")
    lost.update((f"tools.{key}" if key != "cache_control" else key, None) for key in _TOOL_HINTS if raw.get(key))
    description, strict = raw.get("description"), raw.get("strict")
    return Tool(
        name=as_text(raw.get("name"), f"{path}.name"),
        description=None if description is None else as_text(description, f"{path}.description"),
        schema=as_object(raw.get("input_schema"), f"{path}.input_schema"),
        strict=None if strict is None else as_flag(strict, f"{path}.strict"),
    )


def _tool_choice(raw: Any) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether several calls at once are wanted. "auto" that only carries the flag is no choice."""
    if raw is None:
        return None, None
    serial = as_object(raw, "tool_choice").get("disable_parallel_tool_use")
    parallel = None if serial is None else not as_flag(serial, "tool_choice.disable_parallel_tool_use")
    match raw.get("type"):
        case "auto":
            return (ToolChoice("auto") if parallel is None else None), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            return ToolChoice("tool", as_text(raw.get("name"), "tool_choice.name")), parallel
        case other:
            raise refused("tool_choice.type", f"{other!r} is not one of auto, any, tool, none")


# --- to an upstream ----------------------------------------------------------


def render(request: ChatRequest, wanted: Wanted) -> Rendered:
    """`request.extra` is placed as it is: it must be in this format's names."""
    known = family(wanted.model)
    if request.output is not None and request.output.schema is None:
        raise refused("response_format", "this model's provider promises JSON only for a schema (type json_schema)")
    turns = render_turns(request.messages, known)
    if not turns.messages:
        raise refused("messages", "there is nothing to answer")
    limit = wanted.max_tokens_default if request.tuning.max_tokens is None else request.tuning.max_tokens
    body: Json = {"model": wanted.model, "max_tokens": limit}
    if turns.system:
        only = turns.system[0]["text"] if len(turns.system) == 1 else None
        body["system"] = turns.system if only is None else only
    body["messages"] = turns.messages
    thinking = _thinking(request, limit, known)
    dropped = [*_render_tuning(body, request.tuning, known, thinking), *turns.hoisted]
    dropped += _render_tools(body, request, _is_on(thinking))
    _render_output(body, request, thinking, known)
    dropped += [] if request.tuning.reasoning is None or thinking else ["reasoning"]
    for name, value in request.extra.items():
        body.setdefault(name, value)
    if request.stream:
        body["stream"] = True
    return Rendered(body, tuple(dropped), () if request.tuning.max_tokens is not None else (f"max_tokens={limit}",))


def _thinking(request: ChatRequest, limit: int, known: Family) -> Json | None:
    """The `thinking` to ask for; None when nothing was asked, or what was asked cannot be had."""
    reasoning = request.tuning.reasoning
    if reasoning is None:
        return None
    if reasoning.effort == "none" and reasoning.budget is None:
        return {"type": "disabled"} if known.thinking_optional else None
    if known.adaptive:
        return {"type": "adaptive"}
    wish = reasoning.budget or _BUDGETS[reasoning.effort or "medium"]
    # The budget is part of max_tokens; what it leaves must be worth an answer.
    budget = wish if reasoning.budget is not None and wish < limit else min(wish, limit - _LEAST_BUDGET)
    if budget < _LEAST_BUDGET or ends_in_tool_loop(request.messages):
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _is_on(thinking: Json | None) -> bool:
    return thinking is not None and thinking["type"] != "disabled"


def _render_tuning(body: Json, tuning: Tuning, known: Family, thinking: Json | None) -> list[str]:
    dropped = []
    sampling = {"temperature": tuning.temperature, "top_p": tuning.top_p, "top_k": tuning.top_k}
    for name, value in sampling.items():
        if value is None:
            continue
        if _is_on(thinking) or not known.sampling:
            dropped.append(name)
        elif name == "temperature" and value > 1:
            body[name] = 1.0
            dropped.append("temperature>1")
        else:
            body[name] = value
    stop = [s for s in tuning.stop if s.strip()]  # Blank ones are refused.
    if len(stop) < len(tuning.stop):
        dropped.append("stop")
    if stop:
        body["stop_sequences"] = stop
    if tuning.user is not None:
        body["metadata"] = {"user_id": tuning.user}
    if thinking is not None:
        body["thinking"] = thinking
    return dropped


def _render_tools(body: Json, request: ChatRequest, thinks: bool) -> list[str]:
    if not request.tools:
        return []
    body["tools"] = [_render_tool(tool) for tool in request.tools]
    choice, dropped = request.tool_choice, []
    if thinks and choice is not None and choice.mode in ("required", "tool"):
        choice, dropped = ToolChoice("auto"), ["tool_choice"]  # Forcing a tool and thinking exclude each other.
    serial = request.tuning.parallel_tools is False and (choice is None or choice.mode != "none")
    if choice is None and not serial:
        return dropped
    mode = "auto" if choice is None else choice.mode
    said: Json = {"type": "any" if mode == "required" else mode}
    if choice is not None and choice.name is not None:
        said["name"] = choice.name
    if serial:
        said["disable_parallel_tool_use"] = True
    body["tool_choice"] = said
    return dropped


def _render_tool(tool: Tool) -> Json:
    raw: Json = {"name": tool.name}
    if tool.description is not None:
        raw["description"] = tool.description
    # The schema is required, and so is its type; other formats let both be left out.
    raw["input_schema"] = {"type": "object", "properties": {}} if tool.schema is None else {"type": "object", **tool.schema}
    if tool.strict is not None:
        raw["strict"] = tool.strict
    return raw


def _render_output(body: Json, request: ChatRequest, thinking: Json | None, known: Family) -> None:
    config: Json = {}
    reasoning = request.tuning.reasoning
    if known.adaptive and _is_on(thinking) and reasoning is not None and (effort := _effort(reasoning)) is not None:
        config["effort"] = effort
    if request.output is not None:
        config["format"] = {"type": "json_schema", "schema": request.output.schema}
    if config:
        body["output_config"] = config


def _effort(reasoning: Reasoning) -> Effort | None:
    """A word; a budget becomes the one whose usual budget is nearest below."""
    if reasoning.effort is not None:
        return "low" if reasoning.effort == "minimal" else reasoning.effort
    if reasoning.budget is None:
        return None
    return "low" if reasoning.budget < 8_192 else "medium" if reasoning.budget < 24_576 else "high"
