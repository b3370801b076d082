"""An exchange as a line: the fields of docs/names.md, as JSON or for human eyes. Pure but for the formatting of time.

Nothing here ever holds a prompt, an answer or a key. Fields without a value are left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import orjson

from router.engine.exchange import Attempt, Exchange
from router.pricing import format_usd
from router.types import Usage

REQUEST: Final = "request"
"""The event name of an exchange's line."""

Fields = dict[str, Any]

_TROUBLE = {"upstream_error": "warning", "timeout": "warning", "stream_error": "warning", "router_error": "error"}


class Clockface:
    """Seconds since 1970 as RFC 3339 in UTC, with milliseconds. The text of the last second is kept: `strftime` is slow."""

    def __init__(self) -> None:
        self._last = (-1, "")  # One value, so that threads need no lock.

    def show(self, wall: float) -> str:
        second, milli = divmod(int(wall * 1000), 1000)
        known, text = self._last
        if second != known:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._last = (second, text)
        return f"{text}.{milli:03d}Z"


def request_fields(exchange: Exchange, at: str) -> Fields:
    """The fields of one exchange, in the order of docs/names.md. Durations are seconds, `cost_usd` an exact decimal."""
    fields: Fields = {
        "time": at,
        "level": _TROUBLE.get(exchange.outcome, "info"),
        "msg": REQUEST,
        "request_id": exchange.request_id,
    }
    if exchange.client_request_id is not None:
        fields["client_request_id"] = exchange.client_request_id
    fields["generation"] = exchange.snapshot.generation
    if exchange.key is not None:
        fields["key"] = exchange.key.name
    fields["api"] = exchange.client.name
    if exchange.model is not None:
        fields["model"] = exchange.model
    if exchange.target is not None:
        fields["target"] = exchange.target
    if exchange.reported_model:
        fields["reported_model"] = exchange.reported_model
    fields["outcome"] = exchange.outcome
    fields["status"] = exchange.status
    fields["stream"] = exchange.stream
    if exchange.attempts:
        fields["attempts"] = [_attempt(attempt) for attempt in exchange.attempts]
    _add_times(fields, exchange)
    _add_usage(fields, exchange)
    if exchange.error_code is not None:
        fields["error_code"] = exchange.error_code
    if exchange.error_source is not None:
        fields["error_source"] = exchange.error_source
    return fields


def _attempt(attempt: Attempt) -> Fields:
    fields: Fields = {"target": attempt.target, "outcome": attempt.outcome}
    if attempt.status is not None:
        fields["status"] = attempt.status
    fields["seconds"] = round(attempt.seconds, 6)
    return fields


def _add_times(fields: Fields, exchange: Exchange) -> None:
    fields["duration"] = round(exchange.duration, 6)
    if exchange.first_token is not None:
        fields["first_token"] = round(exchange.first_token, 6)
    fields["overhead"] = round(max(exchange.duration - exchange.upstream_seconds, 0.0), 6)


def _add_usage(fields: Fields, exchange: Exchange) -> None:
    if (usage := exchange.usage) is not None:
        fields["input_tokens"] = usage.input
        if usage.cache_read:
            fields["cache_read_tokens"] = usage.cache_read
        if written := usage.cache_write_5m + usage.cache_write_1h:
            fields["cache_write_tokens"] = written
        fields["output_tokens"] = usage.output
        if usage.reasoning:
            fields["reasoning_tokens"] = usage.reasoning
    if exchange.partial:
        fields["partial"] = True
    if exchange.cost is not None:
        fields["cost_usd"] = orjson.Fragment(format_usd(exchange.cost))


def request_line(exchange: Exchange, at: str) -> bytes:
    """`json_line(request_fields(exchange, at))`, written directly: it is the line of every request, and takes a third of the
    time. Names come from the file or from upstreams again and again: how they are quoted is remembered."""
    level = _TROUBLE.get(exchange.outcome, "info")
    head = f'{{"time":"{at}","level":"{level}","msg":"{REQUEST}","request_id":"{exchange.request_id}"'
    return f"{head}{_who_text(exchange)}{_course_text(exchange)}{_end_text(exchange)}}}\n".encode()


