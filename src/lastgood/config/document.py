"""YAML as a tree that knows its lines; nothing in it is trusted."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from lastgood.config.fault import Fault, FaultyConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST_FILE = 256 * 1024
DEEPEST = 32
MOST_NODES = 20_000
_LONGEST_NUMBER = 30
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}

# `{` ends a plain text inside [] and {}; so that `token: ${TOKEN}` may stand there unquoted, the
# braces of references are written in two private characters while the parser looks at them.
_REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
_OPEN, _CLOSE = "\ue000", "\ue001"

Path_ = tuple[str | int, ...]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value with the line it begins at; `size` counts it and all that is below it."""

    value: Scalar | dict[str, Node] | list[Node]
    line: int
    size: int = 1

    def at(self, line: int) -> Node:
        """The same value, said to stand on another line (where its key or alias is)."""
        return Node(self.value, line, self.size)


@dataclass(frozen=True)
class Document:
    """The file's content.

    Attributes:
        faults: what was wrong with its writing; the tree is complete but for these places.
    """

    file: Path
    root: Node
    faults: list[Fault] = field(default_factory=list)

    def written(self, path: Path_) -> Path_:
        """The path as the file has it: without the steps that only exist in our models."""
        return self._walk(path)[0]

    def scalar(self, path: Path_) -> Scalar:
        """The value at a path as it is written, references unfollowed; None for anything else."""
        taken, node = self._walk(path)
        return None if taken != path or isinstance(node.value, dict | list) else node.value

    def _walk(self, path: Path_) -> tuple[Path_, Node]:
        node, taken = self.root, list[str | int]()
        for step in path:
            below = _below(node, step)
            if below is not None:
                node = below
                taken.append(step)
        return tuple(taken), node

    def fault(self, path: Path_, what: str, mend: str, absent: str = "") -> Fault:
        """A fault at a path, or of the key that is absent there."""
        taken, node = self._walk(path)
        steps = [str(step) for step in taken] + ([absent] if absent else [])
        return Fault(
            file=str(self.file),
            line=node.line,
            field=".".join(steps),
            what=what,
            mend=mend,
        )


def read(file: Path) -> Document:
    """Read a file of YAML 1.2 with the core schema, and of that only what a configuration needs.

    Anchors, aliases and merge keys (`<<`) work within limits; tags, several documents, keys that
    are not text and keys that stand twice are faults.

    Raises:
        FaultyConfigError: it cannot be read at all.
    """
    text = _text(file)
    builder = _Builder(file)
    try:
        return builder.build(text)
    except MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark is not None else 0
        what = f"this is not YAML: {_restored(str(broken.problem or broken.context))}"
        raise FaultyConfigError(file, [*builder.faults, _fault(file, line, what)]) from None
    except YAMLError as broken:
        position = getattr(broken, "position", 0)
        line = text.count("\n", 0, position) + 1
        what = "there is a character that YAML does not allow"
        raise FaultyConfigError(file, [_fault(file, line, what)]) from None


def _fault(
    file: Path, line: int, what: str, mend: str = "correct the line or the one before it"
) -> Fault:
    return Fault(file=str(file), line=line, field="", what=what, mend=mend)


def _text(file: Path) -> str:
    try:
        # Asked before it is opened: opening a pipe that nobody writes to would hang.
        if not stat.S_ISREG(file.stat().st_mode):
            raise FaultyConfigError(file, [_fault(file, 0, "this is no plain file", "name a file")])
        with file.open("rb") as handle:
            content = handle.read(LARGEST_FILE + 1)
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise FaultyConfigError(file, [_fault(file, 0, what, "make it readable")]) from error
    if len(content) > LARGEST_FILE:
        what = f"the file is larger than {LARGEST_FILE // 1024} KiB"
        mend = "name the configuration of lastgood"
        raise FaultyConfigError(file, [_fault(file, 0, what, mend)])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mend = "save the file as UTF-8"
        raise FaultyConfigError(file, [_fault(file, line, "this is not UTF-8", mend)]) from None
    for private in (_OPEN, _CLOSE):
        if private in text:
            line = text.count("\n", 0, text.index(private)) + 1
            what = f"the private character U+{ord(private):04X} is not allowed"
            raise FaultyConfigError(file, [_fault(file, line, what, "take it out")])
    return text


