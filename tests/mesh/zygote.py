"""Process that has the readers loaded and forks for each file, so that 200 mutants take seconds.

Run as ``python -I zygote.py WORKER``; each line of its input is a JSON list [command, seconds]; the
answer is one line with the exit status, what was written to stderr, processor time and memory.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

LOADED = (
    *("h5py", "meshio", "vtkmodules.util.numpy_support", "vtkmodules.vtkFiltersCore"),
    *("vtkmodules.vtkIOExodus", "vtkmodules.vtkIOGeometry", "vtkmodules.vtkIOLegacy"),
    "vtkmodules.vtkIOXML",
)


def child(worker, arguments: list[str], errors: str) -> None:
    """Read one file as the worker does, and end without cleaning up."""
    handle = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 2)
    os.dup2(handle, 1)
    status = 1
    try:
        status = worker.main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        if status == 1:
            traceback.print_exc()
        os._exit(status)


def serve(worker) -> None:
    for line in sys.stdin:
        arguments, seconds = json.loads(line)
        errors = str(Path(arguments[1]) / "stderr.txt")
        pid = os.fork()
        if pid == 0:
            child(worker, arguments, errors)
        end, status, use = time.monotonic() + seconds, 0, None
        while use is None:
            done, status, spent = os.wait4(pid, os.WNOHANG)
            if done:
                use = spent
            elif time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                _, status, use = os.wait4(pid, 0)
                status = -1
            else:
                time.sleep(0.002)
        text = ""
        with contextlib.suppress(OSError):
            text = Path(errors).read_text(errors="replace")[-2000:]
        answer = {
            "status": status if status == -1 else os.waitstatus_to_exitcode(status),
            "stderr": text,
            "seconds": use.ru_utime + use.ru_stime,
            "kibibytes": use.ru_maxrss,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("worker", sys.argv[1])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in LOADED:
        importlib.import_module(name)
    serve(module)
