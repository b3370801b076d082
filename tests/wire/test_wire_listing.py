"""The list of models, in both shapes."""

import orjson

from router.wire import FORMATS
from router.wire.listing import Listed, render_model, render_models

MODELS = [Listed("fast", 128_000, [{"target": "a/m", "price": None}]), Listed("plain")]


def test_openai_gets_a_list_of_models():
    assert orjson.loads(render_models(FORMATS["openai_chat"], MODELS)) == {
        "object": "list",
        "data": [
            {
                "id": "fast",
                "object": "model",
                "created": 0,
                "owned_by": "router",
                "context_window": 128_000,
                "targets": [{"target": "a/m", "price": None}],
            },
            {"id": "plain", "object": "model", "created": 0, "owned_by": "router"},
        ],
    }


def test_anthropic_gets_a_page_of_them():
    page = orjson.loads(render_models(FORMATS["anthropic_messages"], MODELS))
    assert {key: page[key] for key in ("has_more", "first_id", "last_id")} == {
        "has_more": False,
        "first_id": "fast",
        "last_id": "plain",
    }
    assert page["data"][1] == {
        "id": "plain",
        "type": "model",
        "display_name": "plain",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
    }
    assert page["data"][0]["max_input_tokens"] == 128_000
    empty = orjson.loads(render_models(FORMATS["anthropic_messages"], []))
    assert empty == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_one_model_is_the_row_of_the_list():
    for name in FORMATS:
        rows = orjson.loads(render_models(FORMATS[name], MODELS))["data"]
        assert [orjson.loads(render_model(FORMATS[name], model)) for model in MODELS] == rows
