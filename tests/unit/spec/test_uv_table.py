"""uv's settings: where they come from, what is forced, and what is checked."""

from datetime import UTC, datetime

import pytest

from ocistacks.errors import UsageError
from ocistacks.spec.exclude_newer import parse_exclude_newer


def told(fault):
    return f"venvstacks.toml has a fault.\n{fault}  where: /stack/venvstacks.toml"


def test_the_table_in_the_file_hides_the_file_beside_it(parse):
    beside = 'exclude-newer = "2025-01-01T00:00:00Z"\nresolution = "lowest"'
    stack = parse('[tool.uv]\nresolution = "highest"', uv=beside)
    assert dict(stack.uv_configuration) == {"resolution": "highest"}
    assert dict(parse("", uv=beside).uv_configuration) == {
        "exclude-newer": "2025-01-01T00:00:00Z",
        "resolution": "lowest",
    }
    assert dict(parse("").uv_configuration) == {}


def test_faults_of_the_file_beside_have_its_own_paths(refusal):
    assert refusal("", uv="index = 3") == told(
        "  index: wrong type\n    found: 3\n    allowed: [[tool.uv.index]]\n"
    )


def test_settings_that_are_forced_are_warned_of(parse):
    stack = parse(
        "[tool.uv]\nno-build = false\ncache-keys = []\nenvironments = [\"sys_platform == 'x'\"]"
    )
    assert stack.warnings == (
        "tool.uv.cache-keys: this setting is ignored: the layer's project is always the key",
        "tool.uv.no-build: this setting is ignored: layers are made of wheels only, always",
    )
    assert parse("[tool.uv]\nno-build = true").warnings == ()


def test_credentials_in_an_index_are_warned_of_and_not_repeated(parse):
    stack = parse('[[tool.uv.index]]\nurl = "https://user:hunter2@example.org/simple"')
    assert stack.warnings == (
        (
            "tool.uv.index[0].url: credentials do not belong into a specification; give them to uv "
            "with the variables UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, a keyring "
            "or netrc"
        ),
    )


FAULTS = {
    "[tool.uv]\nindex = [3]": (
        "  tool.uv.index[0]: not an index\n    allowed: a table with url, and maybe name\n"
    ),
    '[[tool.uv.index]]\nurl = "https://["': (
        "  tool.uv.index[0].url: not a URL\n    allowed: https://...\n"
    ),
    '[[tool.uv.index]]\nname = "a"\nurl = "u"\n[[tool.uv.index]]\nname = "a"\nurl = "v"': (
        "  tool.uv.index[1].name: not the name of one index\n"
        "    found: 'a'\n"
        "    allowed: a string that no other index has as its name\n"
    ),
    "[tool.uv]\nsources = 3": (
        "  tool.uv.sources: wrong type\n    found: 3\n    allowed: a table\n"
    ),
    '[tool.uv.sources]\ntorch = { git = "https://u:hunter2@example.org/x" }': (
        "  tool.uv.sources.torch: a source that is no index\n"
        "    found: {'git': 'https://***@example.org/x'}\n"
        '    allowed: { index = "NAME" }, the name of one of [[tool.uv.index]]\n'
    ),
    '[tool.uv.sources]\ntorch = { index = "cpuu" }\n[[tool.uv.index]]\nname = "cpu"\nurl = "u"': (
        "  tool.uv.sources.torch.index: unknown package index\n"
        "    found: 'cpuu'\n"
        "    allowed: cpu\n"
        "    did you mean 'cpu'?\n"
    ),
    '[tool.uv]\nindex = [{ name = "i", url = "u" }]\n'
    'sources = { a_b = { index = "i" }, a-b = { index = "i" } }': (
        "  tool.uv.sources.a-b: the package 'a-b' has two entries after its name is normalised\n"
        "    allowed: one source for each package\n"
    ),
    '[tool.uv]\nexclude-newer = "tomorrow"': (
        "  tool.uv.exclude-newer: not a moment\n"
        "    found: 'tomorrow'\n"
        "    allowed: a date ('2026-01-31'), a date and time ('2026-01-31T12:00:00Z') or a span "
        "('7 days', 'P7D')\n"
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault(text, refusal):
    assert refusal(text) == told(FAULTS[text])


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2025-08-27 00:00:00+00:00", "2025-08-27T00:00:00Z"),
        ("2025-08-27T02:00:00+02:00", "2025-08-27T00:00:00Z"),
        ("2025-08-27T01:02:03", "2025-08-27T01:02:03Z"),
        ("2025-08-26", "2025-08-27T00:00:00Z"),
        (datetime(2025, 8, 27, 1, tzinfo=UTC), "2025-08-27T01:00:00Z"),
        (datetime(2025, 8, 26).date(), "2025-08-27T00:00:00Z"),
    ],
)
def test_a_moment_has_one_form(written, text):
    parsed = parse_exclude_newer(written)
    assert parsed.text == text
    assert parsed.moment == datetime.fromisoformat(text)


@pytest.mark.parametrize("span", ["7 days", "1 week", "24h", "P7D", "PT24H", "1 week, 2 days"])
def test_a_span_is_left_to_uv(span):
    parsed = parse_exclude_newer(span)
    assert (parsed.text, parsed.moment) == (span, None)


@pytest.mark.parametrize("value", ["", "P", "PT", "3 months", "2025-13-01", 7, True, "7"])
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(ValueError):
        parse_exclude_newer(value)


def test_the_environment_goes_before_the_table(parse):
    stack = parse(
        '[tool.uv]\nexclude-newer = "2025-01-01"', environment={"UV_EXCLUDE_NEWER": "2025-06-30"}
    )
    assert stack.exclude_newer == datetime(2025, 7, 1, tzinfo=UTC)
    assert stack.uv_configuration["exclude-newer"] == "2025-07-01T00:00:00Z"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        (
            "UV_EXCLUDE_NEWER",
            "soon",
            (
                "a date ('2026-01-31'), a date and time ('2026-01-31T12:00:00Z') or a span "
                "('7 days', 'P7D')"
            ),
        ),
        ("MACOSX_DEPLOYMENT_TARGET", "soon", "'X' or 'X.Y', such as '13.0'"),
    ],
)
def test_an_environment_variable_that_makes_no_sense_is_named(parse, variable, value, expected):
    with pytest.raises(UsageError) as caught:
        parse("", environment={variable: value})
    assert str(caught.value) == (
        "An environment variable makes no sense.\n"
        f"  where: {variable}\n"
        "  found: 'soon'\n"
        f"  expected: {expected}"
    )
