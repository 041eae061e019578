# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the Python package share."""

import contextlib
import os
import socket
import subprocess
import sys
import threading

import zcdma

RING = "sim:blocks=4,block=64K,memory=memfd"
BLOCK = 64 << 10
LIMIT = 30 * int(os.environ.get("LIMIT_SCALE", "1"))  # seconds after which a test gives up


def rings():
    """Return how many mappings of rings this process has."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sum("memfd:" in line for line in maps)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def run(program, *arguments, **options):
    """Run a Python program of its own. Return what it printed, its errors, and its status."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=LIMIT, check=False, **options
    )
    return done.stdout, done.stderr, done.returncode


class Receiver:
    """Receive one stream over TCP, in a thread: .address, and .end() for the bytes, or the error."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.go_on = threading.Event()
        self.go_on.set()
        self._bytes = bytearray()
        self._error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        connection, _ = self._listener.accept()
        connection.settimeout(LIMIT)
        with connection:
            try:
                self.go_on.wait(LIMIT)
                while part := connection.recv(1 << 20):
                    self._bytes += part
            except OSError as error:
                self._error = error

    def end(self):
        self._thread.join(LIMIT)
        self._listener.close()
        if self._error:
            raise self._error
        return self._bytes


@contextlib.contextmanager
def receiver():
    there = Receiver()
    yield there
    there._listener.close()


def take(source, count):
    return [source.next(LIMIT) for _ in range(count)]


def pass_by(source, count):
    for _ in range(count):
        source.next(LIMIT).release()


__all__ = ["BLOCK", "LIMIT", "RING", "descriptors", "pass_by", "receiver", "rings", "run", "take", "zcdma"]
