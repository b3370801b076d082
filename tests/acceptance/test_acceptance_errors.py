"""T20: whatever a provider does, the client gets its own format, an honest status, and who is to blame."""

from __future__ import annotations

import asyncio
import io
import json
from typing import NamedTuple

import pytest

from tests.acceptance.dialects import CHAT, DIALECTS, Dialect, pair_name
from tests.acceptance.stage import QUICK, Answer, Stage, for_each_pair, stage
from tests.acceptance.upstreams import (
    Behaviour,
    Call,
    Provider,
    a_wrong_length,
    an_empty_body,
    an_error_as_first_frame,
    an_error_in_a_200,
    closes,
    garbage,
    half_a_head,
    half_a_json,
    resets,
    silent,
    status,
)
from tests.upstream.servers import Peer


class Fault(NamedTuple):
    do: Behaviour
    status: int
    chat: str
    """The error's type in either format."""
    messages: str
    retry_after: str | None = None


def echo(code: int) -> Behaviour:
    """An error that quotes the credential it was sent, as some providers do."""

    async def answer(peer: Peer, call: Call) -> bool:
        key = next(line for line in call.head.decode().splitlines() if "canary" in line).rpartition(" ")[2]
        return await status(code, kind="authentication_error", message=f"Incorrect API key provided: {key}")(peer, call)

    return answer


FAULTS: dict[str, Fault] = {
    "400": Fault(status(400, kind="invalid_request_error"), 400, "invalid_request_error", "invalid_request_error"),
    "401": Fault(echo(401), 502, "server_error", "api_error"),
    "402": Fault(status(402, kind="billing_error"), 502, "server_error", "api_error"),
    "403": Fault(status(403, kind="permission_error"), 502, "server_error", "api_error"),
    "404": Fault(status(404, kind="not_found_error"), 404, "not_found_error", "not_found_error"),
    "413": Fault(status(413, kind="request_too_large"), 413, "request_too_large", "request_too_large"),
    "422": Fault(status(422, kind="invalid_request_error"), 422, "invalid_request_error", "invalid_request_error"),
    "429": Fault(
        status(429, kind="rate_limit_error", extra="retry-after: 17\r\n"), 429, "rate_limit_error", "rate_limit_error", "17"
    ),
    "500": Fault(status(500), 500, "api_error", "api_error"),
    "502": Fault(status(502), 502, "api_error", "api_error"),
    "503": Fault(
        status(503, kind="overloaded_error", extra="retry-after: 9\r\n"), 503, "overloaded_error", "overloaded_error", "9"
    ),
    "529": Fault(status(529, kind="overloaded_error"), 529, "overloaded_error", "overloaded_error"),
    "silence": Fault(silent, 504, "timeout_error", "timeout_error"),
    "reset": Fault(resets, 502, "server_error", "api_error"),
    "closed": Fault(closes, 502, "server_error", "api_error"),
    "half a head": Fault(half_a_head, 502, "server_error", "api_error"),
    "garbage": Fault(garbage, 502, "server_error", "api_error"),
    "an empty body": Fault(an_empty_body, 502, "server_error", "api_error"),
    "half a JSON": Fault(half_a_json, 502, "server_error", "api_error"),
    "too short": Fault(a_wrong_length, 502, "server_error", "api_error"),
}
ONE = "retries: 0, breaker: none, timeouts: {total: 300ms}"
MODELS = f"models: {{fast: {{targets: [a/m], {ONE}}}, other: {{targets: [a/n], {ONE}}}}}\n"


@pytest.mark.parametrize("name", FAULTS)
@for_each_pair
async def test_an_error_is_the_clients_own_and_honest(tmp_path, pair: tuple[Dialect, Dialect], name: str) -> None:
    """T20: status, schema, type, Retry-After, source and attempts of every fault, plain and streaming, in both formats from both
    formats. Our key's trouble is never the client's 401; 413, 429 and 529 keep their meaning; no key in any text."""
    fault = FAULTS[name]
    client, upstream = pair
    async with stage(tmp_path, MODELS, a=Provider(upstream, fault.do)) as on:
        for stream, model in ((False, "fast"), (True, "other")):  # What a 429 says of the one does not hold for the other.
            answer = await on.ask(client, stream=stream, model=model)
            assert answer.headers["content-type"] == "application/json"
            assert len(answer.attempts) == 1
            check(answer, client, fault, own=client is upstream)


