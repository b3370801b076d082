"""How findings are shown: the same ones as text for people, as JSON, as annotations in a review, as one line each."""

from __future__ import annotations

from router.config.render.document import json_document
from router.config.render.github import github
from router.config.render.line import one_line
from router.config.render.summary import summary
from router.config.render.text import WIDTH, TextStyle, text

__all__ = ["WIDTH", "TextStyle", "github", "json_document", "one_line", "summary", "text"]
