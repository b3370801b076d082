"""A provider that misbehaves on purpose (llmock), the SDKs in front, and llmock's own verdict on who was in between."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import anthropic
import anthropic_checks
import openai
import openai_checks
from case import Case, Check, raised, same, true

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]


def ask(case: Case, model: str, *, stream: bool = False) -> tuple[str, dict[str, str]]:
    """The whole text and the answer's headers. Raises what the SDK raises. `model` ends with a word of the check's own: health is
    kept by model, and one check's faults are not to park another's target."""
    name = f"on-{case.upstream}-{model}-{case.client}"
    if case.client == "openai":
        client = openai_checks.sdk(case).chat.completions.with_raw_response
        raw = client.create(model=name, messages=MESSAGES, stream=stream)
        parsed: Any = raw.parse()
        text = openai_checks.text_of(list(parsed)) if stream else parsed.choices[0].message.content
    else:
        raw = anthropic_checks.sdk(case).messages.with_raw_response.create(
            model=name, max_tokens=64, messages=MESSAGES, stream=stream
        )
        parsed = raw.parse()
        deltas = (event.delta for event in parsed if event.type == "content_block_delta") if stream else ()
        text = "".join(delta.text for delta in deltas) if stream else anthropic_checks.text_of(parsed)
    return text, dict(raw.headers)


def script(case: Case, *behaviours: dict[str, Any]) -> None:
    """What llmock does to the next requests; its journal begins anew."""
    llmock(case, "reset", {})
    if behaviours:
        llmock(case, "scenario", {"behaviors": list(behaviours)})


def llmock(case: Case, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{case.llmock}/_llmock/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with _direct.open(request, timeout=10) as answer:
        return json.load(answer)


def inside(case: Case) -> int:
    """How many of llmock's chunks come before one that is behind the first word and before the finish."""
    return 3 if case.upstream == "openai" else 5


def verdict(case: Case, *warnings: str) -> None:
    """llmock finds nothing but these warnings."""
    said = [(finding["severity"], finding["code"]) for finding in llmock(case, "verdict")["findings"]]
    same("llmock's findings", said, [("warning", code) for code in warnings])


def fallback_on_429(case: Case) -> None:
    """A Retry-After that is too long to wait for moves on at once."""
    for stream in (False, True):
        script(case, {"type": "fail", "status": 429, "retry_after": 30})
        began = time.monotonic()
        text, headers = ask(case, f"rescued-throttled-{stream}", stream=stream)
        same("the text", text, anthropic_checks.HELLO)
        true("it waited", time.monotonic() - began < 5)
        same("x-router-served", headers.get("x-router-served"), "mock-openai/gpt-4o")
        true(
            f"x-router-attempts {headers.get('x-router-attempts')!r} does not name the 429",
            ":429" in headers["x-router-attempts"],
        )
        same("requests at the throttled provider", llmock(case, "verdict")["attempts"], 1)


def fallback_on_500(case: Case) -> None:
    for stream in (False, True):
        script(case, {"type": "fail", "status": 500, "times": 5})
        text, _ = ask(case, f"rescued-broken-{stream}", stream=stream)
        same("the text", text, anthropic_checks.HELLO)
        same("requests at the broken provider", llmock(case, "verdict")["attempts"], 2)


def retry_after_is_obeyed(case: Case) -> None:
    script(case, {"type": "fail", "status": 429, "retry_after": 1})
    began = time.monotonic()
    ask(case, "faulty-waited-for")
    true("it did not wait", time.monotonic() - began >= 1)
    verdict(case)


def server_error_is_retried(case: Case) -> None:
    for stream in (False, True):
        script(case, {"type": "fail", "status": 503})
        ask(case, f"faulty-retried-{stream}", stream=stream)
        verdict(case)


def client_error_is_not_retried(case: Case) -> None:
    script(case, {"type": "fail", "status": 400, "times": 5})
    try:
        ask(case, "faulty-refused")
    except (openai.BadRequestError, anthropic.BadRequestError):
        verdict(case)
    else:
        raise AssertionError("the provider's 400 was not passed on")


def errors_raise_what_they_mean(case: Case) -> None:
    """The exception class that an application catches. The provider's 401 is the router's trouble, not the application's key."""
    sdk: Any = openai if case.client == "openai" else anthropic
    overloaded = "InternalServerError" if case.client == "openai" else "OverloadedError"
    classes = {
        400: "BadRequestError", 401: "InternalServerError", 404: "NotFoundError", 422: "UnprocessableEntityError",
        429: "RateLimitError", 500: "InternalServerError", 529: overloaded,
    }  # fmt: skip
    for status, name in classes.items():
        script(case, {"type": "fail", "status": status, "times": 5})
        error = raised(getattr(sdk, name), lambda status=status: ask(case, f"faulty-{status}", stream=status % 2 == 0))
        same("x-router-error-source", error.response.headers.get("x-router-error-source"), "upstream")


