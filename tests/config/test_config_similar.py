"""The word someone most likely meant."""

import pytest

from router.config.similar import nearest


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("opnai", ["groq", "openai"], "openai"),
        ("targetr", ["target", "targets"], "targets"),
        ("fastr", ["fast", "faster"], "fast"),
        ("llt", ["lt", "lte"], "lt"),
        ("cat", ["car", "cap"], "car"),
        ("OpenAI", ["openai"], "openai"),
        ("abc", ["xyz"], None),
        ("", ["a"], "a"),
        ("a", [], None),
    ],
)
def test_the_nearest_word_of_the_same_length_else_the_first_that_is_near(word, known, found):
    assert nearest(word, known) == found
