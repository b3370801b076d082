"""Text that looks like a credential: found where it should not stand, and never shown."""

from __future__ import annotations

import re

# Prefixes as the vendors document them for secret scanning
# (https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
SHAPES = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"sk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{12,}"
    r"|gsk_[A-Za-z0-9]{12,}"
    r"|AIza[A-Za-z0-9_-]{20,}"
    r"|xai-[A-Za-z0-9]{12,}"
    r"|hf_[A-Za-z0-9]{12,}"
    r"|pplx-[A-Za-z0-9]{12,}"
    r"|AKIA[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}"
    r")"
)
USERINFO = re.compile(r"(?<=://)[^/@\s:$\"']+:(?!\$\{)[^/@\s\"']+(?=@)")
"""`user:password` of a URL."""

_FIELD = re.compile(
    r"""(?P<key>(?:api_key|secret|admin_token|authorization|x-api-key|api-key)["']?\s*:\s*["']?)(?P<value>[^\s"',{}\[\]#$][^\s"',{}\[\]#]*)""",
    re.IGNORECASE,
)
_WORDS = frozenset(("none", "client", "Bearer"))


def mask(text: str) -> str:
    """The same text, as long as before, with a `*` for every character of a credential but the first four."""
    text = SHAPES.sub(lambda match: _hidden(match[0], 4), text)
    return USERINFO.sub(lambda match: _hidden(match[0], 0), text)


def mask_line(line: str) -> str:
    """A line of a configuration file without the credentials that stand in it, by shape or by key."""
    return mask(
        _FIELD.sub(
            lambda match: match["key"] + (match["value"] if match["value"] in _WORDS else _hidden(match["value"], 4)), line
        )
    )


def _hidden(secret: str, keep: int) -> str:
    keep = min(keep, len(secret) // 3)
    return secret[:keep] + "*" * (len(secret) - keep)
