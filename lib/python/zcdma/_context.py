# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a source, its senders and its blocks share: one context of the library, and the rules of who may call it."""

import collections
import errno
import os
import select
import threading
import time
from ctypes import byref, c_void_p

from ._library import lib

# How long to wait for a thread that is inside, in seconds: none stays there.
SHORT = 0.0002

# Answers of functions that wait, which are no errors.
ANSWERS = (-errno.EAGAIN, -errno.EINTR, -errno.ETIMEDOUT)


class Error(OSError):
    """An error of the library: .errno, .strerror (operation, object, reason), and .hint, what helps, or None."""

    def __init__(self, number, text, hint=None):
        super().__init__(number, text)
        self.hint = hint

    def __str__(self):
        return self.strerror if self.hint is None else f"{self.strerror}\n  {self.hint}"


class Handle:
    """An object of the library, or None once it is closed."""

    __slots__ = ("pointer", "name")

    def __init__(self, pointer, name):
        self.pointer = pointer
        self.name = name


class Deadline:
    """A time until which to wait: @timeout is in seconds, and None is without a limit."""

    def __init__(self, timeout):
        self._at = None if timeout is None else time.monotonic() + timeout

    def milliseconds(self):
        """Return how many are left, rounded up, or None without a limit."""
        return None if self._at is None else max(0, -int((time.monotonic() - self._at) * 1000 // 1))


class Context:
    """A context of the library.

    It belongs to one thread at a time: for every call a thread goes inside alone, and it does not wait there. What ends by
    itself (the last use of a block, in any thread, or while the collector runs) is left to the thread that is inside.

    The handler of a signal may raise an exception, such as KeyboardInterrupt, after any call of a function, and where one
    begins. What must be done together stands without a call in between.
    """

    def __init__(self):
        self._inside = {}
        self._later = collections.deque()
        self._pid = os.getpid()
        self.closing = False
        self.pinned = []  # memory of the program's own
        self.blocks = {}  # deliveries that are not back, by their tickets
        self.source = Handle(None, "source")
        self.paths = []
        pointer = c_void_p()
        rc = lib.zcdma_new(byref(pointer))
        if rc:
            raise Error(-rc, os.strerror(-rc))
        self.pointer = pointer

    #
    # Calls
    #

    def _go_inside(self, waits, work):
        """Do @work while no other thread is inside. Return whether it was done, which it is if it @waits."""
        me, inside = object(), self._inside
        try:
            while inside.setdefault("by", me) is not me:
                if not waits:
                    return False
                time.sleep(SHORT)
            work()
            return True
        finally:
            if "by" in inside and inside["by"] is me:
                del inside["by"]

    def call(self, handle, function, *arguments):
        """Call @function of the library with the object of @handle. Return its answer; raise Error if it fails."""
        answer = None

        def work():
            nonlocal answer
            if handle.pointer is None or self.closing:
                raise ValueError(f"{handle.name} is closed")
            answer = function(handle.pointer, *arguments)
            self._raise_error(answer)

        self._check_process()
        try:
            self._go_inside(True, work)
        finally:
            self._drain()
        return answer

    def make(self, handle, function, *arguments):
        """Let @function of the library make the object of @handle."""
        pointer = c_void_p()

        def work():
            if self.closing:
                raise ValueError(f"{self.source.name} is closed")
            self._raise_error(function(self.pointer, *arguments, byref(pointer)))

        self._check_process()
        try:
            self._go_inside(True, work)
        finally:
            handle.pointer = pointer if pointer else None
            self._drain()

    def make_in_thread(self, handle, deadline, *arguments):
        """Do the same where the library waits, so that a signal such as Ctrl-C and the deadline can end it."""
        result = []

        def run():
            try:
                self.make(handle, *arguments)
            except BaseException as error:
                result.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            left = deadline.milliseconds()
            thread.join(None if left is None else left / 1000)
            in_time = not thread.is_alive()
        except BaseException:
            self._interrupt(thread)
            raise
        if not in_time:
            self._interrupt(thread)
            if result or handle.pointer is None:
                raise TimeoutError(errno.ETIMEDOUT, f"{handle.name}: not within the timeout")
        if result:
            raise result[0]

    def _interrupt(self, thread):
        lib.zcdma_interrupt(self.pointer)
        while thread.is_alive():
            try:
                thread.join()
            except KeyboardInterrupt:
                pass  # the one before it is raised in a moment
        lib.zcdma_resume(self.pointer)

    def _raise_error(self, rc):
        if rc is None or rc >= 0 or rc in ANSWERS:
            return
        hint = lib.zcdma_hint(self.pointer)
        text = lib.zcdma_error(self.pointer).decode(errors="replace")
        raise Error(-rc, text or os.strerror(-rc), hint and hint.decode(errors="replace"))

    def _check_process(self):
        if self._pid != os.getpid():
            raise RuntimeError(f"{self.source.name} belongs to process {self._pid}, which made this one by fork()")

    #
    # Waiting
    #

    def wait(self, descriptors, deadline, what, most_ms=None):
        """Wait until one of @descriptors is readable, or for @most_ms. Raise TimeoutError at the deadline."""
        left = deadline.milliseconds()
        if left == 0:
            raise TimeoutError(errno.ETIMEDOUT, f"{what}: not within the timeout")
        poll = select.poll()
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        poll.poll(left if most_ms is None else most_ms if left is None else min(left, most_ms))

    def process(self):
        """Let the paths go on, and give blocks back. Raise what broke one of them off."""
        for path in list(self.paths):
            try:
                self.call(path, lib.zcdma_path_process)
            except ValueError:
                pass  # another thread closed it meanwhile

    def descriptors(self):
        """Return a descriptor for each path."""
        found = []
        for path in list(self.paths):
            try:
                found.append(self.call(path, lib.zcdma_path_fd))
            except ValueError:
                pass
        return found

    #
    # Ending
    #

    def later(self, function, *arguments):
        """Have @function called inside, now or by the thread that is there. It may be called again where it was interrupted.

        For finalizers: does not wait.
        """
        self._later.append((function, arguments))
        self._drain()

    def _drain(self):
        # Whoever adds work either gets inside here, or the thread that is inside comes by here when it leaves.
        while self._later and self._pid == os.getpid() and self._go_inside(False, self._work_off):
            pass

    def _work_off(self):
        while self._later:
            function, arguments = self._later[0]
            function(*arguments)
            del self._later[0]
        if self.closing and not self.blocks:
            self._free()

    def close_path(self, path):
        """Close a path, which resets its connection unless the stream was finished."""
        self.later(self._close_path, path)

    def _close_path(self, path):
        pointer, path.pointer = path.pointer, None
        lib.zcdma_path_close(pointer)
        if path in self.paths:
            self.paths.remove(path)

    def close(self):
        """Close the paths and stop the source now; its memory goes with the last use of a block."""
        self.later(self._close)

    def _close(self):
        for path in list(self.paths):
            self._close_path(path)
        if self.source.pointer is not None and not self.closing:
            lib.zcdma_source_stop(self.source.pointer)
        self.closing = True
        self.sweep()

    def sweep(self):
        """Give back what a finalizer that was interrupted has left."""
        for delivery in list(self.blocks.values()):
            if delivery.is_unused():
                delivery.drop()

    def _free(self):
        pointer, self.source.pointer = self.source.pointer, None
        lib.zcdma_source_close(pointer)
        pointer, self.pointer = self.pointer, None
        lib.zcdma_free(pointer)
        self.pinned.clear()

    def end(self, function):
        """End a context whose only object @function frees, with which it has no more to do."""
        self.later(self._end, function)

    def _end(self, function):
        self.closing = True
        pointer, self.source.pointer = self.source.pointer, None
        function(pointer)
