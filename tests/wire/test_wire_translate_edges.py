"""What goes wrong between formats, row by row: what comes in, and what is right."""

import json

import pytest

from router.errors import BadRequest
from router.types import Usage
from router.wire import anthropic_messages, openai_chat
from router.wire.base import Named, StreamFault, Wanted
from router.wire.translate import translate_answer, translate_request

NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)
OLD, NEW = "claude-sonnet-4-5", "claude-opus-4-8"
TOOL = {"type": "function", "function": {"name": "get", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}}
ASKED = [{"role": "user", "content": "hi"}]


def to_anthropic(body, *, model=OLD, **wanted):
    """The body sent, what was dropped, what was defaulted."""
    raw = json.dumps({"model": "fast", "messages": ASKED, **body}).encode()
    built = translate_request(openai_chat, anthropic_messages, openai_chat.peek(raw), Wanted(model, **wanted))
    return json.loads(built.body), built.dropped, built.defaulted


def to_openai(body, **wanted):
    raw = json.dumps({"model": "fast", "max_tokens": 10, "messages": ASKED, **body}).encode()
    built = translate_request(anthropic_messages, openai_chat, anthropic_messages.peek(raw), Wanted("gpt", **wanted))
    return json.loads(built.body), built.dropped, built.defaulted


def refusal(translate, body, **wanted):
    with pytest.raises(BadRequest) as caught:
        translate(body, **wanted)
    return caught.value.message


# --- tuning ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "limit", "defaulted"),
    [
        ({}, 4096, ("max_tokens=4096",)),
        ({"max_tokens": 7}, 7, ()),
        ({"max_completion_tokens": 8}, 8, ()),
        ({"max_tokens": 7, "max_completion_tokens": 8}, 7, ()),
        ({"max_tokens": 0}, 4096, ("max_tokens=4096",)),
        ({"max_tokens": -1}, 4096, ("max_tokens=4096",)),
        ({"max_tokens": None}, 4096, ("max_tokens=4096",)),
    ],
)
def test_output_limit(said, limit, defaulted):
    body, _, set_here = to_anthropic(said)
    assert (body["max_tokens"], set_here) == (limit, defaulted)


def test_output_limit_of_the_file_comes_before_the_default():
    body, _, defaulted = to_anthropic({}, params={"max_tokens": 50})
    assert (body["max_tokens"], defaulted) == (50, ("max_tokens=50",))


def test_output_limit_beyond_32_bits_is_refused():
    assert refusal(to_anthropic, {"max_tokens": 2**32}) == "max_tokens: 4294967296 is beyond any model's limit"


def test_output_limit_goes_under_the_name_the_vendor_knows():
    body, _, _ = to_openai({}, max_tokens_field="max_tokens")
    assert body["max_tokens"] == 10
    assert "max_completion_tokens" not in body


def test_prewarming_the_cache_is_refused_elsewhere():
    assert refusal(to_openai, {"max_tokens": 0}).startswith("max_tokens: 0 only fills the prompt cache")


@pytest.mark.parametrize("said", [0.7, 0, 1, 1.0])
def test_temperature_is_exact(said):
    body, dropped, _ = to_anthropic({"temperature": said})
    assert (body["temperature"], dropped) == (said, ())


def test_temperature_above_one_is_one_and_said():
    body, dropped, _ = to_anthropic({"temperature": 1.5})
    assert (body["temperature"], dropped) == (1.0, ("temperature>1",))


def test_sampling_is_dropped_for_models_that_refuse_it():
    body, dropped, _ = to_anthropic({"temperature": 0.5, "top_p": 0.5, "top_k": 5}, model=NEW)
    assert dropped == ("temperature", "top_p", "top_k")
    assert body.keys() == {"model", "max_tokens", "messages"}


def test_params_fill_in_what_the_client_did_not_say():
    params = {"temperature": 0.1, "seed": 3, "top_p": 0.9, "thinking": {"type": "disabled"}}
    body, dropped, defaulted = to_anthropic({"temperature": 0.5, "top_p": None, "max_tokens": 5}, params=params)
    assert body["temperature"] == 0.5
    assert "top_p" not in body
    assert body["thinking"] == {"type": "disabled"}
    assert (dropped, defaulted) == (("seed",), ('thinking={"type":"disabled"}',))


