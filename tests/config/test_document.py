from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.config.document import DEEPEST, LARGEST_FILE, Document, Node, read
from lastgood.config.fault import FaultyConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.config.document import Scalar


def document(folder: Path, text: str | bytes) -> Document:
    file = folder / "lastgood.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(file)


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("2026-11-22", "2026-11-22"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("${NAME}", "${NAME}"),
        ("[${A}, $${B}]", ["${A}", "$${B}"]),
        ("{k: ${file:/run/x}}", {"k": "${file:/run/x}"}),
    ],
)
def test_plain_values_mean_what_yaml_1_2_says(tmp_path: Path, written: str, value: Scalar) -> None:
    found = document(tmp_path, f"key: {written}\n")

    assert plain(found.root) == {"key": value}
    assert found.faults == []


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n"])
def test_an_empty_file_is_an_empty_mapping(tmp_path: Path, text: str) -> None:
    assert plain(document(tmp_path, text).root) == {}


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert plain(document(tmp_path, b"\xef\xbb\xbfa: 1\n").root) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: [1,\n", 3, "this is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "this is not YAML"),
        ("a: 'x\n", 2, "this is not YAML"),
        ("a: {b: ${X\n", 1, "this is not YAML"),
        ("a: 1\nb: \x07\n", 2, "there is a character that YAML does not allow"),
        (b"a: 1\nb: \xff\xfe\n", 2, "this is not UTF-8"),
        ("a: 1\nb: \ue000\n", 2, "the private character U+E000 is not allowed"),
        ("a: " + "[" * 300, 1, f"this is nested over {DEEPEST} deep"),
        ("a:\n" + "".join(f"{' ' * n}a:\n" for n in range(1, 200)), 34, "this is nested over"),
        (b"#" * (LARGEST_FILE + 1), 0, "the file is larger than 256 KiB"),
    ],
)
def test_what_cannot_be_read_says_where(
    tmp_path: Path, text: str | bytes, line: int, what: str
) -> None:
    with pytest.raises(FaultyConfigError) as error:
        document(tmp_path, text)

    fault = error.value.faults[-1]
    assert fault.what.startswith(what)
    assert fault.line == line


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", "a", "this key stands already on line 1"),
        ("a: !!python/object/apply:os.system [id]\n", "a", "the tag tag:yaml.org,2002:python"),
        ("a: !mine x\n", "a", "the tag !mine is not allowed"),
        ("a: *nothing\n", "a", "the alias *nothing names nothing"),
        ("a: &x [*x]\n", "a.0", "the alias *x names nothing"),
        ("? [a, b]\n: 1\n", "", "a key is not plain text"),
        ("a: 1\n---\nb: 2\n", "", "a second document begins"),
        ('a: "\\e[2J"\n', "a", "there is a control character in this text"),
        ("a: &x 1\nb: {<<: *x}\n", "b.<<", "only a mapping can be merged"),
    ],
)
def test_what_no_configuration_needs_is_a_fault(
    tmp_path: Path, text: str, field: str, what: str
) -> None:
    found = document(tmp_path, text)

    assert [(fault.field, fault.what[: len(what)]) for fault in found.faults] == [(field, what)]


def test_a_thousand_million_laughs_stop_early(tmp_path: Path) -> None:
    laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )

    with pytest.raises(FaultyConfigError, match="holds over 20000 values"):
        document(tmp_path, laughs)


def test_merged_laughs_stop_early(tmp_path: Path) -> None:
    laughs = "a0: &a0 {k: [1, 2, 3, 4, 5]}\n" + "".join(
        f"a{n}: &a{n} {{<<: *a{n - 1}, x{n}: *a{n - 1}, y{n}: *a{n - 1}}}\n" for n in range(1, 28)
    )

    with pytest.raises(FaultyConfigError, match="holds over 20000 values"):
        document(tmp_path, laughs)


def test_what_is_merged_gives_way_to_what_is_written(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 9}\n"

    root = plain(document(tmp_path, text).root)

    assert root == {"a": {"x": 1, "y": 1}, "b": {"y": 2, "z": 2}, "c": {"x": 9, "y": 1, "z": 2}}


def test_the_snippet_of_a_broken_line_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfigError) as error:
        document(tmp_path, "token: hunter22: x: [\n")

    assert "hunter22" not in str(error.value)


def test_a_folder_and_a_missing_file_are_faults(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfigError, match="is no plain file"):
        read(tmp_path)
    with pytest.raises(FaultyConfigError, match="cannot be read: No such file"):
        read(tmp_path / "absent.yaml")


def test_a_device_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfigError, match="no plain file"):
        read(type(tmp_path)("/dev/zero"))


def test_a_pipe_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    pipe = tmp_path / "lastgood.yaml"
    os.mkfifo(pipe)

    with pytest.raises(FaultyConfigError, match="no plain file"):
        read(pipe)


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("ab:[]{}\"'-&*!?|>%@`#,$ \n<1~"), max_size=40))
def test_any_text_is_read_or_refused_with_faults(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    # Not in the root of all tests: each would find it, upward.
    folder = tmp_path_factory.mktemp("any")
    try:
        faults = document(folder, text).faults
    except FaultyConfigError as refused:
        faults = list(refused.faults)
        complete = False
    else:
        complete = True
    assert complete or faults
    assert all(fault.what and fault.mend for fault in faults)
