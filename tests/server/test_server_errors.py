"""What a client is told of a provider's own error: real bodies (tests/golden/errors) on the wire, in both formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.engine.answers import clean
from router.wire.fault import MAX_MESSAGE
from tests.acceptance.dialects import CHAT, DIALECTS, MESSAGES, Dialect
from tests.acceptance.stage import Answer, stage
from tests.acceptance.upstreams import Behaviour, Call, Provider, good, in_turn, status
from tests.upstream.servers import Peer

GOLDEN = Path(__file__).parent.parent / "golden" / "errors"
SDKS: dict[int, tuple[str, str]] = {
    400: ("BadRequestError", "BadRequestError"),
    404: ("NotFoundError", "NotFoundError"),
    413: ("APIStatusError", "ContentTooLargeError"),
    422: ("UnprocessableEntityError", "UnprocessableEntityError"),
    429: ("RateLimitError", "RateLimitError"),
    500: ("InternalServerError", "InternalServerError"),
    502: ("InternalServerError", "InternalServerError"),
    503: ("InternalServerError", "ServiceUnavailableError"),
    504: ("InternalServerError", "GatewayTimeoutError"),
    529: ("InternalServerError", "OverloadedError"),
}
"""What the official SDKs (openai 3.54, anthropic 2.12) raise: they choose by the status. Never an AuthenticationError or a
PermissionDeniedError, which would send the application's owner looking for a key that is fine."""


class Told(NamedTuple):
    status: int
    code: str
    """Where the format has one; the provider's own, where it speaks the client's format and the status is its own."""
    chat: str
    messages: str
    """The error's type."""
    retry_after: str | None = None
    should_retry: str | None = None


FAULTS: dict[str, Told] = {
    "openai/context_length": Told(400, "context_length_exceeded", "invalid_request_error", "invalid_request_error"),
    "azure/content_filter": Told(400, "content_filter", "invalid_request_error", "invalid_request_error"),
    "openrouter/moderation": Told(400, "content_filter", "invalid_request_error", "invalid_request_error"),
    "openai/unsupported_parameter": Told(400, "unsupported_parameter", "invalid_request_error", "invalid_request_error"),
    "openai/model_not_found": Told(404, "model_not_found", "invalid_request_error", "not_found_error"),
    "groq/request_beyond_tokens_per_minute": Told(413, "rate_limit_exceeded", "tokens", "request_too_large"),
    "mistral/extra_field": Told(422, "upstream_rejected", "invalid_request_error", "invalid_request_error"),
    "azure/rate_limit": Told(429, "429", "rate_limit_error", "rate_limit_error", "2"),
    "azure/rate_limit_retry_after_a_day": Told(429, "429", "rate_limit_error", "rate_limit_error", "86400", "false"),
    # It does not say for how long: our own guess, for which the target is left alone, is what the client is told.
    "bedrock/throttled_as_400": Told(429, "upstream_rate_limited", "rate_limit_error", "rate_limit_error", "5"),
    "openai/invalid_api_key": Told(502, "upstream_credentials", "server_error", "api_error", None, "false"),
    "gemini/api_key_invalid": Told(502, "upstream_credentials", "server_error", "api_error", None, "false"),
    "openai/insufficient_quota": Told(502, "upstream_billing", "server_error", "api_error", None, "false"),
    "deepseek/insufficient_balance": Told(502, "upstream_billing", "server_error", "api_error", None, "false"),
    "openai/server_error": Told(500, "upstream_unavailable", "server_error", "api_error"),
    "openai/cloudflare_page": Told(502, "upstream_unavailable", "server_error", "api_error"),
    "gemini/overloaded": Told(503, "503", "UNAVAILABLE", "overloaded_error"),
    "huggingface/loading": Told(503, "upstream_unavailable", "server_error", "overloaded_error", "177", "false"),
    "anthropic/overloaded": Told(529, "upstream_unavailable", "overloaded_error", "overloaded_error"),
    "bedrock/model_timeout": Told(504, "upstream_timeout", "timeout_error", "timeout_error"),
}