def test_params_of_an_openai_target_are_sent_as_they_are():
    body, dropped, defaulted = to_openai({"top_k": 3}, params={"seed": 3, "top_k": 9, "reasoning_effort": "low"})
    assert (body["seed"], body["top_k"], body["reasoning_effort"]) == (3, 3, "low")
    assert (dropped, defaulted) == ((), ("seed=3", 'reasoning_effort="low"'))


def test_blank_stop_sequences_are_dropped_and_said():
    body, dropped, _ = to_anthropic({"stop": ["\n\n", "END"]})
    assert (body["stop_sequences"], dropped) == (["END"], ("stop",))


def test_native_metadata_wins_over_nothing_and_the_rest_is_named():
    body, dropped, _ = to_openai({"metadata": {"user_id": "u1", "tenant": "t"}})
    assert (body["user"], dropped) == ("u1", ("metadata.tenant",))


# --- reasoning ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "thinking", "dropped"),
    [
        ({"reasoning_effort": "high", "max_tokens": 4096}, {"type": "enabled", "budget_tokens": 3072}, ()),
        ({"reasoning_effort": "high", "max_tokens": 1500}, None, ("reasoning_effort",)),
        ({"reasoning_effort": "low", "max_tokens": 9000}, {"type": "enabled", "budget_tokens": 1024}, ()),
        ({"reasoning_effort": "none"}, {"type": "disabled"}, ()),
    ],
)
def test_effort_becomes_a_budget_that_leaves_room_for_an_answer(said, thinking, dropped):
    body, lost, _ = to_anthropic(said)
    assert (body.get("thinking"), lost) == (thinking, dropped)


def test_effort_stays_an_effort_for_models_that_have_one():
    body, dropped, _ = to_anthropic({"reasoning_effort": "minimal"}, model=NEW)
    assert (body["thinking"], body["output_config"], dropped) == ({"type": "adaptive"}, {"effort": "low"}, ())


def test_models_that_cannot_stop_thinking_are_not_told_to():
    body, dropped, _ = to_anthropic({"reasoning_effort": "none"}, model="claude-fable-5")
    assert ("thinking" in body, dropped) == (False, ("reasoning_effort",))


def test_thinking_excludes_sampling_and_forced_tools():
    said = {"reasoning_effort": "high", "temperature": 0.3, "top_p": 0.9, "tools": [TOOL], "tool_choice": "required"}
    body, dropped, _ = to_anthropic({**said, "parallel_tool_calls": False})
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert dropped == ("temperature", "top_p", "tool_choice")


def test_no_budget_within_a_tool_loop_that_began_without_thinking():
    history = [*ASKED, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": "x"}]
    body, dropped, _ = to_anthropic({"reasoning_effort": "high", "messages": history})
    assert ("thinking" in body, dropped) == (False, ("reasoning_effort",))


@pytest.mark.parametrize(("budget", "effort"), [(600, "low"), (1024, "low"), (8192, "medium"), (24576, "high"), (60000, "high")])
def test_budget_becomes_an_effort(budget, effort):
    body, dropped, _ = to_openai({"thinking": {"type": "enabled", "budget_tokens": budget}})
    assert (body["reasoning_effort"], dropped) == (effort, ())


@pytest.mark.parametrize(("thinking", "dropped"), [({"type": "adaptive"}, ()), ({"type": "disabled"}, ("thinking",))])
def test_what_the_model_does_unasked_is_not_asked_for(thinking, dropped):
    body, lost, _ = to_openai({"thinking": thinking})
    assert ("reasoning_effort" in body, lost) == (False, dropped)


def test_unsigned_thinking_is_left_out_and_its_turn_kept():
    turn = {"role": "assistant", "content": "4", "reasoning_content": "hm"}
    body, _, _ = to_anthropic({"messages": [*ASKED, turn, *ASKED]})
    assert body["messages"][1] == {"role": "assistant", "content": "4"}


def test_a_signature_of_another_origin_is_left_out():
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "google-gemini-v1"}
    turn = {"role": "assistant", "content": "4", "reasoning_details": [detail, {"type": "reasoning.encrypted", "data": "x"}]}
    body, _, _ = to_anthropic({"messages": [*ASKED, turn, *ASKED]})
    assert body["messages"][1] == {"role": "assistant", "content": "4"}


