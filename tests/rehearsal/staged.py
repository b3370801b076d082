"""What the tests of rehearsals share: a configuration with tests in, results out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from router.config.load import Source
from router.rehearsal import Rehearsal, Result, examine, rehearsal, run_tests

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

CONFIG = """\
version: 1
providers:
  a: {type: openai, api_key: "${env:A_KEY}", price: {input: 1, output: 4}}
  b: {type: anthropic, api_key: "${env:B_KEY}", optional: true, price: {input: 3, output: 15}, names: {claude: claude-2026}}
  c: {type: openai_compatible, base_url: "http://${env:HOST}/v1", api_key: none, optional: true, price: free}
models:
  fast: {targets: [a/small, b/claude, {target: c/local, tier: 2}], retries: 1}
  wide: {targets: [a/small, a/large], retries: 0}
  "any-*": {targets: ["a/*", c/local], retries: 0}
keys:
  app: {secret: "${env:APP}", models: [fast]}
  old: {secret: "${env:OLD}", enabled: false}
"""


def staged(tests: str, config: str = CONFIG) -> Rehearsal:
    """`tests` is the content of the section."""
    checked, found = examine([Source("router.yaml", f"{config}tests:\n{tests}".encode())], [])
    assert not found, found
    return rehearsal(checked, NOW)


def results(tests: str, config: str = CONFIG, seed: int = 0) -> list[Result]:
    made = staged(tests, config)
    return list(run_tests(made, [scene.name for scene in made.scenes], seed))


def got(given: str, world: str = "{}", expect: str = "{attempts: 1}", config: str = CONFIG) -> dict[str, Any]:
    """What comes of one test. `expect` is not looked at."""
    (result,) = results(f"  - {{name: it, given: {given}, world: {world}, expect: {expect}}}\n", config)
    return dict(result.got)
