"""When a target is left alone, for how long, and what brings it back."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import get_args

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))
from known import book, open_up, target
from scripted import compiled

from router.errors import Kind
from router.snapshot import BreakerSettings, RetryBudget
from router.state.condition import FAILURES
from router.state.health import FORGET_AFTER, MAX_KNOWN, Seen
from router.state.live import Live
from router.world import BREAKER_OPEN, PARKED, TRIAL, Unavailable

A = target()


def test_nothing_speaks_against_who_was_never_asked():
    health, _ = book()
    assert health.unavailable(A) is None
    assert health.seen(A) == Seen("closed", None, None, 0, None, None)


@pytest.mark.parametrize("kind", sorted(FAILURES))
def test_upstream_faults_open_it_at_the_fifth_and_for_five_seconds(kind):
    health, clock = book()
    for _ in range(4):
        health.attempt(A).failed(kind, None)
        clock.now += 1
        assert health.unavailable(A) is None
    health.attempt(A).failed(kind, None)
    assert health.unavailable(A) == Unavailable(BREAKER_OPEN, clock.now + 5, kind, early=True)
    assert health.seen(A) == Seen("open", clock.now, clock.now + 5, 5, kind, clock.now)


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - FAILURES))
def test_other_failures_never_open_it_and_do_not_count_as_requests(kind):
    health, clock = book()
    health.attempt(A).failed("server", None)
    for _ in range(100):
        health.attempt(A).failed(kind, 1.0)
    clock.now += 1
    assert health.seen(A).failures == 1
    health.reset("a")
    many = target(breaker=BreakerSettings(failures=2, min_requests=3))
    health.attempt(many).failed("server", None)
    health.attempt(many).failed("client", None)
    health.attempt(many).failed("server", None)
    assert health.unavailable(many) is None, "two requests are not three"
    health.attempt(many).succeeded()
    health.attempt(many).failed("server", None)
    assert health.seen(many).state == "open"


def test_failures_that_left_the_window_are_forgotten():
    health, clock = book()
    for _ in range(4):
        health.attempt(A).failed("server", None)
    clock.now += 30
    health.attempt(A).failed("server", None)
    assert health.unavailable(A) is None
    assert health.seen(A).failures == 1


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_the_first_failure_never_opens_it(failures):
    health, _ = book()
    strict = target(breaker=BreakerSettings(failures=failures, min_requests=0))
    for _ in range(3):
        health.attempt(strict).succeeded()
    health.attempt(strict).failed("server", None)
    assert health.unavailable(strict) is None
    health.attempt(strict).failed("server", None)
    assert health.seen(strict).state == "open"


def test_after_its_time_one_trial_goes_through_and_its_success_closes_it():
    health, clock = book()
    open_up(health, A)
    clock.now += 5
    assert health.unavailable(A) is None
    assert health.seen(A).state == "trial"
    trial = health.attempt(A)
    assert health.unavailable(A) == Unavailable(TRIAL, None, "server")
    trial.succeeded()
    assert health.unavailable(A) is None
    assert health.seen(A) == Seen("closed", clock.now, None, 0, "server", clock.now - 5)


def test_a_failed_trial_doubles_the_time_up_to_its_bound_and_success_starts_over():
    health, clock = book()
    open_up(health, A)
    for seconds in (10, 15, 15):
        clock.now = health.seen(A).until
        health.attempt(A).failed("timeout", None)
        assert health.unavailable(A) == Unavailable(BREAKER_OPEN, clock.now + seconds, "timeout", early=True)
    clock.now = health.seen(A).until
    health.attempt(A).succeeded()
    open_up(health, A)
    assert health.seen(A).until == clock.now + 5


def test_an_early_trial_does_not_double_the_time():
    health, clock = book()
    open_up(health, A)
    for _ in range(4):
        clock.now += 1
        health.attempt(A).failed("server", None)
        assert health.seen(A).until == clock.now + 5


@pytest.mark.parametrize("end", ["release", "client", "context", "policy"])
def test_a_trial_that_shows_nothing_is_given_back(end):
    health, clock = book()
    open_up(health, A)
    clock.now += 5
    trial = health.attempt(A)
    trial.release() if end == "release" else trial.failed(end, None)
    assert health.unavailable(A) is None
    again = health.attempt(A)
    assert health.unavailable(A).reason == TRIAL
    trial.release()
    assert health.unavailable(A).reason == TRIAL, "a lease that is over cannot give back another's trial"
    again.succeeded()
    assert health.seen(A).state == "closed"


def test_only_the_first_word_of_a_lease_counts():
    health, _ = book()
    lease = health.attempt(A)
    lease.succeeded()
    for _ in range(9):
        lease.failed("server", None)
    lease.release()
    assert health.seen(A).failures == 0
    lease = health.attempt(A)
    lease.release()
    lease.failed("server", None)
    assert health.seen(A).failures == 0


def test_a_stream_that_begins_is_proof_enough_and_its_end_counts_all_the_same():
    health, clock = book()
    open_up(health, A)
    clock.now += 5
    trial = health.attempt(A)
    trial.began()
    assert health.unavailable(A) is None
    assert health.seen(A).state == "closed"
    clock.now += 60
    trial.failed("broken_stream", None)
    assert health.seen(A).failures == 1
    ordinary = health.attempt(A)
    ordinary.began()
    ordinary.succeeded()
    assert health.seen(A).failures == 1


def test_attempts_that_began_before_a_change_prove_nothing_after_it():
    health, clock = book()
    hanging = [health.attempt(A) for _ in range(20)]
    open_up(health, A)
    hanging.pop().succeeded()
    assert health.seen(A).state == "open"
    clock.now += 5
    health.attempt(A).succeeded()
    for lease in hanging:
        lease.failed("timeout", None)
    assert health.unavailable(A) is None
    assert health.seen(A).failures == 0


def test_health_belongs_to_provider_key_and_upstream_model():
    health, _ = book()
    open_up(health, A)
    assert health.unavailable(target("a/alias", model="m")) is not None
    for other in (target("a/sibling"), target("b/m"), target(credential="another")):
        assert health.unavailable(other) is None


def test_without_a_breaker_it_is_never_taken_out_for_failing():
    health, _ = book()
    stoic = target(breaker=None)
    open_up(health, stoic, 50)
    assert health.unavailable(stoic) is None
    open_up(health, A)
    assert health.unavailable(A) is not None
    assert (health.unavailable(stoic), health.seen(stoic).state) == (None, "closed")
    trial = health.attempt(A)
    assert health.unavailable(stoic) is None
    health.attempt(stoic).failed("server", None)
    trial.succeeded()
    assert health.unavailable(A) is None


def test_larger_settings_of_a_second_model_see_what_they_need():
    health, _ = book()
    patient = target(breaker=BreakerSettings(failures=8, min_requests=8))
    open_up(health, patient, 4)
    health.attempt(A).succeeded()
    for _ in range(3):
        health.attempt(patient).failed("server", None)
        assert health.unavailable(patient) is None
    health.attempt(patient).failed("server", None)
    assert health.seen(patient).state == "open"


# 429, billing, keys


def test_a_retry_after_that_is_too_long_parks_until_then_and_nobody_is_early():
    health, clock = book()
    health.attempt(A).failed("rate", 3.0)
    assert health.unavailable(A) is None, "that long one can wait"
    health.attempt(A).failed("rate", 37.0)
    assert health.unavailable(A) == Unavailable(PARKED, clock.now + 37, "rate", early=False)
    assert health.seen(A) == Seen("parked", clock.now, clock.now + 37, 0, "rate", clock.now)
    clock.now += 37
    assert health.unavailable(A) is None
    assert health.seen(A).state == "closed"


def test_a_429_without_one_parks_for_five_seconds_doubling_to_sixty_and_success_starts_over():
    health, clock = book()
    for seconds in (5, 10, 20, 40, 60, 60):
        health.attempt(A).failed("rate", None)
        assert health.unavailable(A) == Unavailable(PARKED, clock.now + seconds, "rate", early=True)
        clock.now += seconds
        assert health.unavailable(A) is None
    health.attempt(A).succeeded()
    health.attempt(A).failed("rate", None)
    assert health.unavailable(A).until == clock.now + 5


@pytest.mark.parametrize(("kind", "seconds"), [("billing", (60, 120, 240, 480, 600, 600)), ("auth", (60, 60))])
def test_bills_and_refused_keys_park_for_long(kind, seconds):
    health, clock = book()
    for each in seconds:
        health.attempt(A).failed(kind, None)
        assert health.unavailable(A) == Unavailable(PARKED, clock.now + each, kind, early=True)
        clock.now += each


def test_fifty_refusals_at_once_are_one():
    health, clock = book()
    leases = [health.attempt(A) for _ in range(50)]
    for lease in leases:
        lease.failed("rate", None)
    assert health.unavailable(A).until == clock.now + 5


def test_the_longest_time_the_upstream_has_said_counts_and_outlives_a_success():
    health, clock = book()
    leases = [health.attempt(A) for _ in range(4)]
    leases[0].failed("rate", 20.0)
    leases[1].failed("rate", 50.0)
    leases[2].failed("rate", None)
    leases[3].succeeded()
    assert health.unavailable(A) == Unavailable(PARKED, clock.now + 50, "rate")
    clock.now += 50
    health.attempt(A).succeeded()
    assert health.unavailable(A) is None


def test_an_absurd_retry_after_is_a_day():
    health, clock = book()
    health.attempt(A).failed("rate", 1e12)
    assert health.unavailable(A).until == clock.now + 86_400


def test_one_request_at_a_time_may_find_out_early_when_we_only_guess():
    health, clock = book()
    health.attempt(A).failed("rate", None)
    clock.now += 1
    trial = health.attempt(A)
    assert health.unavailable(A).reason == TRIAL
    trial.failed("rate", None)
    assert health.unavailable(A) == Unavailable(PARKED, clock.now + 4, "rate", early=True), "no doubling while it lasts"
    health.attempt(A).succeeded()
    assert health.unavailable(A) is None


def test_a_rate_limit_neither_opens_nor_closes_a_breaker():
    health, clock = book()
    open_up(health, A)
    clock.now += 5
    health.attempt(A).failed("rate", None)
    assert health.unavailable(A) == Unavailable(PARKED, clock.now + 5, "rate", early=True)
    clock.now += 5
    assert health.seen(A).state == "trial"
    health.attempt(A).failed("server", None)
    assert health.seen(A).until == clock.now + 10


def test_a_shorter_retry_after_max_parks_sooner():
    health, clock = book()
    lease = health.attempt(A)
    lease.failed("rate", 3.001)
    assert health.unavailable(A).until == clock.now + 3.001


# Retries


def test_a_fifth_of_recent_requests_may_be_repeated_but_three_always():
    health, clock = book()
    assert [health.may_retry(A) for _ in range(4)] == [True, True, True, False]
    for _ in range(103):  # Three of them are those repeats.
        health.attempt(A).release()
    granted = 0
    while health.may_retry(A):
        health.attempt(A).release()
        granted += 1
    assert 3 + granted == 20
    clock.now += 9
    assert not health.may_retry(A)
    clock.now += 1
    assert [health.may_retry(A) for _ in range(4)] == [True, True, True, False]


def test_no_retries_at_all_can_be_asked_for():
    health, _ = book()
    assert not health.may_retry(target(budget=RetryBudget(0.0, 0)))


def test_recent_means_ten_seconds_also_after_a_pause():
    health, clock = book()
    generous = target(budget=RetryBudget(1.0, 0))
    for _ in range(7):
        health.attempt(generous)
        clock.now += 1
    granted = 0
    while health.may_retry(generous):
        health.attempt(generous)
        granted += 1
    assert granted == 7
    clock.now += 1000
    assert not health.may_retry(generous)
    health.attempt(generous)
    assert health.may_retry(generous)
    assert not health.may_retry(generous)


# People, probes, reloads


def test_a_reset_forgets_what_speaks_against_it_and_says_how_many():
    health, clock = book()
    b = target("b/m")
    open_up(health, A)
    sibling = target("a/n", label="a/*")
    health.attempt(sibling).failed("rate", 900.0)
    health.attempt(b).failed("billing", None)
    assert health.knows("a/m") and not health.knows("a/x") and not health.knows("c")
    assert health.reset("a/x") == 0
    assert health.reset("a/m") == 1
    assert health.reset("a/m") == 0
    assert health.unavailable(A) is None
    assert health.reset("a/*") == 1
    assert (health.unavailable(sibling), health.unavailable(b).reason) == (None, PARKED)
    assert health.reset("b") == 1
    health.attempt(b).failed("billing", None)
    assert health.unavailable(b).until == clock.now + 60, "the doubling is forgotten too"


def test_a_reset_ends_a_trial_and_what_comes_of_it_proves_nothing():
    health, _ = book()
    open_up(health, A)
    trial = health.attempt(A)
    health.reset("a")
    assert health.unavailable(A) is None
    trial.failed("server", None)
    assert health.seen(A).failures == 0


YAML = """
version: 1
providers:
  a: {type: openai_compatible, base_url: "http://a/v1", api_key: none}
  b: {type: openai_compatible, base_url: "http://b/v1", api_key: none}