def test_no_thinking_is_said_where_the_file_says_the_model_knows_the_word():
    body, dropped, _ = to_openai({"thinking": {"type": "disabled"}}, params={"reasoning_effort": "none"})
    assert (body["reasoning_effort"], dropped) == ("none", ())


# --- messages and tools ------------------------------------------------------


def test_a_late_system_message_stays_where_the_model_takes_it():
    history = [
        {"role": "system", "content": "a"},
        *ASKED,
        {"role": "system", "content": "b"},
        {"role": "assistant", "content": "ok"},
    ]
    body, dropped, _ = to_anthropic({"messages": [*history, *ASKED]}, model=NEW)
    assert [m["role"] for m in body["messages"]] == ["user", "system", "assistant", "user"]
    assert (body["system"], dropped) == ("a", ())


def test_a_late_system_message_moves_to_the_head_elsewhere_and_is_named():
    history = [
        {"role": "system", "content": "a"},
        *ASKED,
        {"role": "system", "content": "b"},
        {"role": "assistant", "content": "ok"},
    ]
    body, dropped, _ = to_anthropic({"messages": [*history, *ASKED]})
    assert [block["text"] for block in body["system"]] == ["a", "b"]
    assert dropped == ("messages.2.role",)


def test_neighbours_of_one_role_become_one_turn():
    results = [{"role": "tool", "tool_call_id": f"c{i}", "content": f"r{i}"} for i in (1, 2)]
    calls = [{**CALL, "id": "c1"}, {**CALL, "id": "c2"}]
    body, _, _ = to_anthropic({"messages": [*ASKED, *ASKED, {"role": "assistant", "tool_calls": calls}, *results, *ASKED]})
    assert [(m["role"], len(m["content"])) for m in body["messages"]] == [("user", 2), ("assistant", 2), ("user", 3)]


def test_blank_text_beside_a_call_is_left_out():
    history = [
        *ASKED,
        {"role": "assistant", "content": "\n\n", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": ""},
    ]
    body, _, _ = to_anthropic({"messages": history})
    assert body["messages"][1]["content"] == [{"type": "tool_use", "id": "c1", "name": "get", "input": {}}]
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_numbers_in_arguments_keep_their_spelling():
    spelled = '{"a":1.10,"b":12345678901234567890123,"c":1e2,"d":-0.0}'
    call = {"id": "c1", "type": "function", "function": {"name": "get", "arguments": spelled}}
    raw = json.dumps({"model": "m", "messages": [*ASKED, {"role": "assistant", "tool_calls": [call]}]}).encode()
    there = translate_request(openai_chat, anthropic_messages, openai_chat.peek(raw), Wanted(OLD)).body
    assert f'"input":{spelled}'.encode() in there
    back = translate_request(anthropic_messages, openai_chat, anthropic_messages.peek(there), Wanted("gpt")).body
    assert json.loads(back)["messages"][1]["tool_calls"][0]["function"]["arguments"] == spelled


@pytest.mark.parametrize("arguments", ["[1]", "{} trailing", "{", '"x"', "NaN", '{"a":NaN}'])
def test_arguments_that_are_no_object_are_refused(arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "get", "arguments": arguments}}
    said = refusal(to_anthropic, {"messages": [*ASKED, {"role": "assistant", "tool_calls": [call]}]})
    assert said == "messages.1.tool_calls.0.function.arguments: a JSON object was expected"


