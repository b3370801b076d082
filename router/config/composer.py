"""One YAML text to a tree with places. libyaml's events are read; nothing is ever constructed from a tag.

Events and not yaml.compose: composing in C recurses as deep as the input does, forgets where an alias stood, and takes longer
than this, which makes the tree we want at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from router.config import words
from router.config.diagnostics import Diagnostic, Edit, Place, Position, Range, Related, Suggestion, split_lines
from router.config.nodes import Entries, Entry, Items, Leaf, Node
from router.config.scalars import Doubt, quote, read_plain
from router.config.syntax import explain
from router.config.tree import join
from router.config.words import Written

MAX_DEPTH = 60  # The language needs 10.
MAX_ALIASED = 100_000
"""Nodes that aliases may add: ten lines of aliases to aliases can mean 10**9 of them ("billion laughs")."""

_SHAPE = ("a configuration begins with `version: 1`, then `providers:` and `models:`",)


class Composed(NamedTuple):
    root: Entries | None
    diagnostics: list[Diagnostic]
    broken: Diagnostic | None
    """Where reading stopped, if it did: then there is no root."""


def compose(name: str, text: str) -> Composed:
    """The tree of the one document in `text`, which holds only characters that `characters.decode` lets through."""
    composer = _Composer(Written(name, split_lines(text)), yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        return Composed(None, composer.found, explain(composer.file, error, composer.last))
    except _Stop as stop:
        return Composed(None, composer.found, stop.diagnostic)
    return Composed(root, composer.found, None)


class _Stop(Exception):
    """Reading cannot go on."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Composer:
    file: Written
    events: Iterator[yaml.Event]
    found: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, Node | None] = field(default_factory=dict)
    """None while the node of the anchor is still open."""
    aliased: int = 0
    last: yaml.ScalarEvent | None = None
    """The scalar read last: what a syntax error has to do with, often."""

    def document(self) -> Entries:
        next(self.events)  # The start of the stream.
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise _Stop(self._nothing())
        root = self._root(self._node(next(self.events), "", 0))
        next(self.events)  # The end of the document.
        after = next(self.events)
        if isinstance(after, yaml.DocumentStartEvent):
            self.found.append(
                Diagnostic(
                    "RC123",
                    "error",
                    "a second document begins here; a configuration is one",
                    "",
                    self.file.place(after),
                    label="only what stands above is read",
                    notes=("several files: router -c FILE -c FILE",),
                )
            )
        return root

    def _root(self, root: Node) -> Entries:
        if isinstance(root, Entries):
            return root
        if isinstance(root, Items):
            raise _Stop(
                Diagnostic(
                    "RC122", "error", "the file is a list; it has to be a map", "", root.place, label="a list", notes=_SHAPE
                )
            )
        if root.value is None:
            raise _Stop(self._nothing())
        odd = [diagnostic for diagnostic in self.found if diagnostic.code == "RC126"]
        if odd:  # A no-break space after the first colon makes one text of it all.
            self.found.remove(odd[0])
            raise _Stop(odd[0])
        message = "the file is a single value; it has to be a map"
        plain = Diagnostic("RC122", "error", message, "", root.place, label="not a map", notes=_SHAPE)
        raise _Stop(words.unspaced(self.file, "", root.place) or plain)

    def _nothing(self) -> Diagnostic:
        comments = any(line.strip() for line in self.file.lines)
        message = "the file holds nothing but comments" if comments else "the file is empty"
        start = Position(1, 1)
        return Diagnostic("RC121", "error", message, "", Place(self.file.name, Range(start, start)), notes=_SHAPE)

    def _node(self, event: yaml.Event, pointer: str, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, pointer)
        assert isinstance(event, yaml.NodeEvent)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node = self._content(event, pointer, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _content(self, event: yaml.NodeEvent, pointer: str, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, pointer)
        assert isinstance(event, yaml.CollectionStartEvent)
        if event.tag is not None:
            self.found.append(words.tag(self.file, event, pointer))
        if depth >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} levels are nested here"
            raise _Stop(Diagnostic("RC137", "error", message, pointer, self.file.place(event)))
        collect = self._items if isinstance(event, yaml.SequenceStartEvent) else self._entries
        return collect(event, pointer, depth)

    def _scalar(self, event: yaml.ScalarEvent, pointer: str) -> Leaf:
        self.last = event
        place = self.file.place(event)
        if event.tag is not None:
            self.found.append(words.tag(self.file, event, pointer))
            return Leaf(event.value, place)
        if event.style:
            return Leaf(event.value, place)
        self.found += words.plain_word(self.file, event, pointer)
        self.found += words.lost_comment(self.file, event, pointer)
        value = read_plain(event.value)
        if isinstance(value, Doubt):
            self.found.append(words.doubt(event.value, value, pointer, place))
            return Leaf(event.value, place)
        return Leaf(value, place)

    def _alias(self, event: yaml.AliasEvent, pointer: str) -> Node:
        place, written = self.file.place(event), f"*{event.anchor}"
        if event.anchor not in self.anchors:
            fix = Suggestion(f"for the text write {quote(written)}", (Edit(place.range, quote(written)),))
            message = f"`{written}` repeats an anchor, and no `&{event.anchor}` stands above it"
            raise _Stop(Diagnostic("RC134", "error", message, pointer, place, suggestions=(fix,)))
        node = self.anchors[event.anchor]
        if node is None:
            raise _Stop(Diagnostic("RC134", "error", f"`{written}` stands inside what it repeats", pointer, place))
        self.aliased += node.size
        if self.aliased > MAX_ALIASED:
            raise _Stop(Diagnostic("RC134", "error", f"aliases repeat more than {MAX_ALIASED} values", pointer, place))
        return node

    def _items(self, event: yaml.CollectionStartEvent, pointer: str, depth: int) -> Items:
        items: list[Node] = []
        size = 1
        while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
            at = join(pointer, len(items))
            node = self._node(inner, at, depth + 1)
            if isinstance(node, Leaf) and node.value is None:
                self.found.append(words.null(self.file, at, None, node.place))
            items.append(node)
            size += node.size
        return Items(items, self._around(event, inner, items[-1] if items else None), size)

    def _entries(self, event: yaml.CollectionStartEvent, pointer: str, depth: int) -> Entries:
        entries: dict[str, Entry] = {}
        merged: list[Entry] = []
        node: Node | None = None
        size = 1
        while not isinstance(inner := next(self.events), yaml.MappingEndEvent):
            place = self.file.place(inner)
            merge = isinstance(inner, yaml.ScalarEvent) and inner.value == "<<" and not inner.style
            key = "<<" if merge else self._key(inner, pointer, depth)
            at = join(pointer, key or "")
            before = len(self.found)
            node = self._node(next(self.events), at, depth + 1)
            size += node.size
            if merge:
                merged.append(Entry(place, node))
            elif key is None:
                del self.found[before:]  # What is wrong with the value of no key is noise.
            elif key in entries:
                self.found.append(words.twice(at, place, entries[key].key))
            else:
                entries[key] = Entry(place, node)
                self._value(at, place, node)
        self._merge(entries, merged, join(pointer, "<<"))
        return Entries(entries, self._around(event, inner, node), size)

    def _key(self, event: yaml.Event, pointer: str, depth: int) -> str | None:
        """The text of a key. One that is no text is reported and read over."""
        if not isinstance(event, yaml.ScalarEvent):
            place = self.file.place(event)
            template = self.file.lines[place.range.start.line - 1][: place.range.start.column].endswith("{{")
            notes = ("a template? `{{ … }}` has to be filled in before this file is read",) if template else ()
            before = len(self.found)
            self._node(event, pointer, depth + 1)
            del self.found[before:]
            self.found.append(Diagnostic("RC136", "error", "a key has to be text", pointer, place, label="not text", notes=notes))
            return None
        self.last = event
        if event.anchor is not None:
            self.anchors[event.anchor] = Leaf(event.value, self.file.place(event))
        if event.tag is not None:
            self.found.append(words.tag(self.file, event, pointer))
        elif not event.style:
            self.found += words.plain_key(self.file, event, pointer)
        return str(event.value)

    def _value(self, pointer: str, key: Place, node: Node) -> None:
        """What can be wrong with a value because of the key it stands at."""
        if not isinstance(node, Leaf):
            return
        if node.value is None:
            self.found.append(words.null(self.file, pointer, key, node.place))
        elif isinstance(node.value, str) and node.place.range.start.line > key.range.start.line:
            missing = words.unspaced(self.file, pointer, node.place)
            self.found += [missing] if missing else []

    def _merge(self, entries: dict[str, Entry], merged: list[Entry], pointer: str) -> None:
        """What `<<` brings in stands below what the map says itself (https://yaml.org/type/merge.html)."""
        for again in merged[1:]:
            related = (Related("first written here", merged[0].key),)
            fix = Suggestion("write one: `<<: [*first, *second]`")
            message = "`<<` is written twice in one map"
            self.found.append(Diagnostic("RC135", "error", message, pointer, again.key, related=related, suggestions=(fix,)))
        for _, node in merged[:1]:
            for source in node.items if isinstance(node, Items) else [node]:
                if not isinstance(source, Entries):
                    message = "`<<` takes a map, or a list of maps"
                    self.found.append(Diagnostic("RC135", "error", message, pointer, source.place, label="not a map"))
                    continue
                for key, entry in source.entries.items():
                    entries.setdefault(key, entry)

    def _around(self, first: yaml.Event, end: yaml.Event, last: Node | None) -> Place:
        """To the closing bracket, or to the last value: libyaml ends a block where the next thing starts."""
        place = self.file.place(first)
        closed = self.file.spot(end.start_mark) < self.file.spot(end.end_mark)
        if closed or last is None:
            return Place(place.file, Range(place.range.start, self.file.place(end).range.end))
        # An alias as the last value stands elsewhere, perhaps before.
        return Place(place.file, Range(place.range.start, max(place.range.end, last.place.range.end)))