models:
  fast: {targets: [a/m, a/n], fallback: [b/m]}
  "gpt-*": {targets: ["b/gpt-*"]}
"""


def find(snapshot, model, id_):
    found = snapshot.model(model)
    return next(t for each in (found, *found.fallback) for t in each.targets if t.id == id_)


def test_health_survives_a_reload_and_goes_with_an_address_that_is_gone():
    world = Live(lambda: 0.0, clock := book()[1])
    before = compiled(YAML)
    world.health.reconcile(before)
    open_up(world.health, find(before, "fast", "a/m"))
    open_up(world.health, find(before, "gpt-5", "b/gpt-5"))
    after = compiled(YAML.replace("fast:", "quick:"))
    world.health.reconcile(after)
    assert world.unavailable(find(after, "quick", "a/m")).reason == BREAKER_OPEN
    moved = compiled(YAML.replace("http://a/v1", "http://new/v1"))
    world.health.reconcile(moved)
    assert world.unavailable(find(moved, "fast", "a/m")) is None
    world.health.reconcile(before)
    assert world.unavailable(find(before, "fast", "a/m")).reason == BREAKER_OPEN, "a rollback finds what was known"
    clock.now += FORGET_AFTER + 1
    world.health.reconcile(moved)
    assert not world.health.knows("a/m")
    assert world.health.knows("b/gpt-5"), "a pattern's models are the pattern's as long as it is there"
    world.health.reconcile(compiled(YAML.partition('  "gpt-*')[0]))
    assert not world.health.knows("b/gpt-5")


def test_states_are_told_by_the_names_of_the_file():
    health, _ = book()
    snapshot = compiled(YAML)
    health.reconcile(snapshot)
    open_up(health, find(snapshot, "fast", "a/n"))
    for n in range(3):
        health.attempt(find(snapshot, f"gpt-{n}", f"b/gpt-{n}")).failed("billing" if n == 1 else "client", None)
    assert list(health.states()) == [
        ("a/m", "closed"),
        ("a/n", "open"),
        ("b/m", "closed"),
        ("b/gpt-*", "closed"),
        ("b/gpt-*", "parked"),
        ("b/gpt-*", "closed"),
    ]


def test_a_good_probe_ends_the_open_time_and_a_failing_one_is_a_failure():
    health, clock = book()
    snapshot = compiled(YAML)
    health.reconcile(snapshot)
    a, n, b = (find(snapshot, "fast", id_) for id_ in ("a/m", "a/n", "b/m"))
    health.probed("a", None)
    open_up(health, a)
    health.probed("b", None)
    assert health.unavailable(a).reason == BREAKER_OPEN
    health.probed("a", None)
    assert health.unavailable(a) is None
    trial = health.attempt(a)
    health.probed("a", None)
    assert health.unavailable(a).reason == TRIAL, "still one at a time"
    trial.failed("server", None)
    assert health.seen(a).until == clock.now + 10
    for _ in range(4):
        health.probed("a", "connect")
    assert (health.unavailable(n), health.seen(a).until) == (None, clock.now + 10)
    health.probed("a", "connect")
    assert health.seen(n) == Seen("open", clock.now, clock.now + 5, 5, "connect", clock.now)
    assert health.unavailable(b) is None


def test_a_good_probe_does_not_end_what_the_upstream_asked_for():
    health, clock = book()
    snapshot = compiled(YAML)
    health.reconcile(snapshot)
    a = find(snapshot, "fast", "a/m")
    health.attempt(a).failed("rate", 30.0)
    health.probed("a", None)
    assert health.unavailable(a).until == clock.now + 30


def test_memory_is_bounded_whatever_clients_name():
    health, clock = book()
    open_up(health, A)
    for n in range(2 * MAX_KNOWN):
        clock.now += 0.0001
        health.attempt(target(f"a/gpt-{n}")).failed("client", None)
    assert len(health._records) <= MAX_KNOWN
    assert health.unavailable(A) is not None, "what there is something to say of stays longest"
    for _ in range(10_000):
        health.attempt(A).failed("server", None)
        health.attempt(target("a/busy")).succeeded()
    assert all(len(r.condition._failures) <= 5 and len(r.condition._requests) <= 5 for r in health._records.values())


def test_changes_of_state_are_logged_once(caplog):
    caplog.set_level(logging.INFO, "router.state.health")
    health, clock = book()
    open_up(health, A, 8)
    health.attempt(A).failed("server", None)
    clock.now += 5
    health.attempt(A).succeeded()
    for kind in ("rate", "rate", "billing"):
        health.attempt(A).failed(kind, None)
    clock.now += 60
    health.attempt(A).failed("billing", None)
    told = [(r.levelname, r.msg, r.target, getattr(r, "because", None), getattr(r, "seconds", None)) for r in caplog.records]
    assert told == [
        ("WARNING", "breaker_open", "a/m", "server", 5.0),
        ("INFO", "breaker_closed", "a/m", None, None),
        ("INFO", "target_parked", "a/m", "rate", 5.0),
        ("WARNING", "target_parked", "a/m", "billing", 60.0),
    ]


def test_a_reset_of_who_was_well_makes_what_runs_prove_nothing_too():
    health, _ = book()
    leases = [health.attempt(A) for _ in range(9)]
    assert health.reset("a/m") == 0
    for lease in leases:
        lease.failed("server", None)
    assert (health.unavailable(A), health.seen(A).failures) == (None, 0)


def test_a_busy_target_is_not_taken_out_for_one_failure_in_a_hundred():
    health, clock = book()
    for _ in range(20):
        for _ in range(99):
            health.attempt(A).succeeded()
        health.attempt(A).failed("server", None)
        clock.now += 1
    assert health.unavailable(A) is None
    for _ in range(5):
        health.attempt(A).failed("server", None)
    assert health.unavailable(A).reason == BREAKER_OPEN