def check(answer: Answer, client: Dialect, fault: Fault, *, own: bool) -> None:
    error = answer.heard.error
    assert error is not None
    assert answer.status == fault.status
    assert answer.headers["x-router-error-source"] == "upstream"
    assert answer.headers.get("retry-after") == fault.retry_after
    assert error["message"]
    assert b"canary" not in answer.body
    if client is not CHAT:
        assert error["type"] == fault.messages
    elif own:
        assert error["type"] == fault.chat


async def test_trouble_of_the_key_names_itself(tmp_path) -> None:
    """T20: all keys of a provider refused is a code of its own; people look for it in logs and alerts."""
    async with stage(tmp_path, MODELS, a=Provider(CHAT, status(401, kind="authentication_error"))) as on:
        answer = await on.ask(CHAT, stream=False)
        assert answer.heard.error is not None
        assert (answer.status, answer.heard.error["code"]) == (502, "upstream_credentials")
        assert on.router.settled[0].error_code == "upstream_credentials"


@pytest.mark.parametrize("client", DIALECTS, ids=pair_name)
async def test_clients_are_told_not_to_repeat_what_was_repeated(tmp_path, client: Dialect) -> None:
    """T20: `x-should-retry: false` after a retry of ours (the SDKs obey it), silence where their own rules are right."""
    models = "models: {fast: {targets: [a/m], retries: 0, breaker: none}, again: {targets: [a/m], breaker: none}}\n"
    async with stage(tmp_path, models, a=Provider(client, status(500))) as on:
        once, twice = await on.ask(client, stream=False), await on.ask(client, stream=False, model="again")
        assert (len(once.attempts), once.headers.get("x-should-retry")) == (1, None)
        assert (len(twice.attempts), twice.headers.get("x-should-retry")) == (2, "false")


@pytest.mark.parametrize("client", DIALECTS, ids=pair_name)
async def test_an_error_after_the_headers_is_in_band(tmp_path, client: Dialect) -> None:
    """T20: once pings went out the status is 200; then the error is an event, and no end follows it."""
    more = QUICK + "  stream: {hold_headers: 50ms, ping: 50ms}\n"
    faults = [silent, slow(an_error_in_a_200), slow(an_error_as_first_frame), slow(resets), slow(status(500))]
    for do in faults:
        async with stage(tmp_path, MODELS, more=more, a=Provider(client, do)) as on:
            answer = await on.ask(client, stream=True)
            assert (answer.status, answer.heard.clean_error) == (200, True)
            assert answer.heard.pings >= 1
            assert [x.outcome for x in on.router.settled] in (["timeout"], ["upstream_error"])


def slow(do: Behaviour) -> Behaviour:
    async def answer(peer: Peer, call: Call) -> bool:
        await asyncio.sleep(0.15)
        return await do(peer, call)

    return answer


async def test_probes_ask_nobody_and_do_not_care(tmp_path) -> None:
    """T20, T21: with every provider dead the router is alive and ready."""
    async with stage(tmp_path, MODELS, a=Provider(CHAT, resets)) as on:
        await on.ask(CHAT, stream=False)
        assert await probes(on) == [200] * 4
        assert on.asked == {"a": 1}


async def probes(on: Stage) -> list[int]:
    urls = [f"{url}/{probe}" for url in (on.router.url, on.router.admin) for probe in ("livez", "readyz")]
    return [(await on.router.get(url))[0] for url in urls]


class Impatient(Provider):
    """Answers, or hangs up, as soon as it has the head of a request."""

    async def _connection(self, peer: Peer) -> None:
        call = Call(self.dialect, await peer.head(), {}, len(self.calls))
        self.calls.append(call)
        await self.do(peer, call)


@for_each_pair
async def test_an_answer_to_half_a_request_is_an_answer(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T20: a provider that refuses 4 MB before it has read them is quoted; one that hangs up is unavailable; nothing hangs."""
    client, upstream = pair
    too_large = status(413, kind="request_too_large", extra="connection: close\r\n")
    body = client.ask(stream=True)
    body["messages"][0]["content"] = "x" * 4_000_000
    for do, expected in ((too_large, 413), (closes, 502), (resets, 502)):
        async with stage(tmp_path, MODELS, a=Impatient(upstream, do)) as on:
            data = io.BytesIO(json.dumps(body).encode())
            async with on.router.session.post(on.router.url + client.path, data=data) as answer:
                raw = await answer.read()
            assert answer.status == expected, raw
            assert client.hear(raw, stream=False).error
            assert (await on.metrics()).open == 0
