"""Progress as lines: what a log shows when a task starts, goes on and ends."""

import json
import re
import threading

import pytest
import typer

from ocistacks.cli.log_lines import LineReporter
from ocistacks.errors import AuthError


class Clock:
    """Seconds that pass when a test says so."""

    seconds = 100.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def run_task(reporter, clock, *, total=30_000_000, unit="bytes"):
    with reporter.task("pull x", total=total, unit=unit) as task:
        for _ in range(12):
            clock.seconds += 1
            task.advance(2_000_000)


def test_text_lines_come_at_the_start_every_five_seconds_and_at_the_end(capsys, clock):
    run_task(LineReporter("text", clock=clock), clock)
    assert capsys.readouterr().err.splitlines() == [
        "pull x: start, 30.0 MB",
        "pull x: 10.0 MB of 30.0 MB, 33 % (2.0 MB/s)",
        "pull x: 20.0 MB of 30.0 MB, 66 % (2.0 MB/s)",
        "pull x: end, 24.0 MB in 12.0 s (2.0 MB/s)",
    ]


def test_what_is_not_bytes_is_counted(capsys, clock):
    run_task(LineReporter("text", clock=clock), clock, total=None, unit="files")
    assert capsys.readouterr().err.splitlines() == [
        "pull x: start",
        "pull x: 10000000 files",
        "pull x: 20000000 files",
        "pull x: end, 24000000 files in 12.0 s",
    ]


def test_json_lines_are_objects_with_a_time(capsys, clock):
    run_task(LineReporter("json", clock=clock), clock)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    common = {"task": "pull x", "unit": "bytes", "total": 30_000_000}
    assert lines == [
        {"event": "start", "done": 0, "seconds": 0.0, **common},
        {"event": "progress", "done": 10_000_000, "seconds": 5.0, "rate": 2_000_000, **common},
        {"event": "progress", "done": 20_000_000, "seconds": 10.0, "rate": 2_000_000, **common},
        {"event": "end", "done": 24_000_000, "seconds": 12.0, "rate": 2_000_000, **common},
    ]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_task_that_fails_is_told_and_its_error_goes_on(capsys, clock, log_format):
    with (
        pytest.raises(KeyError),
        LineReporter(log_format, clock=clock).task("pull x", total=10) as task,
    ):
        task.advance(5)
        clock.seconds += 2
        raise KeyError
    last = capsys.readouterr().err.splitlines()[-1]
    expected = {"text": "pull x: failed after 5 bytes and 2.0 s", "json": '"event": "failed"'}
    assert expected[log_format] in last


def test_an_error_is_a_line_of_json_and_the_exit_code(capsys):
    with pytest.raises(typer.Exit) as raised, LineReporter("json").live():
        raise AuthError("No.", where="here", hint="log in")
    assert raised.value.exit_code == 7
    line = json.loads(capsys.readouterr().err)
    del line["time"]
    expected = {"exit_code": 7, "what": "No.", "where": "here", "hint": "log in"}
    assert line == {"event": "error", **expected}


def test_an_error_among_text_is_told_as_everywhere(capsys):
    with pytest.raises(AuthError), LineReporter("text").live():
        raise AuthError("No.")
    assert capsys.readouterr().err == ""


def test_messages(capsys):
    LineReporter("text").say("hello")
    LineReporter("json").say("hello")
    text, as_json = capsys.readouterr().err.splitlines()
    assert text == "hello"
    assert json.loads(as_json)["message"] == "hello"


def test_quiet_is_quiet_but_for_errors(capsys, clock):
    reporter = LineReporter("json", quiet=True, clock=clock)
    reporter.say("hello")
    run_task(reporter, clock)
    assert capsys.readouterr().err == ""
    with pytest.raises(typer.Exit), reporter.live():
        raise AuthError("No.")
    assert "No." in capsys.readouterr().err


def test_threads_share_a_task(capsys, clock):
    reporter = LineReporter("text", clock=clock)
    with reporter.task("pull x") as task:
        threads = [
            threading.Thread(target=lambda: [task.advance(1) for _ in range(5000)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.seconds += 1
    assert capsys.readouterr().err.splitlines()[-1] == "pull x: end, 20.0 kB in 1.0 s (20.0 kB/s)"
