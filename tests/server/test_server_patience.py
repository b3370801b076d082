"""What clients say about their patience."""

import pytest
from running import SERVER, running

from router.errors import BadRequest
from router.server.patience import deadline_of, silence_of

YAML = SERVER + ("providers: {slow: {type: sandbox, first_token: 30s}}\nmodels: {slow: {targets: [slow/x]}}\n")
ASK = {"model": "slow", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.mark.parametrize(("text", "seconds"), [("30", 30.0), ("1.5", 1.5), ("250ms", 0.25), ("2m", 120.0)])
def test_a_deadline_is_seconds_or_a_duration(text, seconds):
    assert deadline_of({"x-router-deadline": text}) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "-3", "nan", "inf", "30 s"])
def test_a_deadline_that_is_none_is_refused_by_name(text):
    with pytest.raises(BadRequest) as raised:
        deadline_of({"x-router-deadline": text})
    assert raised.value.param == "x-router-deadline"


@pytest.mark.parametrize(("text", "seconds"), [("600", 600.0), ("NOT_GIVEN", None), ("None", None), ("0", None), ("-1", None)])
def test_an_sdks_read_timeout_is_taken_where_it_is_a_time(text, seconds):
    assert silence_of({"x-stainless-read-timeout": text}) == seconds


async def test_the_headers_bound_a_real_request(tmp_path):
    async with running(tmp_path, YAML) as router:
        status, _, body = await router.post("/v1/chat/completions", ASK, {"x-router-deadline": "200ms"})
        assert (status, b"upstream_timeout" in body) == (504, True)
        status, _, _ = await router.post("/v1/messages", ASK | {"max_tokens": 5}, {"x-stainless-read-timeout": "0.2"})
        assert status == 504
        status, _, body = await router.post("/v1/chat/completions", ASK, {"x-router-deadline": "later"})
        assert (status, b"x-router-deadline" in body) == (400, True)
