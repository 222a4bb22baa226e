"""A real browser without a window, spoken to over the WebDriver protocol; nothing to install.

Needs ``chromium`` (or ``google-chrome``) and ``chromedriver`` on the path.
"""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing():
    """What is not installed, as a reason to skip; empty if all is there."""
    names = {"chromedriver": ["chromedriver"], "chromium": ["chromium", "google-chrome", "chrome"]}
    lacking = [name for name, ways in names.items() if not any(map(shutil.which, ways))]
    return f"no {' and no '.join(lacking)} here" if lacking else ""


class Browser:
    """One headless browser; use as a context."""

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="browser.")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.root = f"http://127.0.0.1:{port}"
        self._wait()
        binary = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))))
        flags = [*FLAGS, f"--user-data-dir={self.profile}"]
        wanted = {
            "goog:chromeOptions": {"binary": binary, "args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self.call("/session", {"capabilities": {"alwaysMatch": wanted}})
        self.root += f"/session/{answer['sessionId']}"
        return self

    def __exit__(self, *_):
        try:
            self.call("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(20)
            shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, path, content=None, method="POST"):
        """Answer of the driver."""
        data = json.dumps(content or {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            self.root + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:500]) from error

    def open(self, page, width, height=900):
        """Load a local file at a width [px] and wait until it is ready."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        self.call("/url", {"url": Path(page).absolute().as_uri()})
        end = time.monotonic() + 60
        while not self.run("return document.body.dataset.ready === 'true'"):
            if time.monotonic() > end:
                raise TimeoutError(f"page not ready; console: {self.console()}")
            time.sleep(0.1)

    def run(self, script, *values):
        """Answer of a piece of script."""
        return self.call("/execute/sync", {"script": script, "args": [*values]})

    def devtools(self, command, **parameters):
        """Answer of a DevTools command."""
        return self.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self):
        """Warnings and errors since last asked."""
        entries = self.call("/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in {"WARNING", "SEVERE"}]

    def drag(self, x, y, dx, dy):
        """Drag the mouse from a point of the viewport."""
        moves = [
            {"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": int(x + dx), "y": int(y + dy), "duration": 100},
            {"type": "pointerUp", "button": 0},
        ]
        self.call("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def hover(self, x, y):
        """Point at a place of the viewport."""
        moves = [{"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0}]
        self.call("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def screenshot(self, path, *, whole=True):
        """Picture of the page, all of it or what fits the window."""
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def pdf(self):
        """The page as it prints."""
        return base64.b64decode(self.call("/print", {"background": True}))

    def _wait(self):
        end = time.monotonic() + 30
        while True:
            try:
                self.call("/status", method="GET")
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > end or self.driver.poll() is not None:
                    raise
                time.sleep(0.05)
