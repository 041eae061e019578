# SPDX-License-Identifier: LGPL-2.1-or-later
"""Senders: the paths that blocks of a source take to a receiver, a pipe or a file."""

import ctypes
import errno
import os
import weakref
from ctypes import byref

from ._context import Deadline, Handle
from ._library import Hist, PathStats, lib, to_dict

# No descriptor reports an acknowledgement, nor the end of writes to a file.
NAP_MS = 5


class Sender:
    """Send blocks of @source to @to: "host:9000", "udp:host:9000", or a descriptor, or an object with one.

    @path is one of zcdma(7): "zerocopy", "copy", "vmsplice", "splice", "sendfile", "uring", "uring-fixed". Make the
    senders of a source before its first block. A descriptor stays the caller's, and should be non-blocking.

    At the end of a with statement the stream is finished, or, after an exception, its connection is reset.
    """

    def __init__(self, source, to, path="zerocopy", *, timeout=None):
        context = source._context
        self._source = source
        self._context = context
        self._to = to
        self._handle = Handle(None, f"{path} to {to}")
        name = path.encode()
        if isinstance(to, (str, os.PathLike)):
            function, sink = lib.zcdma_path_connect, os.fsencode(to)
        else:
            function, sink = lib.zcdma_path_open, to if isinstance(to, int) else to.fileno()

        def open_path(pointer, *rest):
            return function(pointer, context.source.pointer, name, sink, *rest)

        try:
            context.make_in_thread(self._handle, Deadline(timeout), open_path)
            context.call(self._handle, lib.zcdma_path_set_timeout, 0)
            context.paths.append(self._handle)
        except BaseException:
            if self._handle.pointer is not None:
                context.close_path(self._handle)
            raise
        self._finalizer = weakref.finalize(self, context.close_path, self._handle)
        self._finalizer.atexit = False

    def _call(self, function, *arguments):
        return self._context.call(self._handle, function, *arguments)

    def send(self, block, timeout=None):
        """Send @block, which is the sender's from here on, also after an error. Wait for room up to @timeout seconds.

        Raise BufferError while something uses the block's memory, and TimeoutError where there was no room: then the
        block is still the caller's.
        """
        deadline = Deadline(timeout)
        if getattr(block, "_delivery", None) is None:
            raise TypeError(f"send() takes a block of a source, not {type(block).__name__}")
        if block._delivery.context is not self._context:
            raise ValueError(f"{block!r} is not of the sender's source")
        delivery = block._take_out()
        in_call = False  # whether it is unknown what the library did with the block
        try:
            while True:
                in_call = True
                rc = self._call(lib.zcdma_path_send, byref(delivery.raw))
                if rc != -errno.EAGAIN:
                    delivery.passed_on()
                    return
                in_call = False
                self._go_on(deadline)
        except BaseException:
            if in_call:
                delivery.drop()
            else:
                block._put_in()
            raise

    def flush(self, timeout=None):
        """Wait until all is sent."""
        self._repeat(lib.zcdma_path_flush, timeout)

    def finish(self, timeout=None):
        """End the stream: wait until the receiver's kernel has all of it, and until every block is back."""
        self._repeat(lib.zcdma_path_finish, timeout)

    def _repeat(self, function, timeout):
        deadline = Deadline(timeout)
        while self._call(function) < 0:
            self._go_on(deadline, NAP_MS)

    def _go_on(self, deadline, most_ms=None):
        self._context.wait([self.fileno()], deadline, self._handle.name, most_ms)
        self.process()

    def process(self):
        """Send on, and give blocks back, without a wait. For event loops."""
        self._call(lib.zcdma_path_process)

    def fileno(self):
        """Return a descriptor that is readable when process(), or a send() that had no room, is worth another try."""
        return self._call(lib.zcdma_path_fd)

    def statistics(self):
        """Return its counters. Bytes of which it is unknown whether they were copied are unknown_bytes."""
        stats = PathStats()
        self._call(lib.zcdma_path_get_stats, stats, ctypes.sizeof(stats))
        return to_dict(stats)

    def latency(self):
        """Return how long blocks took: from full to sent, and from there until their pages were free."""
        kinds = Hist(), Hist()
        self._call(lib.zcdma_path_get_latency, *kinds)
        return {name: _quantiles(hist) for name, hist in zip(("device_to_sent", "sent_to_free"), kinds)}

    @property
    def closed(self):
        """Whether it was closed, by itself or by its source."""
        return self._handle.pointer is None

    def close(self):
        """Close the sender. Its connection is reset, unless finish() has ended the stream."""
        self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def __repr__(self):
        return f"<zcdma.Sender {self._handle.name}{' (closed)' if self.closed else ''}>"


def _quantiles(hist):
    shares = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99}
    found = {name: lib.zcdma_hist_quantile(hist, share) if hist.count else None for name, share in shares.items()}
    return {"blocks": hist.count, **found, "max_ns": hist.max if hist.count else None}
