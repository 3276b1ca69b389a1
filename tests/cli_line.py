"""The command line in this process: what it prints on which stream, and with which code it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from mihub.apps import cli


@dataclass(frozen=True)
class Output:
    """What one command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON that standard output holds."""
        assert self.code in (0, 65), self.err
        (line,) = self.out.splitlines()
        return orjson.loads(line)

    @property
    def sentence(self) -> str:
        """The one line of an error on standard error: who speaks, what is wrong, what to do next."""
        (line,) = self.err.splitlines()
        assert line.startswith("mihub: ")
        assert "Next: " in line
        assert "Traceback" not in line
        return line


class CommandLine:
    """Runs `mihub WORDS` as the installed script would."""

    def __init__(self, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = monkeypatch
        monkeypatch.setenv("COLUMNS", "200")

    def run(self, *words: str) -> Output:
        self._patch.setattr("sys.argv", ["mihub", *words])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = self._capture.readouterr()
        return Output(int(end.value.code or 0), shown.out, shown.err)
