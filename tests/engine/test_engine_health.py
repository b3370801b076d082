"""Attempts and what they teach: breakers, parking, trials, retry budgets, and where a failure leads instead."""

import asyncio
import json

from scripted import DONE, FINISH, ROLE, Remembering, Script, answer, ask, bench, error, run, text

PROVIDERS = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none}
"""
BREAKER = "breaker: {failures: 2, min_requests: 2, window: 30s, open: 5s, max_open: 15s}"
TWO = PROVIDERS + f"models: {{fast: {{targets: [a/m, b/m], retries: 0, {BREAKER}}}}}"
ONE = PROVIDERS + f"models: {{fast: {{targets: [a/m], retries: 0, {BREAKER}}}}}"


def fine(n: int = 1) -> list[Script]:
    return [Script(pieces=[answer()]) for _ in range(n)]


def down(n: int = 1, status: int = 500) -> list[Script]:
    return [Script(status, [error()]) for _ in range(n)]


def hosts(made) -> list[str]:
    return [host for host, _ in made.transport.sent]


def test_an_open_breaker_is_not_asked_and_lets_one_trial_through_when_its_time_is_over():
    async def main():
        made = bench(TWO, a=[*down(2), *fine(9)], b=fine(9))
        for _ in range(3):
            client, _ = await made.ask(ask())
            assert client.status == 200
        assert hosts(made) == ["a", "b", "a", "b", "b"]  # The third does not pay for what two have learned.
        await asyncio.sleep(5)
        await made.ask(ask())
        await made.ask(ask())
        assert hosts(made)[5:] == ["a", "a"]

    run(main())


def test_client_errors_open_no_breaker():
    async def main():
        made = bench(ONE, a=[*down(20, 400), *fine()])
        for _ in range(20):
            await made.ask(ask())
        client, _ = await made.ask(ask())
        assert client.status == 200

    run(main())


def test_a_single_target_is_never_cooled_to_death():
    async def main():
        made = bench(ONE, a=[*down(9), *fine()])
        statuses = [(await made.ask(ask()))[0].status for _ in range(10)]
        assert statuses == [500] * 9 + [200]  # One after the other each is a trial.

    run(main())


def test_in_a_total_outage_one_trial_at_a_time_and_the_rest_are_told_at_once_with_every_reason():
    async def main():
        made = bench(TWO, a=[*down(2), Script(late=30.0, pieces=[answer()])], b=[*down(2), Script(late=30.0, pieces=[answer()])])
        for _ in range(2):
            await made.ask(ask())
        first, second = Remembering(), Remembering()
        tasks = [asyncio.ensure_future(made.engine.handle(made.exchange(ask()), client)) for client in (first, second)]
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        client, x = await made.ask(ask())
        assert asyncio.get_running_loop().time() == began
        assert (client.status, x.error_code) == (503, "no_target_available")
        told = json.loads(client.body)["error"]["message"]
        assert "a/m: trial in flight" in told
        assert "b/m: trial in flight" in told
        await asyncio.gather(*tasks)
        assert (first.status, second.status) == (200, 200)

    run(main())


def test_a_target_parked_by_its_own_retry_after_is_not_asked_early_and_the_client_is_told_when():
    async def main():
        made = bench(ONE, a=[Script(429, [error(kind="rate_limit_error")], {"retry-after": "20"}), *fine()])
        client, _ = await made.ask(ask())
        assert (client.status, client.headers["retry-after"]) == (429, "20")
        await asyncio.sleep(5)
        client, _ = await made.ask(ask())
        assert (client.status, client.headers["retry-after"], len(made.transport.sent)) == (503, "15", 1)
        await asyncio.sleep(15)
        assert (await made.ask(ask()))[0].status == 200

    run(main())


def test_a_client_that_leaves_gives_the_trial_back():
    async def main():
        made = bench(ONE, a=[*down(2), Script(late=100.0), *fine()])
        for _ in range(2):
            await made.ask(ask())
        task = asyncio.ensure_future(made.engine.handle(made.exchange(ask()), Remembering()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert (await made.ask(ask()))[0].status == 200

    run(main())


def test_broken_streams_open_the_breaker_and_whole_ones_close_it():
    async def main():
        cut = [Script(pieces=[ROLE, text("Hel")]) for _ in range(2)]
        whole = [Script(pieces=[ROLE, text("Hello"), FINISH, DONE]) for _ in range(3)]
        made = bench(TWO, a=[*cut, *whole], b=[Script(pieces=[ROLE, text("Hi"), FINISH, DONE])])
        for _ in range(2):
            await made.ask(ask(stream=True))
        await made.ask(ask(stream=True))
        assert hosts(made) == ["a", "a", "b"]
        await asyncio.sleep(5)
        await made.ask(ask(stream=True))
        await made.ask(ask(stream=True))
        assert hosts(made)[3:] == ["a", "a"]

    run(main())


def test_retries_are_a_share_of_the_requests():
    async def main():
        yaml = PROVIDERS + "models: {fast: {targets: [a/m], retries: 1, breaker: none, retry_budget: {share: 10%, min: 2}}}"
        made = bench(yaml, a=down(100))
        await asyncio.gather(*(made.ask(ask()) for _ in range(20)))
        assert len(made.transport.sent) <= 20 + 4

    run(main())


def test_an_outcome_can_lead_elsewhere():
    async def main():
        yaml = PROVIDERS + (
            "models:\n"
            "  fast: {targets: [a/m, a/n], outcomes: {context: {next: [long]}}}\n"
            "  long: {targets: [b/long], fallback: [fast]}\n"
        )
        made = bench(yaml, a=[Script(400, [error("too long", "context_length_exceeded", "invalid_request_error")])], b=fine())
        client, x = await made.ask(ask())
        assert client.status == 200
        assert [str(attempt) for attempt in x.attempts] == ["a/m:400", "b/long:200"]

    run(main())


def test_a_context_error_skips_targets_whose_window_is_no_larger():
    async def main():
        yaml = PROVIDERS + (
            "models: {fast: {targets: [{target: a/m, context: 8000}, {target: b/small, context: 8000},"
            " {target: b/large, context: 32000}]}}"
        )
        made = bench(yaml, a=[Script(400, [error("too long", "context_length_exceeded", "invalid_request_error")])], b=fine())
        _, x = await made.ask(ask())
        assert [str(attempt) for attempt in x.attempts] == ["a/m:400", "b/large:200"]

    run(main())


def test_a_client_is_told_the_soonest_recovery_of_all_that_were_tried():
    async def main():
        limited = [Script(429, [error(kind="rate_limit_error")], {"retry-after": seconds}) for seconds in ("20", "7")]
        made = bench(TWO, a=[limited[0]], b=[limited[1]])
        client, _ = await made.ask(ask())
        assert (client.status, client.headers["retry-after"]) == (429, "7")

    run(main())


def test_a_retry_does_not_run_beside_another_requests_trial():
    async def main():
        yaml = PROVIDERS + f"models: {{fast: {{targets: [a/m], retries: 1, backoff: {{base: 2s, max: 2s}}, {BREAKER}}}}}"
        made = bench(yaml, a=[*down(2), Script(late=10.0, pieces=[answer()])])
        both = await asyncio.gather(made.ask(ask()), made.ask(ask()))
        assert [client.status for client, _ in both] == [200, 500]
        assert made.transport.sent == [("a", 0.0), ("a", 0.0), ("a", 2.0)]  # The second finds the first's trial under way.

    run(main())