def test_empty_arguments_are_an_empty_object():
    call = {"id": "c1", "type": "function", "function": {"name": "get", "arguments": ""}}
    body, _, _ = to_anthropic({"messages": [*ASKED, {"role": "assistant", "tool_calls": [call]}]})
    assert body["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize("said", [{"parallel_tool_calls": False}, {"tool_choice": "required"}, {"parallel_tool_calls": True}])
def test_without_tools_nothing_is_said_of_them(said):
    body, dropped, _ = to_anthropic(said)
    assert ("tool_choice" in body, dropped) == (False, ())


def test_no_tool_is_no_tool_however_many_at_once():
    body, _, _ = to_anthropic({"tools": [TOOL], "tool_choice": "none", "parallel_tool_calls": False})
    assert body["tool_choice"] == {"type": "none"}


def test_a_tool_without_parameters_takes_an_empty_object():
    body, _, _ = to_anthropic({"tools": [{"type": "function", "function": {"name": "now"}}]})
    assert body["tools"] == [{"name": "now", "input_schema": {"type": "object", "properties": {}}}]


def test_allowed_tools_are_the_only_ones_sent():
    other = {"type": "function", "function": {"name": "other"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "get"}}]}
    body, dropped, _ = to_anthropic({"tools": [TOOL, other], "tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}})
    assert [tool["name"] for tool in body["tools"]] == ["get"]
    assert (body["tool_choice"], dropped) == ({"type": "any"}, ())


def test_an_id_longer_than_openai_takes_is_the_same_short_one_for_call_and_result():
    long = "toolu_" + "x" * 60
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": long, "name": "get", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": long, "content": "r"}]}
    messages = to_openai({"messages": [*ASKED, use, result]})[0]["messages"]
    short = messages[1]["tool_calls"][0]["id"]
    assert (len(short) <= 40, messages[2]["tool_call_id"]) == (True, short)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"type": "input_audio", "input_audio": {}}, "messages.0.content.0: content of type 'input_audio' cannot be translated"),
        ({"type": "image_url", "image_url": {"url": "  "}}, "messages.0.content.0.image_url.url: an empty URL points to nothing"),
        ({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,QQ=="}}, "messages.0.content.0: an image of type"),
        ({"type": "image_url", "image_url": {"url": "data:text,hi"}}, "messages.0.content.0.image_url.url: a data: URL must say"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "messages.0.content.0.file.file_id: an uploaded file is bound"),
        ({"type": "text"}, "messages.0.content.0.text: a string was expected, not null"),
        (7, "messages.0.content.0: an object was expected, not 7"),
    ],
)
def test_content_that_cannot_be_said_is_refused_by_its_path(said, reason):
    assert refusal(to_anthropic, {"messages": [{"role": "user", "content": [said]}]}).startswith(reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"functions": [{}]}, "functions: cannot be translated"),
        ({"modalities": ["text", "audio"]}, "modalities: spoken answers"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools.0: tools of type 'custom'"),
        ({"tool_choice": "any"}, "tool_choice: expected none, auto, required"),
        ({"response_format": {"type": "xml"}}, "response_format.type: 'xml' is not one of"),
        ({"reasoning_effort": "huge"}, "reasoning_effort: 'huge' is not one of"),
        ({"messages": [{"role": "robot"}]}, "messages.0.role: 'robot' is not one of"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages: there is nothing to answer"),
        ({"temperature": "hot"}, "temperature: a number was expected, not 'hot'"),
    ],
)
def test_requests_to_anthropic_that_are_refused(said, reason):
    assert refusal(to_anthropic, said).startswith(reason)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"mcp_servers": [{}]}, "mcp_servers: cannot be translated"),
        ({"inference_geo": "eu"}, "inference_geo: cannot be translated"),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools.0: a tool of type 'web_search_20250305' is run by",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages.0.content.0: content of type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages.0.content.0.source.file_id",
        ),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "u"}}]}, "system.0: only text may stand here"),
    ],
)
def test_requests_to_openai_that_are_refused(said, reason):
    assert refusal(to_openai, said).startswith(reason)


def test_hints_below_the_top_level_are_named_once():
    mark = {"cache_control": {"type": "ephemeral"}}
    blocks = [{"type": "text", "text": "a", **mark}, {"type": "text", "text": "b", **mark}]
    tool = {"name": "get", "input_schema": {"type": "object"}, "defer_loading": True, **mark}
    assert to_openai({"messages": [{"role": "user", "content": blocks}], "tools": [tool]})[1] == (
        "cache_control",
        "tools.defer_loading",
    )


def test_a_text_document_stays_a_document():
    document = {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}}
    body, _, _ = to_openai({"messages": [{"role": "user", "content": [document]}]})
    assert body["messages"][0]["content"][0]["file"] == {"filename": "t", "file_data": "data:text/plain;base64,R3LDvMOfZQ=="}
    assert to_anthropic({"messages": body["messages"]})[0]["messages"][0]["content"] == [document]


