"""Any sequence of attempts, outcomes, resets and waits: the book agrees with a reference that remembers everything."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import get_args

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

sys.path.insert(0, str(Path(__file__).parent))
from known import Clock, target

from router.errors import Kind
from router.snapshot import BreakerSettings
from router.state.health import HealthBook

LOG = logging.getLogger("router.state.health")
BREAKER = BreakerSettings(failures=3, min_requests=4, window=10.0, open=2.0, max_open=6.0)
TARGETS = {"a": target("p/a", breaker=BREAKER), "b": target("p/b", breaker=BREAKER)}
FAULTS = ("connect", "timeout", "server", "broken_stream", "empty")
PARKS = {"rate": (5.0, 60.0), "billing": (60.0, 600.0), "auth": (60.0, 60.0)}


class Naive:
    """One target as the specification tells it, with every event kept."""

    def __init__(self):
        self.changes = 0
        self.events = []
        """(time, failed) since it last closed."""
        self.open_for = self.open_until = 0.0
        self.guess = None
        self.parked = self.asked = 0.0
        self.trial = None

    def reason(self, now):
        if now < self.asked:
            return "parked", max(self.asked, self.parked), False
        if self.trial is not None and (self.open_for or now < self.parked):
            return "trial in flight", None, False
        if now < self.parked:
            return "parked", self.parked, True
        if now < self.open_until:
            return "breaker open", self.open_until, True
        return None

    def begin(self, lease, now):
        if self.open_for or now < max(self.parked, self.asked):
            if self.trial is not None:
                return {"proves": False, "trial": False}
            self.trial = lease
            return {"proves": True, "trial": True, "early": now < self.open_until, "since": self.changes}
        return {"proves": True, "trial": False, "since": self.changes}

    def counts(self, how):
        return how["proves"] and how["since"] == self.changes

    def give_back(self, lease):
        if self.trial is lease:
            self.trial = None

    def well(self, how, now):
        if how["trial"]:
            if self.open_for:
                self.open_for = self.open_until = 0.0
                self.events = []
                self.change()
            self.parked, self.guess = 0.0, None
        elif now >= self.parked:
            self.guess = None

    def began(self, lease, how, now):
        if how["trial"] and self.trial is lease:
            self.give_back(lease)
            if self.counts(how):
                self.well(how, now)
                how["since"] = self.changes
            how["trial"] = False

    def succeeded(self, lease, how, now):
        self.give_back(lease)
        if self.counts(how):
            self.well(how, now)
            self.events.append((now, False))

    def failed(self, lease, how, now, kind, told):
        self.give_back(lease)
        if kind in FAULTS and self.counts(how):
            self.fault(how, now)
        if kind in PARKS and not (kind == "rate" and told is not None and told <= 3):
            self.park(now, kind, told if told is not None and told > 3 else None)

    def fault(self, how, now):
        self.events.append((now, True))
        if self.open_for:
            self.open(now, self.open_for * (1 if how["early"] else 2))
            return
        recent = [failed for at, failed in self.events if now - at < BREAKER.window]
        places = [place for place, (_, failed) in enumerate(self.events) if failed]
        often = len(self.events) - places[-BREAKER.failures :][0] <= BREAKER.failures * 10
        if sum(recent) >= BREAKER.failures and len(recent) >= BREAKER.min_requests and often:
            self.open(now, BREAKER.open)

    def open(self, now, seconds):
        self.open_for = min(seconds, BREAKER.max_open)
        self.open_until = now + self.open_for
        self.change()

    def park(self, now, kind, told):
        before = max(self.parked, self.asked)
        if told is not None:
            self.asked = max(self.asked, now + told)
        elif now >= before:
            first, longest = PARKS[kind]
            self.guess = (kind, min(2 * self.guess[1], longest) if self.guess and self.guess[0] == kind else first)
            self.parked = now + self.guess[1]
        if now >= before:
            self.change()

    def change(self):
        self.changes += 1
        self.trial = None


class Health(RuleBasedStateMachine):
    leases = Bundle("leases")

    def __init__(self):
        super().__init__()
        LOG.disabled = True  # Thousands of breakers open here.
        self.clock = Clock(0.0)
        self.book = HealthBook(self.clock)
        self.naive = {name: Naive() for name in TARGETS}
        self.out = {}

    @rule(seconds=st.sampled_from([1.0, 2.0, 5.0, 9.75, 60.0]))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule(name=st.sampled_from(sorted(TARGETS)), target=leases)
    def begin(self, name):
        lease = self.book.attempt(TARGETS[name])
        self.out[lease] = name, self.naive[name].begin(lease, self.clock.now)
        return lease

    @rule(name=st.sampled_from(sorted(TARGETS)), count=st.integers(1, 4), kind=st.sampled_from(["server", "rate"]))
    def fail_together(self, name, count, kind):
        many = [self.begin(name) for _ in range(count)]
        for lease in many:
            self.fail(lease, kind, None)

    @rule(lease=leases)
    def answer_begins(self, lease):
        if lease in self.out:
            name, how = self.out[lease]
            lease.began()
            self.naive[name].began(lease, how, self.clock.now)

    @rule(lease=leases)
    def succeed(self, lease):
        lease.succeeded()
        if lease in self.out:  # Whatever is said of a lease that is over changes nothing.
            name, how = self.out.pop(lease)
            self.naive[name].succeeded(lease, how, self.clock.now)

    @rule(lease=leases, kind=st.sampled_from(get_args(Kind)), told=st.sampled_from([None, None, 1.0, 3.0, 4.0, 45.0]))
    def fail(self, lease, kind, told):
        lease.failed(kind, told)
        if lease in self.out:
            name, how = self.out.pop(lease)
            self.naive[name].failed(lease, how, self.clock.now, kind, told)

    @rule(lease=consumes(leases))
    def release(self, lease):
        lease.release()
        if lease in self.out:
            name, _ = self.out.pop(lease)
            self.naive[name].give_back(lease)

    @rule(name=st.sampled_from(sorted(TARGETS)))
    def reset(self, name):
        self.book.reset(f"p/{name}")
        changes = self.naive[name].changes
        self.naive[name] = Naive()
        self.naive[name].changes = changes + 1

    @invariant()
    def says_what_the_reference_says(self):
        for name, each in TARGETS.items():
            why = self.book.unavailable(each)
            assert self.naive[name].reason(self.clock.now) == (None if why is None else (why.reason, why.until, why.early))

    @invariant()
    def at_most_one_trial(self):
        for name in TARGETS:
            assert sum(lease.trial for lease, (of, _) in self.out.items() if of == name and self.naive[name].trial is lease) <= 1

    @invariant()
    def never_open_on_the_first_failure(self):
        for name, each in TARGETS.items():
            if self.book.seen(each).state == "open":
                assert sum(failed for _, failed in self.naive[name].events) >= 2

    @invariant()
    def memory_is_bounded(self):
        for record in self.book._records.values():
            assert len(record.condition._failures) <= 4 and len(record.condition._requests) <= 4

    def teardown(self):
        LOG.disabled = False
        for lease in self.out:
            lease.release()
        assert all(record.condition._trial is None for record in self.book._records.values())


Health.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestHealth = Health.TestCase
