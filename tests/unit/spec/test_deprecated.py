"""Fields of earlier venvstacks, and what is not read at all: warnings, returned as data."""


def test_a_field_without_effect_is_warned_of_in_every_kind_of_layer(parse):
    stack = parse(
        '[[runtimes]]\nname = "py"\npython_implementation = "cpython@3.13.5"\nrequirements = []\n'
        "build_requirements = []\n"
        '[[frameworks]]\nname = "f"\nruntime = "py"\nrequirements = []\nbuild_requirements = []\n'
        '[[applications]]\nname = "x"\nruntime = "py"\nrequirements = []\n'
        'build_requirements = []\nlaunch_module = "run.py"'
    )
    assert len(stack.layers) == 3
    assert stack.warnings == (
        "runtimes[0].build_requirements: this field is deprecated and has no effect",
        "frameworks[0].build_requirements: this field is deprecated and has no effect",
        "applications[0].build_requirements: this field is deprecated and has no effect",
    )


def test_a_renamed_field_is_read_under_its_old_name(parse):
    stack = parse(
        '[[runtimes]]\nname = "py"\nfully_versioned_name = "cpython@3.13.5"\nrequirements = []'
    )
    assert stack.runtimes[0].python_implementation == "cpython@3.13.5"
    assert stack.warnings == (
        (
            "runtimes[0].fully_versioned_name: this field is deprecated: its name is "
            "python_implementation now"
        ),
    )


def test_a_field_under_both_its_names_is_refused(refusal):
    text = refusal(
        '[[runtimes]]\nname = "py"\nfully_versioned_name = "cpython@3.13.5"\nrequirements = []\n'
        'python_implementation = "cpython@3.13.6"'
    )
    assert text == (
        "venvstacks.toml has a fault.\n"
        "  runtimes[0].fully_versioned_name: the old name of python_implementation, and both are "
        "given\n"
        "    found: 'cpython@3.13.5'\n"
        "    allowed: python_implementation alone\n"
        "  where: /stack/venvstacks.toml"
    )


def test_the_old_name_is_a_runtimes_alone(refusal):
    text = refusal('[[frameworks]]\nname = "f"\nrequirements = []\nfully_versioned_name = "x"')
    assert "frameworks[0].fully_versioned_name: unknown field" in text


def test_tables_of_others_are_left_alone_with_a_warning(parse):
    stack = parse("[metadata]\nowner = 3\n[tool.ruff]\nline-length = 100")
    assert stack.warnings == ("metadata: this is not read: the specification has no such table",)