class _Builder:
    """Makes the tree from parser events, so that depth and size are bounded while reading."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def build(self, text: str) -> Document:
        events: Iterator[Any] = YAML(typ="safe", pure=True).parse(
            _REFERENCE.sub(rf"${_OPEN}\1{_CLOSE}", text)
        )
        root = Node({}, 1)
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._note((), event, "a second document begins", "keep one document")
                    break
                root = self._node(next(events), events, (), 0)
            elif isinstance(event, StreamEndEvent):
                break
        if root.value is None or documents == 0:
            root = Node({}, 1)
        return Document(self.file, root, self.faults)

    def _note(self, path: Path_, event: Any, what: str, mend: str) -> None:  # noqa: ANN401 - ruamel's events are untyped
        self.faults.append(
            Fault(
                file=str(self.file),
                line=event.start_mark.line + 1,
                field=".".join(str(step) for step in path),
                what=what,
                mend=mend,
            )
        )

    def _stop(self, event: Any, what: str, mend: str) -> FaultyConfigError:  # noqa: ANN401 - likewise
        fault = _fault(self.file, event.start_mark.line + 1, what, mend)
        return FaultyConfigError(self.file, [*self.faults, fault])

    def _node(self, event: Any, events: Iterator[Any], path: Path_, depth: int) -> Node:  # noqa: ANN401 - likewise
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise self._stop(event, f"this is nested over {DEEPEST} deep", "write it flatter")
        if isinstance(event, AliasEvent):
            node = self._alias(event, path, line)
        else:
            node = self._fresh(event, events, path, depth)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
        if self._nodes > MOST_NODES:
            raise self._stop(
                event, f"the file holds over {MOST_NODES} values", "use fewer aliases (`*name`)"
            )
        return node

    def _alias(self, event: Any, path: Path_, line: int) -> Node:  # noqa: ANN401 - likewise
        known = self._anchors.get(event.anchor)
        if known is None:
            self._note(
                path,
                event,
                f"the alias *{event.anchor} names nothing that was finished before it",
                f"write &{event.anchor} at the value it should repeat, further up",
            )
            return Node(None, line)
        self._nodes += known.size
        return known.at(line)

    def _fresh(self, event: Any, events: Iterator[Any], path: Path_, depth: int) -> Node:  # noqa: ANN401 - likewise
        line = event.start_mark.line + 1
        self._nodes += 1
        tag = str(event.tag) if event.tag is not None else ""
        if tag not in {"", "!", "tag:yaml.org,2002:str"}:
            self._note(path, event, f"the tag {tag} is not allowed", "write the value without it")
        if isinstance(event, MappingStartEvent):
            entries = self._entries(events, path, depth)
            return Node(entries, line, 1 + sum(node.size for node in entries.values()))
        if isinstance(event, SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := next(events), SequenceEndEvent):
                items.append(self._node(inner, events, (*path, len(items)), depth + 1))
            return Node(items, line, 1 + sum(node.size for node in items))
        text = _restored(event.value)
        if _CONTROL.search(text):
            mend = "take it out: it could drive a terminal"
            self._note(path, event, "there is a control character in this text", mend)
        plain = event.implicit[0] and not tag
        return Node(_scalar(text) if plain else text, line)

    def _entries(self, events: Iterator[Any], path: Path_, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        first: dict[str, int] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._note(path, event, "a key is not plain text", "write a name before the colon")
                self._node(event, events, path, depth + 1)
                self._node(next(events), events, path, depth + 1)
                continue
            key, line = _restored(event.value), event.start_mark.line + 1
            inner = (*path, key)
            value = self._node(next(events), events, inner, depth + 1).at(line)
            if event.anchor is not None:
                self._anchors[event.anchor] = Node(key, line)
            if key == "<<" and event.implicit[0]:
                merged.extend(value.value if isinstance(value.value, list) else [value])
            elif key in first:
                mend = "keep one of the two"
                self._note(inner, event, f"this key stands already on line {first[key]}", mend)
            else:
                first[key] = line
                entries[key] = value
        return self._merge(entries, merged, path)

    def _merge(self, entries: dict[str, Node], merged: list[Node], path: Path_) -> dict[str, Node]:
        for node in merged:
            if isinstance(node.value, dict):
                entries = {**node.value, **entries}
            else:
                field = ".".join(str(step) for step in (*path, "<<"))
                what, mend = "only a mapping can be merged", "write `<<: *name` of a mapping"
                self.faults.append(
                    Fault(file=str(self.file), line=node.line, field=field, what=what, mend=mend)
                )
        return entries


def _below(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict) and isinstance(step, str):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def _restored(text: str) -> str:
    return text.replace(_OPEN, "{").replace(_CLOSE, "}")


def _scalar(text: str) -> Scalar:
    """What a plain scalar means in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text
