"""A change is in force a moment after it is saved; a broken one changes nothing and is told once, with its place."""

import asyncio
import json

import pytest
from running import SERVER, running, until

SANDBOX = "providers: {sandbox: {type: sandbox, first_token: 1ms, tokens_per_second: 5000, price: free}}\n"
OPEN = SERVER + SANDBOX + "models: {fast: {targets: [sandbox/one]}}\n"
ASK = {"model": "fast", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}


async def served(router) -> str:
    return (await router.post("/v1/chat/completions", ASK))[1]["x-router-served"]


async def test_a_saved_change_is_in_force_a_moment_later(tmp_path):
    async with running(tmp_path, OPEN) as router:
        assert await served(router) == "sandbox/one"
        router.path.write_text(router.path.read_text().replace("sandbox/one", "sandbox/two"))
        await until(lambda: router.runtime.snapshot.generation == 2, 2.0)
        assert await served(router) == "sandbox/two"


async def test_a_file_replaced_by_a_link_or_a_rename_is_seen(tmp_path):
    async with running(tmp_path, OPEN) as router:
        text = router.path.read_text()
        (tmp_path / "new.yaml").write_text(text.replace("sandbox/one", "sandbox/two"))
        (tmp_path / "new.yaml").replace(router.path)
        await until(lambda: router.runtime.snapshot.generation == 2, 2.0)
        # As Kubernetes mounts it: a link to a directory that is swapped.
        for number in ("three", "four"):
            folder = tmp_path / f"..{number}"
            folder.mkdir()
            (folder / "router.yaml").write_text(text.replace("sandbox/one", f"sandbox/{number}"))
        (tmp_path / "..data").symlink_to("..three")
        (tmp_path / "link").symlink_to("..data/router.yaml")
        (tmp_path / "link").replace(router.path)
        await until(lambda: router.runtime.snapshot.generation == 3, 2.0)
        assert await served(router) == "sandbox/three"
        (tmp_path / "swap").symlink_to("..four")
        (tmp_path / "swap").replace(tmp_path / "..data")
        await until(lambda: router.runtime.snapshot.generation == 4, 2.0)
        assert await served(router) == "sandbox/four"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("", "RC"),
        ("version: 1\nmodels: {fast: {targets: [", "RC"),
        (OPEN.replace("targets", "tragets"), "RC101"),
        (OPEN.replace("sandbox/one", "sandbx/one"), "RC201"),
    ],
)
async def test_a_broken_file_changes_nothing_and_is_reported_once_with_its_place(tmp_path, broken, code):
    async with running(tmp_path, OPEN) as router:
        reports = []
        router.runtime.reported.append(lambda trigger, outcome: reports.append(outcome))
        good = router.path.read_text()
        router.path.write_text(("version: 1\n" if broken else "") + broken.removeprefix("version: 1\n"))
        await until(lambda: router.runtime.refused is not None, 3.0)
        assert await served(router) == "sandbox/one"
        assert router.runtime.snapshot.generation == 1
        for _ in range(3):
            await router.runtime.reload("watch")
        assert [outcome.result for outcome in reports] == ["refused"]
        found = reports[0].diagnostics[0]
        assert found.code.startswith(code)
        assert found.place.file == str(router.path)
        assert found.place.range.start.line >= 1
        status = json.loads((await router.get(router.admin + "/-/status"))[2])
        assert status["running"]["generation"] == 1
        assert status["refused"]["diagnostics"][0]["code"] == found.code
        metrics = (await router.get(router.admin + "/metrics"))[2].decode()
        assert "router_config_last_reload_successful 0.0" in metrics
        router.path.write_text(good)  # Back to what runs: nothing is refused any more.
        await until(lambda: router.runtime.refused is None, 3.0)
        assert router.runtime.snapshot.generation == 1


async def test_a_file_written_in_pieces_is_not_reported(tmp_path):
    async with running(tmp_path, OPEN.replace("300ms", "3s")) as router:
        reports = []
        router.runtime.reported.append(lambda trigger, outcome: reports.append(outcome))
        new = router.path.read_text().replace("sandbox/one", "sandbox/two")
        router.path.write_text(new[:150])
        await asyncio.sleep(0.5)
        router.path.write_text(new)
        await until(lambda: router.runtime.snapshot.generation == 2, 3.0)
        assert [outcome.result for outcome in reports] == ["changed"]


async def test_a_request_keeps_its_generation_to_the_last_byte(tmp_path):
    slow = OPEN.replace("5000", "20")
    async with running(tmp_path, slow) as router:
        ask = ASK | {
            "stream": True,
            "messages": [{"role": "user", "content": "one two three four five six seven eight nine ten"}],
        }
        async with router.session.post(router.url + "/v1/chat/completions", json=ask) as response:
            assert response.headers["x-router-generation"] == "1"
            router.path.write_text(router.path.read_text().replace("sandbox", "other").replace("type: other", "type: sandbox"))
            await until(lambda: router.runtime.snapshot.generation == 2, 2.0)
            status = json.loads((await router.get(router.admin + "/-/status"))[2])
            assert status["retired"] == [{"generation": 1, "open": 1}]
            assert (await response.read()).endswith(b"data: [DONE]\n\n")
        assert router.settled[0].outcome == "ok"


