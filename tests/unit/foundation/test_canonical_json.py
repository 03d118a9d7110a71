"""Canonical JSON against the examples of RFC 8785."""

import json

import pytest

from ocistacks.canonical_json import canonical_json


def test_keys_are_sorted_by_utf_16_code_units():
    """RFC 8785, section 3.2.3, with its input and the order that it demands."""
    value = json.loads(
        r"""{
          "\u20ac": "Euro Sign",
          "\r": "Carriage Return",
          "\ufb33": "Hebrew Letter Dalet With Dagesh",
          "1": "One",
          "\ud83d\ude00": "Emoji: Grinning Face",
          "\u0080": "Control",
          "\u00f6": "Latin Small Letter O With Diaeresis"
        }"""
    )
    assert list(json.loads(canonical_json(value)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_strings_are_escaped_as_little_as_possible():
    """RFC 8785, section 3.2.2.2, with the string of its sample object."""
    value = {"string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    assert canonical_json(value) == (
        '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("\b\t\n\f\r", r'"\b\t\n\f\r"'),
        ("\x00\x1f", r'"\u0000\u001f"'),
        ("\x7f</script>", '"\x7f</script>"'),
        ("\u2028\u00e9\U0001f600", '"\u2028\u00e9\U0001f600"'),
    ],
)
def test_controls_and_other_characters(text, form):
    assert canonical_json(text) == form.encode()


@pytest.mark.parametrize(
    ("number", "form"), [(0, b"0"), (-1, b"-1"), (2**53 - 1, b"9007199254740991")]
)
def test_integers(number, form):
    assert canonical_json(number) == form


def test_tuples_are_lists_and_nothing_is_between():
    assert canonical_json({"b": (1, [2]), "a": {}}) == b'{"a":{},"b":[1,[2]]}'


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.5, TypeError, "float has no canonical JSON form here"),
        ({"a": [b""]}, TypeError, "bytes has no canonical JSON form here"),
        ({1: 2}, TypeError, "int is no key of a JSON object"),
        (
            2**53,
            ValueError,
            "9007199254740992 is beyond the integers that all JSON readers agree on",
        ),
    ],
)
def test_what_has_no_form(value, error, message):
    with pytest.raises(error) as caught:
        canonical_json(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}])
def test_lone_surrogates_are_refused(value):
    with pytest.raises(ValueError, match="surrogates not allowed"):
        canonical_json(value)
