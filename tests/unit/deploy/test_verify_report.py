"""The outcomes of checks, and the one error that tells all faults."""

from __future__ import annotations

import pytest

from ocistacks.deploy.verify_report import Check, Report, failure
from ocistacks.errors import (
    AuthError,
    DigestError,
    NotFoundError,
    TransferError,
    UnsafeContentError,
)


def raising(error):
    def check():
        raise error

    return check


def report(*faults):
    made = Report(name="app-x", platform="linux_x86_64")
    for check, error in faults:
        made.add(check, error)
    return made


def test_what_a_check_gives_is_returned_and_its_fault_is_kept():
    made = report()
    assert made.run(Check.BLOB, lambda: 7) == 7
    assert made.run(Check.SBOM, raising(NotFoundError("none"))) is None
    assert made.run(Check.CONTENTS, raising(DigestError("other"))) is None
    made.add(Check.SBOM, NotFoundError("none either"))
    words = [made.outcome(check) for check in (Check.BLOB, Check.SBOM, Check.CONTENTS)]
    assert words == ["ok", "missing", "wrong"]
    assert made.outcome(Check.REBUILD) == "-"
    made.add(Check.SBOM, DigestError("other"))
    assert made.outcome(Check.SBOM) == "wrong"


def test_who_may_not_look_is_told_at_once():
    with pytest.raises(AuthError):
        report().run(Check.BLOB, raising(AuthError("no")))


def test_all_faults_are_in_one_error():
    first = report((Check.BLOB, DigestError("Other bytes.", found="a", expected="b")))
    second = report(
        (Check.SBOM, NotFoundError("No SBOM.")), (Check.CONTENTS, TransferError("Cut."))
    )
    error = failure([first, second], where="here")
    assert isinstance(error, DigestError)
    assert str(error) == (
        "3 checks fail of here.\n"
        "app-x (linux_x86_64), blob: Other bytes.\n"
        "    found: a\n"
        "    expected: b\n"
        "app-x (linux_x86_64), sbom: No SBOM.\n"
        "app-x (linux_x86_64), contents: Cut."
    )


@pytest.mark.parametrize(
    ("errors", "exit_code"),
    [
        ([NotFoundError("a"), UnsafeContentError("b"), DigestError("c")], 8),
        ([NotFoundError("a"), UnsafeContentError("b")], 11),
        ([NotFoundError("a"), TransferError("b")], 6),
        ([TransferError("a")], 10),
    ],
)
def test_the_gravest_fault_decides_the_exit_code(errors, exit_code):
    error = failure([report(*((Check.BLOB, each) for each in errors))], where="here")
    assert error.exit_code == exit_code


def test_without_faults_there_is_no_error():
    made = report()
    made.run(Check.BLOB, lambda: None)
    assert failure([made], where="here") is None
