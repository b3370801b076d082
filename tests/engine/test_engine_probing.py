"""Probes: only where the file asks for them, a GET that costs nothing, and what they tell the breakers."""

import asyncio
import logging
from dataclasses import replace

import pytest
from scripted import Script, ScriptedTransport, _now, compiled, run

from router.engine.probing import Prober
from router.engine.transport import UpstreamRequest
from router.errors import UpstreamTimeout, UpstreamUnavailable
from router.snapshot import Probe
from router.state.health import HealthBook
from router.upstream.http1 import Http1Transport
from router.upstream.session import SessionTransport

YAML = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none}
models: {fast: {targets: [a/m, a/n, b/m]}}
"""
BASE = compiled(YAML)


def snapshot(**periods):
    """The configuration with these providers probed so often."""
    endpoints = {target.provider: next(iter(target.endpoints.values())) for target in BASE.model("fast").targets}
    made = compiled(YAML)
    made.probes = tuple(
        Probe(name, period, replace(endpoints[name], path="/v1/models")) for name, period in periods.items() if period
    )
    return made


class Looking:
    def __init__(self, **scripts):
        self.transport = ScriptedTransport({name: list(each) for name, each in scripts.items()})
        self.health = HealthBook(_now)
        self.prober = Prober(self.transport, self.health, lambda: 0.5)
        self.health.reconcile(BASE)

    @property
    def sent(self):
        return self.transport.sent

    def state(self, number=0):
        return self.health.seen(BASE.model("fast").targets[number]).state

    def open_up(self):
        for _ in range(5):
            self.health.attempt(BASE.model("fast").targets[0]).failed("server", None)


def fine(n=1, status=200):
    return [Script(status, [b'{"data":[]}']) for _ in range(n)]


def test_nobody_is_probed_unless_the_file_says_so_and_who_is_sends_no_other_traffic():
    async def main():
        looking = Looking(a=fine(10), b=fine(10))
        looking.prober.apply(snapshot())
        await asyncio.sleep(1000)
        assert looking.sent == []
        looking.prober.apply(snapshot(a=30.0))
        await asyncio.sleep(100)
        assert looking.sent == [("a", 1015.0), ("a", 1045.0), ("a", 1075.0)]
        requests = [(r.endpoint.method, r.endpoint.path, r.body, r.headers) for r in looking.transport.requests]
        assert requests == [("GET", "/v1/models", b"", ())] * 3
        assert all(reply.closed for reply in looking.transport.replies)
        await looking.prober.aclose()
        await asyncio.sleep(1000)
        assert len(looking.sent) == 3

    run(main())


def test_reloads_neither_multiply_probes_nor_put_them_off():
    async def main():
        looking = Looking(a=fine(20), b=fine(20))
        for _ in range(100):
            looking.prober.apply(snapshot(a=30.0))
            await asyncio.sleep(1)
        assert [at for _, at in looking.sent] == [15.0, 45.0, 75.0]
        looking.prober.apply(snapshot(a=10.0, b=10.0))
        await asyncio.sleep(20)
        assert sorted(looking.sent[3:]) == [("a", 105.0), ("a", 115.0), ("b", 105.0), ("b", 115.0)]
        looking.prober.apply(snapshot(b=10.0))
        await asyncio.sleep(20)
        assert looking.sent[7:] == [("b", 125.0), ("b", 135.0)]
        await looking.prober.aclose()

    run(main())


def test_the_endpoint_is_always_the_current_one():
    async def main():
        looking = Looking(a=fine(9))
        looking.prober.apply(snapshot(a=30.0))
        await asyncio.sleep(20)
        moved = snapshot(a=30.0)
        moved.probes = (replace(moved.probes[0], endpoint=replace(moved.probes[0].endpoint, path="/other")),)
        looking.prober.apply(moved)
        await asyncio.sleep(60)
        assert [r.endpoint.path for r in looking.transport.requests] == ["/v1/models", "/other", "/other"]
        assert looking.transport.requests[1].endpoint is looking.transport.requests[2].endpoint
        await looking.prober.aclose()

    run(main())


def test_a_good_probe_lets_an_open_breaker_try_at_once():
    async def main():
        looking = Looking(a=fine(1))
        looking.open_up()
        looking.prober.apply(snapshot(a=4.0))
        assert looking.state() == "open"
        await asyncio.sleep(2.5)
        assert looking.state() == "trial"
        await looking.prober.aclose()

    run(main())


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script(503, [b"no"]), "server"),
        (Script(refuse=UpstreamUnavailable("refused", kind="connect")), "connect"),
        (Script(refuse=UpstreamTimeout("late", clock="connect")), "timeout"),
        (Script(late=100.0), "timeout"),
        (Script(pieces=[b"{", 100.0]), "timeout"),
        (Script(pieces=[b"{", UpstreamUnavailable("cut")]), "server"),
    ],
)
def test_failing_probes_count_as_failures_of_every_target(script, kind):
    async def main():
        looking = Looking(a=[replace(script, pieces=list(script.pieces)) for _ in range(5)])
        looking.prober.apply(snapshot(a=2.0))
        while len(looking.sent) < 5:
            assert looking.state(0) == looking.state(1) == "closed"
            await asyncio.sleep(1)
        await asyncio.sleep(2)
        seen = looking.health.seen(BASE.model("fast").targets[1])
        assert (looking.state(0), seen.state, seen.last_error, looking.state(2)) == ("open", "open", kind, "closed")
        await looking.prober.aclose()

    run(main())


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 429])
def test_a_refused_probe_says_nothing_of_requests(status, caplog):
    async def main():
        looking = Looking(a=[*fine(6, status), *fine(2)])
        looking.prober.apply(snapshot(a=1.0))
        looking.open_up()
        await asyncio.sleep(4.25)
        assert (looking.state(0), looking.state(1)) == ("open", "closed")
        await asyncio.sleep(4)
        await looking.prober.aclose()

    caplog.set_level(logging.INFO, "router.engine.probing")
    run(main())
    told = [(r.levelname, r.msg, r.provider, getattr(r, "reason", None)) for r in caplog.records if "probing" in r.name]
    assert told == [("WARNING", "probe_refused", "a", f"status {status}"), ("INFO", "probe_succeeded", "a", None)]


def test_an_idle_connection_that_was_closed_is_no_failure():
    async def main():
        gone = Script(refuse=UpstreamUnavailable("closed", kind="connect", reused=True))
        looking = Looking(a=[gone, *fine(1)])
        looking.prober.apply(snapshot(a=30.0))
        await asyncio.sleep(20)
        assert [host for host, _ in looking.sent] == ["a", "a"]
        assert looking.health.seen(BASE.model("fast").targets[0]).failures == 0
        await looking.prober.aclose()

    run(main())


def test_a_bug_of_ours_does_not_end_the_looking(caplog):
    async def main():
        looking = Looking(a=[Script(refuse=ZeroDivisionError("a bug")), *fine(1)])
        looking.prober.apply(snapshot(a=30.0))
        await asyncio.sleep(50)
        assert len(looking.sent) == 2
        await looking.prober.aclose()

    run(main())
    assert [r.msg for r in caplog.records] == ["probe_broken"]


@pytest.mark.parametrize("made", [Http1Transport, SessionTransport])
async def test_on_the_wire_it_is_a_get_without_a_body(made):
    heads = []

    async def serve(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            heads.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            if len(heads) == 2:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = made()
    try:
        probe = snapshot(a=1.0).probes[0]
        origin = probe.endpoint.origin._replace(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        endpoint = replace(probe.endpoint, method="GET", origin=origin)
        for _ in range(2):  # The second time on the same connection.
            reply = await transport.send(UpstreamRequest(endpoint, b""))
            assert (reply.status, await reply.read()) == (200, b"{}")
            reply.close()
    finally:
        await transport.aclose()
        server.close()
        await server.wait_closed()
    assert len(heads) == 2
    for head in heads:
        lines = head.decode().lower().split("\r\n")
        assert lines[0] == "get /v1/models http/1.1"
        assert "content-length: 0" in lines
        assert not any(line.startswith("transfer-encoding") for line in lines)
