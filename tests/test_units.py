"""Durations, sizes, shares, counts and rates."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import units
from router.units import Rate, parse_count, parse_duration, parse_rate, parse_share, parse_size

FORMS = {
    parse_duration: units.DURATION,
    parse_size: units.SIZE,
    parse_share: units.SHARE,
    parse_count: units.COUNT,
    parse_rate: units.RATE,
}


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_duration, "250ms", 0.25),
        (parse_duration, "30s", 30.0),
        (parse_duration, "1.5m", 90.0),
        (parse_duration, "24h", 86400.0),
        (parse_duration, "7d", 604800.0),
        (parse_duration, "0s", 0.0),
        (parse_size, "512B", 512),
        (parse_size, "64KiB", 65536),
        (parse_size, "64MiB", 67108864),
        (parse_size, "1GiB", 1073741824),
        (parse_share, "5%", 0.05),
        (parse_share, "0.5%", 0.005),
        (parse_share, "100%", 1.0),
        (parse_count, "60", 60),
        (parse_count, "60k", 60_000),
        (parse_count, "1.5M", 1_500_000),
        (parse_rate, "60/1m", Rate(60, 60.0)),
        (parse_rate, "100k/1d", Rate(100_000, 86400.0)),
    ],
)
def test_each_unit_is_read_exactly(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_duration, "30"),
        (parse_duration, "30 s"),
        (parse_duration, "30S"),
        (parse_duration, "30s\n"),
        (parse_duration, "-3s"),
        (parse_duration, "1h30m"),
        (parse_duration, "٣s"),
        (parse_size, "64MB"),
        (parse_size, "1.5GiB"),
        (parse_share, "5"),
        (parse_share, "101%"),
        (parse_count, "1.5"),
        (parse_count, "0.0001k"),
        (parse_count, "5m"),
        (parse_rate, "60"),
        (parse_rate, "0/1s"),
        (parse_rate, "5/0s"),
        (parse_rate, "5/100ms"),
    ],
)
def test_what_is_not_of_the_form_is_refused_without_repeating_it(parse, text):
    with pytest.raises(ValueError, match="expected") as refused:
        parse(text)
    assert text not in str(refused.value).replace("such as 250ms, 30s, 5m", "").replace("60k", "").replace("60/1m", "")


@pytest.mark.parametrize("parse", FORMS)
@given(data=st.data())
def test_every_text_of_the_form_is_read_and_no_other(parse, data):
    form = FORMS[parse]
    text = data.draw(st.one_of(st.from_regex(form, fullmatch=True, alphabet=st.characters(codec="ascii")), st.text(max_size=8)))
    if re.fullmatch(form, text):
        value = parse(text)
        assert value == int(value) if parse in {parse_size, parse_count} else value is not None
    else:
        with pytest.raises(ValueError, match="expected"):
            parse(text)


@given(st.from_regex(units.COUNT, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_no_count_is_rounded(text):
    number, many = (text[:-1], {"k": 1000, "M": 1_000_000}[text[-1]]) if text[-1] in "kM" else (text, 1)
    whole, _, part = number.partition(".")
    assert parse_count(text) * 10 ** len(part) == int(whole + part) * many
