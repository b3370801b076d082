from __future__ import annotations

import os
import threading
import time

import pytest

from router.observe.sink import Sink

PIPE = 65_536  # What a pipe holds on Linux before its writer blocks.


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def read_all(fd: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(fd, size - len(got))
    return got


def test_lines_of_many_threads_arrive_whole_and_each_threads_in_order(pipe):
    sink = Sink(pipe[1])

    def put(name: int) -> None:
        for n in range(200):
            sink.put(b"%d %d\n" % (name, n))

    threads = [threading.Thread(target=put, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sink.close(5)
    os.close(pipe.pop())
    lines = [tuple(map(int, line.split())) for line in read_all_to_end(pipe[0])]
    assert sorted(lines) == [(name, n) for name in range(4) for n in range(200)]
    assert all([n for name, n in lines if name == own] == list(range(200)) for own in range(4))
    assert sink.dropped == 0


def read_all_to_end(fd: int) -> list[bytes]:
    got = b""
    while part := os.read(fd, PIPE):
        got += part
    return got.splitlines()


def test_reader_that_sleeps_costs_lines_and_never_time(pipe):
    sink = Sink(pipe[1], capacity=100_000)
    line = b"x" * 999 + b"\n"
    started = time.perf_counter()
    for _ in range(1000):
        sink.put(line)
    assert time.perf_counter() - started < 1
    # 100 lines wait at the most, and 65 more when the first batch has gone to the pipe already.
    assert 1000 - 100 - 66 <= sink.dropped <= 1000 - 100
    sink.close(0)


def test_lines_flow_again_when_the_reader_wakes(pipe):
    sink = Sink(pipe[1], capacity=2 * PIPE)
    for _ in range(2):
        sink.put(b"x" * (PIPE - 1) + b"\n")
    assert read_all(pipe[0], 2 * PIPE) == 2 * (b"x" * (PIPE - 1) + b"\n")
    sink.put(b"again\n")
    assert read_all(pipe[0], 6) == b"again\n"
    sink.close(5)
    assert sink.dropped == 0


def test_closing_gives_up_on_a_dead_reader_in_time(pipe):
    sink = Sink(pipe[1])
    sink.put(b"x" * (PIPE + 1))
    sink.put(b"y\n")
    started = time.perf_counter()
    sink.close(0.1)
    assert time.perf_counter() - started < 1
    read_all(pipe[0], PIPE + 1)  # Lets the thread go, so that the test leaves none behind.


def test_reader_that_is_gone_is_counted_and_survived(tmp_path):
    end, begin = os.pipe()
    os.close(end)
    sink = Sink(begin)
    sink.put(b"lost\n")
    sink.close(5)
    os.close(begin)
    assert sink.dropped == 1


def test_after_closing_lines_are_dropped(pipe):
    sink = Sink(pipe[1])
    sink.close(5)
    sink.put(b"late\n")
    assert sink.dropped == 1


def test_descriptor_that_was_made_non_blocking_by_others_is_waited_for(pipe):
    os.set_blocking(pipe[1], False)
    sink = Sink(pipe[1])
    sink.put(b"x" * 3 * PIPE)
    assert read_all(pipe[0], 3 * PIPE) == b"x" * 3 * PIPE
    sink.close(5)
    assert sink.dropped == 0
