"""Rows are data: complete, with a source, and naming what exists."""

import re
from urllib.parse import urlsplit

import pytest

from router.providers import TYPES
from router.providers.base import bearer, x_api_key

FORMATS = {"openai_chat", "anthropic_messages"}
WANTED = {
    *("openai", "anthropic", "openai_compatible", "anthropic_compatible", "ollama", "vllm", "openrouter", "mistral", "groq"),
    *("together", "deepseek", "xai", "huggingface", "sandbox"),
}


def test_every_type_of_the_language_has_a_row():
    assert set(TYPES) == WANTED
    assert all(name == row.name for name, row in TYPES.items())


@pytest.mark.parametrize("row", TYPES.values(), ids=lambda row: row.name)
def test_a_row_says_where_it_is_and_where_that_was_read(row):
    assert row.served
    assert set(row.served) <= FORMATS
    assert all(each.path.startswith("/") for each in row.served.values())
    if row.key == "unused":
        return
    assert all(re.fullmatch(r"https://[^/]+/\S*", source) for source in row.source.split(", "))
    if row.base_url is not None:
        assert urlsplit(row.base_url).scheme == ("http" if row.key == "optional" else "https")


@pytest.mark.parametrize("row", TYPES.values(), ids=lambda row: row.name)
def test_headers_of_a_row_are_lower_case_and_nothing_is_said_twice(row):
    for served in row.served.values():
        names = [*served.auth("k"), *served.defaults]
        assert names == [name.lower() for name in names]
        assert len(names) == len(set(names))
        assert all(name == name.lower() for name in served.passes)


def test_credentials_go_where_each_format_wants_them():
    assert (bearer("k"), x_api_key("k")) == ({"authorization": "Bearer k"}, {"x-api-key": "k"})
    signed = {name: {form: dict(served.auth("k")) for form, served in row.served.items()} for name, row in TYPES.items()}
    assert signed["anthropic"] == signed["anthropic_compatible"] == {"anthropic_messages": {"x-api-key": "k"}}
    assert signed["deepseek"] == {"openai_chat": {"authorization": "Bearer k"}, "anthropic_messages": {"x-api-key": "k"}}
    both = {"openai_chat": {"authorization": "Bearer k"}, "anthropic_messages": {"authorization": "Bearer k"}}
    assert signed["openrouter"] == signed["ollama"] == signed["vllm"] == both


def test_quirks_are_only_where_a_vendor_departs_from_its_format():
    departed = {name: (row.quirks.max_tokens_field, row.quirks.stream_usage) for name, row in TYPES.items()}
    departed = {name: quirks for name, quirks in departed.items() if quirks != (None, True)}
    assert departed == {
        "ollama": ("max_tokens", True),
        "mistral": ("max_tokens", False),
        "together": ("max_tokens", True),
        "deepseek": ("max_tokens", True),
        "huggingface": ("max_tokens", True),
    }


@pytest.mark.parametrize(
    "model",
    [
        *("claude-3-haiku-20240307", "claude-3-5-sonnet-20241022", "claude-3.7-sonnet", "claude-sonnet-4-20250514"),
        *("claude-opus-4-0", "claude-opus-4-1-20250805", "claude-haiku-4-5", "claude-sonnet-4.5"),
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_claude_before_4_6_continues_a_half_written_answer_over_its_own_format_only(model):
    assert {name for name, row in TYPES.items() if row.prefills(model)} == {"anthropic", "anthropic_compatible"}


@pytest.mark.parametrize(
    "model",
    [
        *(
            "claude-opus-4-6",
            "claude-sonnet-4.6",
            "claude-opus-4-8-20260601",
            "claude-opus-4-10",
            "claude-sonnet-5",
            "claude-opus-40",
        ),
        *("claude-fable-5", "claude-mythos-preview", "claude-instant", "gpt-4o", ""),
    ],
)
def test_nothing_else_is_known_to(model):
    assert [name for name, row in TYPES.items() if row.prefills(model)] == []


def test_models_are_listed_beside_what_is_served():
    """https://platform.claude.com/docs/en/api/models-list, https://api-docs.deepseek.com/api/list-models"""
    assert {name: row.listing for name, row in TYPES.items() if row.listing != "/v1/models"} == {
        "openai_compatible": "/models",
        "deepseek": "/models",
    }