def broken_stream_is_no_clean_end(case: Case) -> None:
    """Cut off, or ended without a finish: the application notices, tries again and gets the whole answer."""
    script(case)
    whole, _ = ask(case, "faulty-cut", stream=True)
    for kind in ("truncate", "disconnect"):
        script(case, {"type": "stream_fault", "kind": kind, "after_chunks": 2})
        try:
            text, _ = ask(case, "faulty-cut", stream=True)
        except (openai.APIError, anthropic.APIError):
            text, _ = ask(case, "faulty-cut", stream=True)
        same(f"{kind}: the text", text, whole)
        verdict(case)


def unreadable_frame_is_left_out(case: Case) -> None:
    """One frame that is no JSON does not end a stream, and never reaches an SDK, which would break on it."""
    script(case)
    whole, _ = ask(case, "faulty-unreadable", stream=True)
    script(case, {"type": "stream_fault", "kind": "malformed", "after_chunks": inside(case)})
    text, _ = ask(case, "faulty-unreadable", stream=True)
    rest = iter(whole.split())
    true(f"the text {text!r} is not {whole!r} with words left out", text and all(word in rest for word in text.split()))
    # It warns of those who leave a frame out, as they leave out its words; the router counts them (docs/failures.md).
    verdict(case, "malformed_chunk_ignored")


def a_slow_first_token_is_waited_for_or_passed_over(case: Case) -> None:
    """As long as the file says: `last_first_token` where nobody else is left, `first_token` where somebody is."""
    script(case)
    whole, _ = ask(case, "faulty-slow", stream=True)
    script(case, {"type": "slow_first_token", "seconds": 1.2})
    text, _ = ask(case, "faulty-slow", stream=True)
    same("the text that was waited for", text, whole)
    script(case, {"type": "slow_first_token", "seconds": 30})
    began = time.monotonic()
    text, headers = ask(case, "rescued-slow", stream=True)
    same("the text of the next target", text, anthropic_checks.HELLO)
    same("x-router-served", headers.get("x-router-served"), "mock-openai/gpt-4o")
    true("it waited for too long", time.monotonic() - began < 4)
    verdict(case)


def a_stall_ends_in_an_error_and_in_time(case: Case) -> None:
    """Silence in the middle is not sat through: the application hears of it, and its next try is whole."""
    script(case)
    whole, _ = ask(case, "faulty-stalled", stream=True)
    script(case, {"type": "stream_fault", "kind": "stall", "after_chunks": inside(case), "stall_seconds": 30})
    began = time.monotonic()
    try:
        text, _ = ask(case, "faulty-stalled", stream=True)
    except (openai.APIError, anthropic.APIError):
        text, _ = ask(case, "faulty-stalled", stream=True)
    same("the text", text, whole)
    true("it waited for too long", time.monotonic() - began < 4)
    verdict(case)


def a_guard_hides_every_break(case: Case) -> None:
    """With `midstream: guard` the application never hears that a stream broke, and llmock sees it tried again."""
    for kind in ("truncate", "disconnect"):
        for after in (1, inside(case)):
            script(case)
            whole, _ = ask(case, f"guarded-{kind}-{after}", stream=True)
            script(case, {"type": "stream_fault", "kind": kind, "after_chunks": after})
            text, _ = ask(case, f"guarded-{kind}-{after}", stream=True)
            same(f"{kind} after {after}: the text", text, whole)
            verdict(case)
    script(case, {"type": "stream_fault", "kind": "stall", "after_chunks": inside(case), "stall_seconds": 30})
    text, headers = ask(case, "guarded-stalled", stream=True)
    same("the text of the next target", text, anthropic_checks.HELLO)
    same("x-router-served", headers.get("x-router-served"), "mock-openai/gpt-4o")
    verdict(case)


CHECKS: tuple[Check, ...] = (
    fallback_on_429, fallback_on_500, retry_after_is_obeyed, server_error_is_retried, client_error_is_not_retried,
    errors_raise_what_they_mean, broken_stream_is_no_clean_end, unreadable_frame_is_left_out,
    a_slow_first_token_is_waited_for_or_passed_over, a_stall_ends_in_an_error_and_in_time, a_guard_hides_every_break,
)  # fmt: skip