# --- answers -----------------------------------------------------------------


def whole(client, upstream, body):
    return translate_answer(client, upstream, json.dumps(body).encode(), NAMED)


def choice(message, finish="stop", **more):
    return {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        **more,
    }


def test_tool_calls_end_as_tool_calls_whatever_the_provider_says():
    answer = whole(anthropic_messages, openai_chat, choice({"content": None, "tool_calls": [CALL]}))
    assert json.loads(answer.body)["stop_reason"] == "tool_use"


def test_a_length_stop_stays_one():
    answer = whole(anthropic_messages, openai_chat, choice({"content": None, "tool_calls": [CALL]}, "length"))
    assert json.loads(answer.body)["stop_reason"] == "max_tokens"
    refused = whole(anthropic_messages, openai_chat, choice({"content": None, "refusal": "no"}, "length"))
    assert json.loads(refused.body)["stop_reason"] == "max_tokens"


def test_calls_without_ids_get_them():
    call = {"type": "function", "function": {"name": "get", "arguments": ""}}
    blocks = json.loads(whole(anthropic_messages, openai_chat, choice({"tool_calls": [call, call]})).body)["content"]
    assert [block["id"] for block in blocks] == [f"toolu_{NAMED.id}0", f"toolu_{NAMED.id}1"]
    assert [block["input"] for block in blocks] == [{}, {}]


def test_cached_tokens_are_within_openais_prompt_and_beside_anthropics():
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 99}}
    answer = whole(anthropic_messages, openai_chat, choice({"content": "x"}, usage=usage))
    assert json.loads(answer.body)["usage"]["input_tokens"] == 0
    assert answer.usage == Usage(cache_read=10, output=1)
    said = {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 5}
    said["cache_creation"] = {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 8}
    body = {"id": "x", "model": "m", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": said}
    shown = json.loads(whole(openai_chat, anthropic_messages, body).body)["usage"]
    assert (shown["prompt_tokens"], shown["total_tokens"]) == (15, 20)
    assert shown["prompt_tokens_details"] == {"cached_tokens": 2, "audio_tokens": 0, "cache_write_tokens": 12}


def test_usage_nobody_said_is_not_invented_where_it_may_be_left_out():
    body = {"id": "x", "model": "m", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
    assert "usage" not in json.loads(whole(openai_chat, anthropic_messages, body).body)


@pytest.mark.parametrize(
    ("message", "finish", "usage", "empty"),
    [
        ({"content": ""}, "stop", None, True),
        ({"content": None}, "stop", {"prompt_tokens": 5, "completion_tokens": 0}, True),
        ({"content": ""}, "stop", {"prompt_tokens": 5, "completion_tokens": 1}, False),
        ({"content": ""}, "content_filter", None, False),
        ({"content": None, "refusal": "no"}, "stop", None, False),
        ({"content": None, "tool_calls": [CALL]}, "stop", None, False),
    ],
)
def test_empty_answers_are_told_from_others(message, finish, usage, empty):
    assert whole(anthropic_messages, openai_chat, choice(message, finish, usage=usage)).empty is empty


def test_half_a_character_does_not_break_an_answer():
    raw = json.dumps(choice({"content": "a\ud83d"})).encode()
    assert json.loads(translate_answer(anthropic_messages, openai_chat, raw, NAMED).body)["content"][0]["text"] == "a\ufffd"


@pytest.mark.parametrize(
    ("upstream", "body", "status"),
    [
        (openai_chat, {"error": {"message": "slow down", "code": 429}}, 429),
        (openai_chat, {"object": "error", "message": "no", "code": 400}, 400),
        (openai_chat, choice({"content": "x"}, "error"), 502),
        (anthropic_messages, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, 529),
    ],
)
def test_an_error_in_a_200_is_an_error(upstream, body, status):
    client = anthropic_messages if upstream is openai_chat else openai_chat
    with pytest.raises(StreamFault) as fault:
        whole(client, upstream, body)
    assert fault.value.status == status


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b"<html>"])
def test_what_is_no_answer_is_a_valueerror(raw):
    with pytest.raises(ValueError):
        translate_answer(anthropic_messages, openai_chat, raw, NAMED)
