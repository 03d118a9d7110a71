"""Patterns that are matched to the end of a path."""

import pytest

from ocistacks.tree.path_patterns import matches_end

PATH = "framework-x/lib/python3.13/site-packages/PIL/.libs/a/libpng16.so.16"


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "**",
        "libpng16.*",
        "libpng1?.so.[0-9]*",
        "a/*",
        ".libs/a/libpng16.so.16",
        "*/a/*",
        "PIL/**/libpng16.*",
        "PIL/**",
        "PIL/**/**/a/**",
        "**/.libs/a/**/libpng16.so.16",
        "**/**/**/**/**/**/**/**/**/**/**/libpng16.so.16",
        PATH,
    ],
)
def test_patterns_match_from_any_folder_on(pattern):
    assert matches_end(PATH, pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "png16.so.16",
        "libpng16",
        "libpng16.so.16/**",
        "a",
        "PIL/*/libpng16.so.16",
        "PIL/libpng16.so.16",
        "LIBPNG16.SO.16",
        "/libpng16.so.16",
        "a**/libpng16.so.17",
        "libpng16.so.16/",
        f"more/{PATH}",
    ],
)
def test_patterns_match_whole_names_to_the_end(pattern):
    assert not matches_end(PATH, pattern)


def test_many_wildcards_take_no_time():
    pattern = "/".join(["**", "a"] * 60)
    assert not matches_end("/".join(["a"] * 200 + ["b"]), pattern)
