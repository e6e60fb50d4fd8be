"""A file of API keys for a service under test, made with the program's own command."""

import json
import subprocess

import service as harness


class Keys:
    def __init__(self, path):
        self.path = path

    def command(self, *arguments):
        """(status, JSON objects, what was said on stderr) of `sentinel-master key …`."""
        done = subprocess.run([harness.build_dir() / "master/sentinel-master", "key", *arguments, "--keys-file", self.path],
                              capture_output=True, text=True, timeout=30)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def add(self, name, role="user"):
        """Makes a key and returns its token."""
        status, rows, words = self.command("add", name, "--role", role)
        assert status == 0, words
        return rows[0]["key"]