def golden(name: str) -> Behaviour:
    case = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    body = case["text"].encode() if "text" in case else json.dumps(case["body"]).encode()

    async def answer(peer: Peer, call: Call) -> bool:
        headers = {"content-type": "application/json", "content-length": str(len(body)), **case["headers"]}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await peer.send(f"HTTP/1.1 {case['status']} No\r\n{lines}\r\n".encode() + body)
        return True

    return answer


def message_of(name: str) -> str:
    return str(json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["expect"]["message"])


MODELS = "models: {'*': {targets: ['a/*'], retries: 0}}\n"  # A health of its own for every name that is asked for.


@pytest.mark.parametrize("name", FAULTS)
async def test_a_providers_error_reaches_the_client_as_its_own(tmp_path, name: str) -> None:
    told = FAULTS[name]
    upstream = MESSAGES if name.startswith("anthropic/") else CHAT
    async with stage(tmp_path, MODELS, a=Provider(upstream, golden(name))) as on:
        for client in DIALECTS:
            for stream in (False, True):
                answer = await on.ask(client, stream=stream, model=f"{client.name}-{stream}")
                assert seen(answer) == expected(told, client, message_of(name), own=client is upstream)
                check_shape(answer, client)


def test_no_error_of_a_provider_looks_like_a_bad_key_of_the_clients() -> None:
    assert {told.status for told in FAULTS.values()} == set(SDKS)


def seen(answer: Answer) -> dict[str, Any]:
    error = answer.heard.error
    assert error is not None
    names = ("x-router-error-source", "retry-after", "x-should-retry")
    said = {"status": answer.status, "type": error["type"], "message": error["message"], "code": error.get("code")}
    return said | {name: answer.headers.get(name) for name in names}


def expected(told: Told, client: Dialect, message: str, *, own: bool) -> dict[str, Any]:
    code, kind = told.code, told.chat if client is CHAT else told.messages
    if client is MESSAGES:
        code = None
    ours = {
        "upstream_credentials": "the provider refused the router's own credentials, not yours: ",
        "upstream_billing": "the router's own account at the provider has no credit or quota left: ",
    }
    if told.status == 529 and client is CHAT and not own:
        kind = "server_error"
    return {
        "status": told.status,
        "type": kind,
        "message": ours.get(told.code, "") + message,
        "code": code,
        "x-router-error-source": "upstream",
        "retry-after": told.retry_after,
        "x-should-retry": told.should_retry,
    }


def check_shape(answer: Answer, client: Dialect) -> None:
    body = json.loads(answer.body)
    if client is CHAT:
        assert (set(body), set(body["error"])) == ({"error"}, {"message", "type", "param", "code"})
    else:
        assert (set(body), set(body["error"])) == ({"type", "error", "request_id"}, {"type", "message"})
        assert (body["type"], body["request_id"]) == ("error", answer.headers["x-request-id"])


async def test_several_failures_are_told_by_target_and_reason(tmp_path) -> None:
    """The last that may pass is told, and all of them are named."""
    models = "models: {fast: {targets: [a/m, b/m, c/m], retry_after_max: 0s}}\n"
    providers = {
        "a": Provider(CHAT, status(500, message="oh")),
        "b": Provider(CHAT, status(429, message="slow down", extra="retry-after: 9\r\n")),
        "c": Provider(CHAT, status(401, message="who are you")),
    }
    async with stage(tmp_path, models, **providers) as on:
        answer = await on.ask(CHAT, stream=False)
    assert answer.heard.error is not None
    assert answer.heard.error["message"] == "slow down (tried a/m: 500, 500; b/m: 429; c/m: 401)"
    assert answer.headers["x-router-attempts"] == "a/m:500,a/m:500,b/m:429,c/m:401"
    assert (answer.status, answer.headers["retry-after"], answer.headers.get("x-should-retry")) == (429, "9", None)


