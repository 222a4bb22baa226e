"""What a person sees of long work: a status line in a terminal, plain lines elsewhere."""

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

PLAIN_EVERY: Final = 10.0
"""Seconds between two plain status lines."""


class Progress:
    """Reports on standard error under the name of a scenario; quiet keeps silent.

    Use as a context manager, so that an interrupted status line is ended properly.
    """

    def __init__(
        self, name: str = "", *, quiet: bool = False, stream: TextIO | None = None
    ) -> None:
        self._name = f"{name}: " if name else ""
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._open = False
        self._last = 0.0

    def __enter__(self) -> Self:
        """Start reporting."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the status line."""
        self._end_line()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self._quiet:
            return
        self._end_line()
        self._stream.write(f"{self._name}{text}\n")
        self._stream.flush()

    def show(self, text: str) -> None:
        """Show where the work is: replaces itself in a terminal, now and then a line elsewhere."""
        if self._quiet:
            return
        if self._live:
            self._stream.write(f"\r\x1b[K{self._name}{text}")
            self._stream.flush()
            self._open = True
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_EVERY:
            self._last = now
            self.say(text)

    def _end_line(self) -> None:
        if self._open:
            self._stream.write("\n")
            self._open = False
