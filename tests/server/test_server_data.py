"""The data port over real sockets: framing, keys, refusals in the caller's own format, clients that leave."""

import asyncio
import hashlib
import json

import pytest
from running import SERVER, running, until

SANDBOX = "providers: {sandbox: {type: sandbox, first_token: 1ms, tokens_per_second: 5000, price: free}}\n"
MODELS = (
    "models: {fast: {targets: [sandbox/echo]}, hidden: {targets: [sandbox/h], visible: false}, "
    "'gpt-*': {targets: ['sandbox/gpt-*']}}\n"
)
OPEN = SERVER + SANDBOX + MODELS
ASK = {"model": "fast", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


def sha(secret: str) -> str:
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


KEYED = OPEN + (
    f"keys:\n  app: {{hash: ['{sha('secret-one')}', '{sha('secret-two')}'], models: [fast]}}\n"
    f"  all: {{hash: '{sha('secret-all')}'}}\n"
    f"  old: {{hash: '{sha('secret-off')}', enabled: false}}\n"
)


async def raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


def request(body: bytes, *, version: str = "1.1", path: str = "/v1/chat/completions", headers: str = "") -> bytes:
    head = f"POST {path} HTTP/{version}\r\nhost: x\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


async def test_both_formats_answer_whole_and_streamed(tmp_path):
    async with running(tmp_path, OPEN) as router:
        for path, ending in (("/v1/chat/completions", b"data: [DONE]\n\n"), ("/v1/messages", b'{"type":"message_stop"}\n\n')):
            status, headers, body = await router.post(path, ASK)
            assert (status, headers["content-type"], headers["x-router-served"]) == (200, "application/json", "sandbox/echo")
            assert b"Hello" in body
            status, headers, body = await router.post(path, ASK | {"stream": True})
            assert (status, headers["content-type"], headers["cache-control"]) == (200, "text/event-stream", "no-cache")
            assert headers["transfer-encoding"] == "chunked"
            assert body.endswith(ending)
        assert [x.outcome for x in router.settled] == ["ok"] * 4
        assert router.settled[2].request_id != router.settled[3].request_id


async def test_the_anthropic_sdk_finds_the_request_id_where_it_looks(tmp_path):
    async with running(tmp_path, OPEN) as router:
        _, headers, _ = await router.post("/v1/messages", ASK)
        assert headers["request-id"] == headers["x-request-id"] == router.settled[0].request_id
        _, headers, _ = await router.post("/v1/chat/completions", ASK)
        assert "request-id" not in headers


async def test_connections_are_kept_for_http_1_1_and_closed_for_1_0(tmp_path):
    async with running(tmp_path, OPEN) as router:
        body = json.dumps(ASK).encode()
        twice = await raw(router.port, request(body) + request(body, headers="connection: close\r\n"))
        assert twice.count(b"HTTP/1.1 200 OK") == 2
        assert twice.count(b"connection: close") == 1
        once = await raw(router.port, request(body, version="1.0"))
        assert once.count(b"200 OK") == 1
        assert b"connection: close" in once


async def test_a_stream_for_http_1_0_is_not_chunked_and_ends_with_the_connection(tmp_path):
    async with running(tmp_path, OPEN) as router:
        answer = await raw(router.port, request(json.dumps(ASK | {"stream": True}).encode(), version="1.0"))
        assert b"transfer-encoding" not in answer
        assert answer.endswith(b"data: [DONE]\n\n")


async def test_head_has_no_body(tmp_path):
    async with running(tmp_path, OPEN) as router:
        answer = await raw(router.port, b"HEAD /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n")
        assert b"content-length: 15" in answer


async def test_expect_100_continue_is_answered_before_the_body(tmp_path):
    async with running(tmp_path, OPEN) as router:
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        body = json.dumps(ASK).encode()
        writer.write(request(body, headers="expect: 100-continue\r\n")[: -len(body)])
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await asyncio.wait_for(reader.readline(), 5)) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "kind"),
    [
        ("/v1/chat/completions", b"{", 400, "invalid_request", "invalid_request_error"),
        ("/v1/chat/completions", b"[1]", 400, "invalid_request", "invalid_request_error"),
        ("/v1/chat/completions", {"model": "fats", "messages": []}, 404, "model_not_found", "invalid_request_error"),
        ("/v1/messages", b"{", 400, None, "invalid_request_error"),
        ("/v1/messages", {"model": "fats", "messages": []}, 404, None, "not_found_error"),
        ("/v1/nothing", {}, 404, "not_found", "invalid_request_error"),
    ],
)
async def test_bad_input_is_refused_in_the_callers_format(tmp_path, path, body, status, code, kind):
    async with running(tmp_path, OPEN) as router:
        got, headers, answer = await router.post(path, body)
        error = json.loads(answer)["error"]
        assert (got, error["type"], error.get("code")) == (status, kind, code)
        assert headers["x-router-error-source"] == "client"
        assert len(router.settled) == 1