async def test_refusals_by_all_give_back_the_first_as_it_was_said(tmp_path) -> None:
    models = "models: {fast: {targets: [a/m, b/m]}}\n"
    refusals = {
        "a": Provider(CHAT, golden("openai/unsupported_parameter")),
        "b": Provider(CHAT, golden("mistral/extra_field")),
    }
    async with stage(tmp_path, models, **refusals) as on:
        answer = await on.ask(CHAT, stream=False)
    assert answer.heard.error is not None
    assert (answer.status, answer.heard.error["message"]) == (400, message_of("openai/unsupported_parameter"))
    assert answer.attempts == ["a/m:400", "b/m:422"]


async def test_a_window_the_error_names_spares_the_targets_that_are_no_larger(tmp_path) -> None:
    """The file says nothing of the first target's window; its error does."""
    models = "models: {fast: {targets: [a/m, {target: b/m, context: 8000}, {target: c/m, context: 100000}, d/m], retries: 0}}\n"
    providers = {
        "a": Provider(CHAT, golden("openai/context_length")),
        "b": Provider(CHAT, good),
        "c": Provider(CHAT, status(500)),
        "d": Provider(CHAT, good),  # Its window is not known: it may be large enough.
    }
    async with stage(tmp_path, models, **providers) as on:
        answer = await on.ask(CHAT, stream=False)
        assert (answer.status, answer.attempts) == (200, ["a/m:400", "c/m:500", "d/m:200"])
        assert on.asked == {"a": 1, "b": 0, "c": 1, "d": 1}


async def test_a_policy_refusal_goes_back_and_nobody_else_is_asked(tmp_path) -> None:
    models = "models: {fast: {targets: [a/m, b/m]}}\n"
    async with stage(tmp_path, models, a=Provider(CHAT, golden("azure/content_filter")), b=Provider(CHAT, good)) as on:
        answer = await on.ask(CHAT, stream=False)
        assert (answer.status, on.asked) == (400, {"a": 1, "b": 0})


class Declared(Provider):
    """A provider whose file says what its codes mean."""

    def yaml(self, name: str) -> str:
        return super().yaml(name).replace("}\n", ", errors: {node_is_full: rate}}\n")


@pytest.mark.parametrize(("kind", "told"), [(Provider, (400, ["a/m:400"])), (Declared, (200, ["a/m:400", "a/n:200"]))])
async def test_the_file_may_say_what_a_code_means(tmp_path, kind: type[Provider], told) -> None:
    """A 400 that is a rate limit moves on to the same provider's next model, instead of being the client's mistake."""
    models = "models: {fast: {targets: [a/m, a/n], retries: 0}}\n"
    busy = in_turn(status(400, kind="invalid_request_error", word="node_is_full"), good)
    async with stage(tmp_path, models, a=kind(CHAT, busy)) as on:
        answer = await on.ask(CHAT, stream=False)
        assert (answer.status, answer.attempts) == told


# --- secrets


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 30))
def test_no_piece_of_a_secret_is_left_where_a_text_was_cut(before, after, shown):
    secret = "sk-live-0123456789abcdefghij"
    whole = clean(f"{before}{secret}{after}", frozenset({secret, "another-secret"}))
    assert secret not in whole
    cut = ("x" * MAX_MESSAGE + before + secret)[: MAX_MESSAGE + len(before) + min(shown, len(secret))]
    assert not clean(cut, frozenset({secret})).endswith(secret[:8])


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("the key sk-live-0123456789abcdefghij is bad", "the key *** is bad"),
        ("the key sk-live-01", "the key sk-live-01"),  # Not cut: somebody's prefix, not ours.
        ("x" * 490 + "sk-live-01", "x" * 490 + "***"),
        ("x" * 495 + "sk-li", "x" * 495 + "sk-li"),  # What every key of that kind begins with.
    ],
)
def test_secrets_are_cut_out(text, cleaned):
    assert clean(text, frozenset({"sk-live-0123456789abcdefghij"})) == cleaned
