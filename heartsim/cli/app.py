"""The program: its commands by name, exit codes, and messages to standard error."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from heartsim import __version__
from heartsim.errors import HeartsimError, InputError

app = App(
    name="heartsim",
    version=__version__,
    help="Beating-heart mechanics for heart teams. Start with: heartsim demo",
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
mesh = App(name="mesh", help="Check, import and make hearts.", help_format="plaintext")
data = App(name="data", help="Public patient hearts.", help_format="plaintext")
app.command(mesh)
app.command(data)

INTERRUPTED = 130

Flag = Parameter(negative=())
Folder = Annotated[Path | None, Parameter(alias="-o")]
Device = Literal["cpu", "gpu"] | None
Switch = Annotated[bool, Flag]
Text = Annotated[str, Parameter(show_default=False)]
"""Option that says nothing where it is not given."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code.

    0 success, 2 bad input, 3 a solve that failed, 130 interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``heartsim``; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # `programs.SWITCH`, which would import JAX for a page of help
    os.environ.setdefault("HEARTSIM_PROGRAMS", "kept")
    sys.exit(_guarded(words))


def _guarded(words: list[str]) -> int:
    """Run a command; turn what goes wrong into a message and an exit code."""
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        command = " ".join(["heartsim", *(error.command_chain or ())])
        return _complain(f"{error} See: {command} --help", InputError.exit_code)
    except HeartsimError as error:
        return _complain(f"{type(error).__name__}: {error}", error.exit_code)
    except BrokenPipeError:
        # the reader has left, as `head` does; Python would complain once more when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = error.filename or "heartsim"
        return _complain(f"{where}: {error.strerror}. Check the path.", InputError.exit_code)
    except KeyboardInterrupt:
        return _complain("Interrupted. The same command with --resume goes on.", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    sys.stderr.write(message.rstrip() + "\n")
    return code


def say(text: str) -> None:
    """Print a line to standard output."""
    sys.stdout.write(text + "\n")


def say_json(value: object) -> None:
    """Print a value as JSON."""
    import json

    say(json.dumps(value, indent=2))