def _who_text(x: Exchange) -> str:
    client = "" if x.client_request_id is None else f',"client_request_id":{_quoted(x.client_request_id)}'
    key = "" if x.key is None else f',"key":{_known(x.key.name)}'
    model = "" if x.model is None else f',"model":{_known(x.model)}'
    target = "" if x.target is None else f',"target":{_known(x.target)}'
    reported = f',"reported_model":{_known(x.reported_model)}' if x.reported_model else ""
    return f'{client},"generation":{x.snapshot.generation}{key},"api":"{x.client.name}"{model}{target}{reported}'


def _course_text(x: Exchange) -> str:
    attempts = f',"attempts":[{",".join(map(_attempt_text, x.attempts))}]' if x.attempts else ""
    duration = x.ended - x.started
    first = "" if x.first_token is None else f',"first_token":{round(x.first_token, 6)}'
    overhead = round(max(duration - x.upstream_seconds, 0.0), 6)
    stream = "true" if x.stream else "false"
    said = f',"outcome":"{x.outcome}","status":{x.status},"stream":{stream}{attempts}'
    return f'{said},"duration":{round(duration, 6)}{first},"overhead":{overhead}'


def _end_text(x: Exchange) -> str:
    usage = "" if x.usage is None else _usage_text(x.usage)
    partial = ',"partial":true' if x.partial else ""
    cost = "" if x.cost is None else f',"cost_usd":{format_usd(x.cost)}'
    code = "" if x.error_code is None else f',"error_code":{_quoted(x.error_code)}'
    source = "" if x.error_source is None else f',"error_source":"{x.error_source}"'
    return f"{usage}{partial}{cost}{code}{source}"


def _quoted(text: str) -> str:
    try:
        return orjson.dumps(text).decode()
    except TypeError:  # Lone surrogates; see `json_line`.
        return json.dumps(text)


_known = lru_cache(maxsize=4096)(_quoted)


def _attempt_text(attempt: Attempt) -> str:
    status = "" if attempt.status is None else f',"status":{attempt.status}'
    seconds = round(attempt.seconds, 6)
    return f'{{"target":{_known(attempt.target)},"outcome":"{attempt.outcome}"{status},"seconds":{seconds}}}'


def _usage_text(usage: Usage) -> str:
    text = f',"input_tokens":{usage.input}'
    if usage.cache_read:
        text += f',"cache_read_tokens":{usage.cache_read}'
    if written := usage.cache_write_5m + usage.cache_write_1h:
        text += f',"cache_write_tokens":{written}'
    text += f',"output_tokens":{usage.output}'
    return text + f',"reasoning_tokens":{usage.reasoning}' if usage.reasoning else text


def json_line(fields: Mapping[str, Any]) -> bytes:
    """One JSON object and a newline."""
    try:
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE, default=str)
    except TypeError:
        # A header that is not UTF-8 arrives with lone surrogates, which orjson refuses and the standard library escapes.
        return json.dumps({name: _plain(value) for name, value in fields.items()}, default=str).encode() + b"\n"


def _plain(value: Any) -> Any:
    return json.loads(orjson.dumps(value)) if isinstance(value, orjson.Fragment) else value


_LEVELS = {"debug": "90", "info": "32", "warning": "33", "error": "31"}
_SHOWN_FIRST = ("time", "level", "msg")


def text_line(fields: Mapping[str, Any], *, colour: bool) -> bytes:
    """`TIME LEVEL MSG name=value …`: for people at a terminal. What could break the line is quoted."""
    level = fields["level"]
    shown = f"\x1b[{_LEVELS[level]}m{level:<7}\x1b[0m" if colour else f"{level:<7}"
    rest = (f"{name}={_TEXTS.get(name, _text)(value)}" for name, value in fields.items() if name not in _SHOWN_FIRST)
    return " ".join((fields["time"], shown, fields["msg"], *rest)).encode(errors="backslashreplace") + b"\n"


def _text(value: Any) -> str:
    match value:
        case orjson.Fragment():
            return orjson.dumps(value).decode()
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() | dict():
            return json.dumps(value, default=str, separators=(",", ":"))
        case _:
            text = str(value)
            bare = text.isprintable() and text.isascii() and text and not any(mark in text for mark in ' "=')
            return text if bare else json.dumps(text)


def _attempts(attempts: list[Fields]) -> str:
    return ",".join(f"{at['target']}:{at['outcome']}" for at in attempts)


_TEXTS: Mapping[str, Callable[[Any], str]] = {"attempts": _attempts}