async def test_an_unknown_path_and_a_wrong_method_speak_anthropic_to_anthropics_sdk(tmp_path):
    async with running(tmp_path, OPEN) as router:
        _, _, body = await router.get(router.url + "/v1/batches", {"anthropic-version": "2023-06-01"})
        assert json.loads(body)["type"] == "error"
        status, headers, body = await router.get(router.url + "/v1/messages")
        assert (status, headers["allow"], json.loads(body)["type"]) == (405, "POST", "error")
        status, headers, body = await router.get(router.url + "/v1/chat/completions")
        assert (status, headers["allow"], json.loads(body)["error"]["code"]) == (405, "POST", "method_not_allowed")


async def test_a_body_over_the_limit_is_413_by_its_header_and_by_its_bytes(tmp_path):
    async with running(tmp_path, OPEN.replace("server: {", "server: {max_body: 1KiB, ")) as router:
        status, _, body = await router.post("/v1/messages", {**ASK, "x": "y" * 2000})
        assert (status, json.loads(body)["error"]["type"]) == (413, "request_too_large")
        chunked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        answer = await raw(
            router.port,
            chunked
            + b"800\r\n"
            + b"x" * 0x800
            + b"\r\n0\r\n\r\n"
            + b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer secret-on"}, 401),
        ({"authorization": "Basic secret-one"}, 401),
        ({"authorization": "Bearer secret-off"}, 401),
        ({"authorization": "Bearer ' OR 1=1 --"}, 401),
        ({"authorization": "Bearer secret-one"}, 200),
        ({"authorization": "bearer secret-two"}, 200),
        ({"x-api-key": "secret-all"}, 200),
        ({"x-api-key": "secret-all", "authorization": "Bearer wrong"}, 200),
        ({"x-api-key": "wrong", "authorization": "Bearer secret-all"}, 401),
        ({"api-key": "secret-all"}, 200),
        ({"x-goog-api-key": "secret-all"}, 200),
    ],
)
async def test_only_a_known_and_enabled_key_gets_in(tmp_path, headers, status):
    async with running(tmp_path, KEYED) as router:
        for path in ("/v1/chat/completions", "/v1/messages"):
            got, _, body = await router.post(path, ASK, headers)
            assert got == status
            if status == 401:
                error = json.loads(body)["error"]
                assert error["type"] == ("authentication_error" if path == "/v1/messages" else "invalid_request_error")
        assert (await router.get(router.url + "/v1/models", headers))[0] == status


