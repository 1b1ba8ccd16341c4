"""Progress that nobody watches is plain lines on stderr: few, and none where work is short or they are turned off."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable, Iterator

import pytest

from weft import progress


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time as the test says, and progress that may be shown."""
    own = Clock()
    monkeypatch.setattr("weft.progress.time.monotonic", own)
    monkeypatch.delenv(progress.VARIABLE)
    return own


def test_a_piped_training_tells_where_it_is(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Bar("training on accel") as bar:
        for done in range(1, 1001):
            clock.now += 0.125
            bar.step(done, 1000, 1 / done)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0] == "training on accel: 16 of 1,000, loss 0.0625"
    assert 10 < len(lines) < 25


def test_lines_become_rarer_but_never_stop(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines, shown = progress.Lines("long"), []
    for second in range(3600):
        clock.now += 1
        lines.show("")
        if capsys.readouterr().err:
            shown.append(second)
    gaps = [b - a for a, b in itertools.pairwise(shown)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == progress.LAST


def test_short_work_is_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Bar("short") as bar:
        bar.step(1, 1, 0.5)
    assert list(progress.track([1, 2], "short")) == [1, 2]
    with progress.working("short"):
        pass
    assert capsys.readouterr().err == ""


def test_items_are_counted(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress.track([1, 2, 3], "verifying"):
        clock.now += 10
    for _ in progress.track(iter([1, 2]), "fuzzing"):
        clock.now += 10
    assert capsys.readouterr().err.splitlines() == ["verifying: 1 of 3", "verifying: 2 of 3", "fuzzing: 1"]


def test_work_of_unknown_length_is_named_when_it_takes_long(
    clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Timer] = []

    class Timer:
        """Goes off when the test says."""

        daemon = False

        def __init__(self, seconds: float, action: Callable[[], None]) -> None:
            self.seconds, self.action, self.running = seconds, action, False
            started.append(self)

        def start(self) -> None:
            self.running = True

        def cancel(self) -> None:
            self.running = False

    monkeypatch.setattr("weft.progress.threading.Timer", Timer)
    with progress.working("checking 1-sums"):
        assert (started[0].running, started[0].seconds) == (True, progress.FIRST)
        started[0].action()
    assert not started[0].running
    assert capsys.readouterr().err == "checking 1-sums …\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_it_can_be_turned_off(terminal: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setenv(progress.VARIABLE, "off")
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.Bar("training") as bar:
        clock.now += 100
        bar.step(1, 2, 0.5)
    for _ in progress.track([1, 2], "items"):
        clock.now += 100
    assert stream.getvalue() == ""


def test_a_reader_that_has_gone_does_not_end_the_work(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    seen: Iterator[int] = progress.track([1, 2], "items")
    for _ in seen:
        clock.now += 100
