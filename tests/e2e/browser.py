"""A headless chromium by WebDriver: what a page shows, and what its console complains of."""

import base64
import shutil
import subprocess
import tempfile
from pathlib import Path

import requests

from service import free_port, wait_until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1280,1000",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


class Browser:
    def __init__(self, dark=False):
        self.profile = tempfile.mkdtemp(prefix="sentinel-chromium-")
        port = free_port()
        self.driver = subprocess.Popen(["/usr/bin/chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        wait_until(self._answers, "chromedriver answers", 30)
        flags = [*FLAGS, f"--user-data-dir={self.profile}", *(["--force-dark-mode"] if dark else [])]
        wanted = {"goog:chromeOptions": {"binary": "/usr/bin/chromium", "args": flags},
                  "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def _answers(self):
        try:
            return requests.get(self.url + "/status", timeout=5).ok
        except requests.RequestException:
            return False

    def _ask(self, method, path, body=None):
        answer = requests.request(method, self.url + path, json=body, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and answer.get("error")), answer
        return answer

    def _do(self, what, **body):
        return self._ask("POST", f"/session/{self.session}/{what}", body)

    def open(self, url):
        self._do("url", url=url)

    def run(self, script, *arguments):
        """What the script returns."""
        return self._do("execute/sync", script=script, args=list(arguments))

    def wait_for(self, script, what):
        return wait_until(lambda: self.run(f"return {script}"), what, 90)

    def complaints(self):
        """What the console has from warnings on, policy violations and failed loads among them; asked once, then gone."""
        log = self._do("se/log", type="browser")
        return [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]

    def screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self._ask("GET", f"/session/{self.session}/screenshot")))

    def close(self):
        try:
            self._ask("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(30)
            shutil.rmtree(self.profile, ignore_errors=True)
