"""One conversation, written in every format: N formats cost N files, and every pair is tested.

What a format cannot say stands in the case's `lossy.yaml`, with the reason.
"""

import itertools
import json
from pathlib import Path

import pytest
import yaml

from router.errors import BadRequest
from router.wire import FORMATS
from router.wire.base import Named, Wanted
from router.wire.streaming import Translation
from router.wire.translate import HALVES, translate_answer, translate_request

CHAT = Path(__file__).parents[1] / "golden/chat"
CASES = sorted(CHAT.iterdir())
PAIRS = list(itertools.product(FORMATS, FORMATS))
NAMED = Named("9f3c1a2b4d5e6f708192a3b4", 1_700_000_000)
KINDS = {"request": "request.json", "response": "response.json", "stream": "stream.sse"}


def params(kind):
    """Every pair of formats of which the case has the source, and the target or the reason why it has none."""
    for case, (src, dst) in itertools.product(CASES, PAIRS):
        if (case / f"{src}.{KINDS[kind]}").exists() and ((case / f"{dst}.{KINDS[kind]}").exists() or lossy(case, src, dst, kind)):
            yield pytest.param(case, src, dst, id=f"{case.name}-{src}-{dst}")


def lossy(case, src, dst, kind):
    path = case / "lossy.yaml"
    entries = yaml.safe_load(path.read_text("utf-8")) if path.exists() else []
    return next((entry for entry in entries if (entry["from"], entry["to"], entry["of"]) == (src, dst, kind)), {})


def patched(value, loss):
    """The golden value with what the pair cannot say put in or left out."""
    for pointer, said in {**dict.fromkeys(loss.get("without", ())), **loss.get("set", {})}.items():
        *way, last = (int(key) if key.isdecimal() else key for key in pointer.split("/")[1:])
        inner = value
        for key in way:
            inner = inner[key]
        if pointer in loss.get("without", ()):
            inner.pop(last, None)
        else:
            inner[last] = said
    return value


@pytest.mark.parametrize(("case", "src", "dst"), list(params("request")))
def test_request(case, src, dst):
    loss = lossy(case, src, dst, "request")
    peek = FORMATS[src].peek((case / f"{src}.request.json").read_bytes())
    if "refused" in loss:
        with pytest.raises(BadRequest) as refusal:
            translate_request(FORMATS[src], FORMATS[dst], peek, Wanted("m"))
        assert refusal.value.message == loss["refused"]
        return
    expected = patched(json.loads((case / f"{dst}.request.json").read_text("utf-8")), loss)
    built = translate_request(FORMATS[src], FORMATS[dst], peek, Wanted(expected["model"]))
    assert json.loads(built.body) == expected
    assert (built.dropped, built.defaulted) == (tuple(loss.get("dropped", ())), tuple(loss.get("defaulted", ())))


@pytest.mark.parametrize(("case", "src", "dst"), list(params("response")))
def test_response(case, src, dst):
    expected = json.loads((case / f"{dst}.response.json").read_text("utf-8"))
    whole = translate_answer(FORMATS[dst], FORMATS[src], (case / f"{src}.response.json").read_bytes(), NAMED)
    assert json.loads(whole.body) == patched(expected, lossy(case, src, dst, "response"))


@pytest.mark.parametrize(("case", "src", "dst"), list(params("stream")))
def test_stream(case, src, dst):
    stream = Translation(HALVES[src].parser(), HALVES[dst].renderer(NAMED, True), FORMATS[dst])
    out = stream.feed((case / f"{src}.stream.sse").read_bytes())
    assert stream.complete
    expected = (case / f"{dst}.stream.sse").read_text("utf-8")
    for said, instead in lossy(case, src, dst, "stream").get("replace", {}).items():
        assert said in expected
        expected = expected.replace(said, instead)
    assert (out + stream.end("")).decode() == expected