async def test_a_key_reaches_the_models_it_names_and_no_other(tmp_path):
    async with running(tmp_path, KEYED) as router:
        one, every = {"authorization": "Bearer secret-one"}, {"authorization": "Bearer secret-all"}
        assert (await router.post("/v1/chat/completions", ASK, one))[0] == 200
        status, _, body = await router.post("/v1/chat/completions", ASK | {"model": "gpt-9"}, one)
        assert (status, json.loads(body)["error"]["code"]) == (403, "model_not_allowed")
        assert (await router.post("/v1/chat/completions", ASK | {"model": "gpt-9"}, every))[0] == 200
        assert (await router.post("/v1/chat/completions", ASK | {"model": "hidden"}, every))[0] == 403
        listed = [
            [each["id"] for each in json.loads((await router.get(router.url + "/v1/models", h))[2])["data"]] for h in (one, every)
        ]
        assert listed == [["fast"], ["fast"]]
        assert [x.key.name for x in router.settled if x.outcome == "ok"] == ["app", "all"]
        assert [x.outcome for x in router.settled if x.status == 403] == ["denied", "denied"]


async def test_models_are_listed_in_the_shape_of_who_asks(tmp_path):
    async with running(tmp_path, OPEN) as router:
        _, _, body = await router.get(router.url + "/v1/models")
        assert [each["object"] for each in json.loads(body)["data"]] == ["model"]
        _, _, body = await router.get(router.url + "/v1/models", {"anthropic-version": "2023-06-01"})
        listed = json.loads(body)
        assert (listed["has_more"], listed["first_id"], listed["data"][0]["type"]) == (False, "fast", "model")
        _, _, body = await router.get(router.url + "/v1/models/gpt-7")
        assert json.loads(body)["id"] == "gpt-7"
        status, _, body = await router.get(router.url + "/v1/models/fst")
        assert (status, json.loads(body)["error"]["message"]) == (404, "no model is named 'fst'; did you mean 'fast'?")


async def test_beyond_max_inflight_a_request_is_refused_at_once(tmp_path):
    slow = OPEN.replace("server: {", "server: {max_inflight: 1, ").replace("first_token: 1ms", "first_token: 5s")
    async with running(tmp_path, slow) as router:
        first = asyncio.ensure_future(router.post("/v1/chat/completions", ASK))
        await until(lambda: len(router.engine.open) == 1)
        status, headers, body = await router.post("/v1/chat/completions", ASK)
        assert (status, headers["retry-after"], headers["x-router-error-source"]) == (503, "1", "router")
        assert json.loads(body)["error"]["code"] == "router_overloaded"
        first.cancel()
        await until(lambda: not router.engine.open)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_is_settled_as_gone(tmp_path, stream):
    slow = OPEN.replace("first_token: 1ms", "first_token: 30s" if not stream else "first_token: 1ms").replace("5000", "1")
    async with running(tmp_path, slow) as router:
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
        writer.write(request(json.dumps(ASK | {"stream": stream}).encode()))
        if stream:
            await asyncio.wait_for(reader.readline(), 5)
        await until(lambda: len(router.engine.open) == 1)
        writer.transport.abort()
        await until(lambda: not router.engine.open, 1.0)
        assert [(x.outcome, x.status) for x in router.settled] == [("client_gone", 499)]


async def test_the_clients_own_request_id_is_noted_and_never_taken_over(tmp_path):
    async with running(tmp_path, OPEN) as router:
        _, headers, _ = await router.post("/v1/chat/completions", ASK, {"x-request-id": "mine\u00e9"})
        assert headers["x-request-id"].startswith("req_")
        assert router.settled[0].client_request_id.startswith("mine")


async def test_probes_answer_on_both_ports_and_turn_when_draining(tmp_path):
    async with running(tmp_path, KEYED) as router:
        for base in (router.url, router.admin):
            assert (await router.get(base + "/livez"))[0] == 200
            assert (await router.get(base + "/readyz"))[0] == 200
        router.probes.draining = True
        for base in (router.url, router.admin):
            assert (await router.get(base + "/livez"))[0] == 200
            assert (await router.get(base + "/readyz"))[0] == 503
        assert (await router.post("/v1/chat/completions", ASK, {"x-api-key": "secret-all"}))[0] == 200  # Still served.
        router.probes.closing = True
        status, _, body = await router.post("/v1/chat/completions", ASK, {"x-api-key": "secret-all"})
        assert (status, json.loads(body)["error"]["code"]) == (503, "router_draining")
