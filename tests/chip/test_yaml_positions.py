"""YAML with places: scalars of YAML 1.2, repeated keys and tricks of YAML reported, nothing executed."""

import math

import pytest

from seneca_sim.errors import FileFormatError
from seneca_sim.yaml_positions import did_you_mean, plain_scalar, read_yaml, shown, yaml_from_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e6", 1e6), ("1.0e6", 1e6), ("-1E-3", -1e-3), (".5", 0.5), ("5.", 5.0), ("+12", 12), ("010", 10), ("0o10", 8),
        ("0x1f", 31), ("true", True), ("False", False), ("yes", "yes"), ("on", "on"), ("off", "off"), ("12:30", "12:30"),
        ("1_000", "1_000"), ("2024-01-02", "2024-01-02"), ("~", None), ("null", None), ("", None), ("e5", "e5"), ("1e", "1e"),
        ("-.inf", -math.inf), (".Inf", math.inf), ("inf", "inf"), ("nan", "nan"), ("0x", "0x"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text, value):
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


def test_nan_is_a_number_that_later_checks_can_refuse():
    assert math.isnan(plain_scalar(".NaN"))


def test_a_number_longer_than_python_converts_stays_a_text():
    assert plain_scalar("9" * 5000) == "9" * 5000


def test_quoted_and_block_scalars_are_texts():
    text = "a: '8'\nb: \"true\"\nc: |\n  9\nd: >-\n  1e6\n"
    assert yaml_from_text(text, "f").data == {"a": "8", "b": "true", "c": "9\n", "d": "1e6"}


def test_keys_are_texts_as_written():
    assert yaml_from_text("on: 1\n8: 2\nnull: 3\n", "f").data == {"on": 1, "8": 2, "null": 3}


def test_every_value_and_key_has_its_place():
    file = yaml_from_text("a:\n  b: [1, {c: 2}]\n", "f")
    assert file.where(("a",)) == "f:1:1"
    assert file.where(("a", "b")) == "f:2:3"
    assert file.where(("a", "b", 0)) == "f:2:7"
    assert file.where(("a", "b", 1, "c")) == "f:2:14"
    assert file.where(("a", "b", 1, "c"), at_key=True) == "f:2:11"
    assert file.where(("a", "absent")) == "f:1:1"


def test_aliases_are_values_of_their_own():
    file = yaml_from_text("a: &x {k: 1}\nb: *x\n", "f")
    assert file.data == {"a": {"k": 1}, "b": {"k": 1}}
    assert file.findings == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: repeated key (first at line 1); remove one"),
        ("x:\n  - {a: 1, a: 2}\n", "f:2:12: x.0.a: repeated key (first at line 2); remove one"),
        ("a: {[1, 2]: 3}\n", "f:1:5: a: expected a text as key, got a group"),
        ("a: &x {b: *x}\n", "f:1:8: a.b: is an alias of a group that contains it; remove the alias"),
        (
            "a: !!python/name:os.system\n",
            "f:1:4: a: tags such as tag:yaml.org,2002:python/name:os.system are not supported; remove it",
        ),
        ("a: !!str 12\n", "f:1:4: a: tags such as tag:yaml.org,2002:str are not supported; remove it"),
        ("a: !mine {b: 1}\n", "f:1:1: a: tags such as !mine are not supported; remove it"),
    ],
)
def test_what_yaml_would_let_pass_is_a_finding(text, finding):
    assert [str(found) for found in yaml_from_text(text, "f").findings] == [finding]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: [1\n", "f:2:1: not YAML: "),
        ("a: b: c\n", "f:1:5: not YAML: "),
        ("a: 1\n---\nb: 2\n", "f:2:1: not YAML: "),
        ("a: *nowhere\n", "f:1:4: not YAML: "),
        ("a: \0\n", "f: not YAML: "),
        ("[" * 300_000, "f:1:102: not YAML: groups are nested more than 100 deep"),
        ("{a: " * 100_000, "f:1:"),
    ],
)
def test_what_is_not_yaml_is_refused(text, start):
    with pytest.raises(FileFormatError) as caught:
        yaml_from_text(text, "f")
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_aliases_of_aliases_do_not_grow_without_limit():
    lines = ["a0: &a0 [1, 1]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40)]
    with pytest.raises(FileFormatError) as caught:
        yaml_from_text("\n".join(lines), "f")
    assert str(caught.value) == "f: more than 200000 values; are aliases nested in aliases?"


def test_aliases_of_aliases_do_not_nest_without_limit():
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 2000)]
    with pytest.raises(FileFormatError) as caught:
        yaml_from_text("\n".join(lines), "f")
    assert str(caught.value) == "f: aliases nest groups more than 100 deep"


def test_files_that_cannot_be_read_are_refused_with_the_reason(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\n")
    for name, reason in (
        ("bytes.yaml", "not a text file in UTF-8 (byte 3)"),
        ("absent.yaml", "cannot be read: No such file or directory"),
    ):
        with pytest.raises(FileFormatError) as caught:
            read_yaml(tmp_path / name, "f")
        assert str(caught.value) == f"f: {reason}"


def test_long_values_are_shortened_in_messages():
    assert shown("x" * 200) == "'" + "x" * 55 + "...'"
    assert did_you_mean("zzz", ["count"]) == ""
