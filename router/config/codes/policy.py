"""RC406 to RC408: the comments that silence a finding."""

from __future__ import annotations

from router.config.explanation import Code

CODES: tuple[Code, ...] = (
    Code(
        "RC406",
        "policy",
        "an expired allowance",
        "The day after `until` has come. The finding that the comment silenced is shown again.",
        "Fix what was allowed for a while, or decide again and write a new day.",
        'fast: {targets: […]}  # router: allow RC211 reason="until the move" until=2020-01-01',
        'fast: {targets: […]}  # router: allow RC211 reason="until the move" until=2030-01-01',
        severity="warning",
    ),
    Code(
        "RC407",
        "policy",
        "an allowance that is not used",
        "The comment silences a finding that does not occur on its line, or on the line below it. It would hide the next one.",
        "Remove the comment, or put it at the end of the finding's line or right above it.",
        '# router: allow RC301 reason="test account"\nversion: 1',
        "version: 1",
        severity="warning",
    ),
    Code(
        "RC408",
        "policy",
        "an allowance that cannot be understood",
        "The comment is not of the form that is understood, names a code that does not exist, or one that cannot be allowed:"
        " without what the code asks for the file has no meaning, or is not safe.",
        'Write # router: allow CODE reason="…" until=YYYY-MM-DD (`until` may be left out, `reason` may not).',
        "# router: allow RC301",
        '# router: allow RC301 reason="a key of the test account" until=2027-01-01',
    ),
)