async def test_post_reload_is_synchronous_and_says_what_came_of_it(tmp_path):
    async with running(tmp_path, OPEN.replace("reload: {", "reload: {watch: none, ")) as router:

        async def reload(query: str = "", **headers: str):
            async with router.session.post(f"{router.admin}/-/reload{query}", headers=headers) as response:
                return response.status, await response.json()

        assert await reload() == (200, await _unchanged(router))
        text = router.path.read_text()
        router.path.write_text(text.replace("sandbox/one", "sandbox/two"))
        status, told = await reload("?dry_run=1")
        assert (status, told["changed"], router.runtime.snapshot.generation) == (200, True, 1)
        status, told = await reload(**{"if-match": "9"})
        assert (status, told["generation"]) == (409, 1)
        status, told = await reload(**{"if-match": '"1"'})
        assert (status, told["changed"], told["generation"]) == (200, True, 2)
        assert await served(router) == "sandbox/two"
        router.path.write_text(text.replace("sandbox/one", "sandbx/one"))
        status, told = await reload()
        assert (status, told["result"], told["errors"]) == (422, "refused", 1)
        assert told["diagnostics"][0]["code"] == "RC201"
        router.path.write_text(text.replace("price: free", "reply: '${env:UNSET_IN_TESTS}'"))
        assert (await reload())[0] == 424
        router.path.unlink()
        assert (await reload())[0] in (422, 424)
        assert await served(router) == "sandbox/two"
        router.probes.draining = True
        assert (await reload())[0] == 503


async def _unchanged(router):
    snapshot = router.runtime.snapshot
    return {"result": "unchanged", "changed": False, "stage": "read", "generation": 1, "hash": snapshot.hash}


async def test_a_changed_listener_is_opened_before_the_old_one_closes(tmp_path):
    async with running(tmp_path, OPEN) as router:
        old = router.url
        text = router.path.read_text()
        router.path.write_text(text.replace("listen: '127.0.0.1:0'", "listen: 'localhost:0'"))
        await until(lambda: router.runtime.snapshot.generation == 2, 3.0)
        assert router.url != old or router.listeners.data.wanted.listener.host == "localhost"
        assert await served(router) == "sandbox/one"


async def test_a_listener_that_cannot_be_opened_refuses_the_file(tmp_path):
    async with running(tmp_path, OPEN) as router:
        taken = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        router.path.write_text(router.path.read_text().replace("listen: '127.0.0.1:0'", f"listen: '127.0.0.1:{port}'"))
        await until(lambda: router.runtime.refused is not None, 3.0)
        assert router.runtime.refused.outcome.stage == "listen"
        assert await served(router) == "sandbox/one"
        taken.close()
        await taken.wait_closed()


async def test_a_changed_secret_file_is_a_changed_configuration(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("first-secret-value\n")
    keyed = OPEN + f"keys: {{app: {{secret: '${{file:{secret}}}'}}}}\n"
    async with running(tmp_path, keyed) as router:
        assert (await router.post("/v1/chat/completions", ASK, {"x-api-key": "first-secret-value"}))[0] == 200
        secret.write_text("second-secret-value\n")
        await until(lambda: router.runtime.snapshot.generation == 2, 3.0)
        assert (await router.post("/v1/chat/completions", ASK, {"x-api-key": "first-secret-value"}))[0] == 401
        assert (await router.post("/v1/chat/completions", ASK, {"x-api-key": "second-secret-value"}))[0] == 200


async def test_fifty_edits_under_load_half_of_them_broken_fail_no_request(tmp_path):
    async with running(tmp_path, OPEN) as router:
        good = router.path.read_text()
        stop = asyncio.Event()
        answers: list[int] = []

        async def load() -> None:
            while not stop.is_set():
                answers.append((await router.post("/v1/chat/completions", ASK))[0])
                await asyncio.sleep(0.04)

        clients = [asyncio.ensure_future(load()) for _ in range(4)]
        refused = []
        router.runtime.reported.append(lambda trigger, outcome: refused.append(outcome) if outcome.result == "refused" else None)
        for edit in range(25):
            before = router.runtime.snapshot.generation
            router.path.write_text(good.replace("sandbox/one", f"sandbx/{edit}"))
            await until(lambda edit=edit: len(refused) == edit + 1, 2.0)
            assert router.runtime.snapshot.generation == before
            router.path.write_text(good.replace("sandbox/one", f"sandbox/v{edit}"))
            await until(lambda before=before: router.runtime.snapshot.generation == before + 1, 2.0)
            assert await served(router) == f"sandbox/v{edit}"
        stop.set()
        await asyncio.gather(*clients)
        assert set(answers) == {200}
        assert len(answers) > 100
        places = {found.diagnostics[0].place.range.start.line for found in refused}
        assert len(refused) == 25
        assert places == {4}
