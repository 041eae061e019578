# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sources: what delivers blocks."""

import asyncio
import ctypes
import errno
import gc
import os
import threading
import weakref
from ctypes import byref, c_uint64

from ._block import Block
from ._buffer import Pinned
from ._context import Context, Deadline, Error
from ._library import PACKETS, RawBlock, Region, SourceInfo, SourceStats, lib, to_dict


class _Base:
    """What all sources have."""

    def __init__(self, name):
        self._context = Context()
        self._context.source.name = name

    def _call(self, function, *arguments):
        return self._context.call(self._context.source, function, *arguments)

    def _get(self, structure, function):
        value = structure()
        self._call(function, value, ctypes.sizeof(value))
        return to_dict(value)

    def info(self):
        """Return what is known of the source: its kind, its ring, whether it loses data when it is read late."""
        info = self._get(SourceInfo, lib.zcdma_source_get_info)
        del info["caps"]  # what paths need is for the library to compare
        info["packets"] = PACKETS[info["packets"]]
        info["simulated"] = {0: False, 1: True}.get(info["simulated"])
        return info

    def statistics(self):
        """Return its counters: of blocks where they name no unit, else of what their names end in."""
        return self._get(SourceStats, lib.zcdma_source_get_stats)

    def stop(self):
        """Let the device produce no further block. Those that are full can still be taken."""
        self._call(lib.zcdma_source_stop)

    @property
    def held(self):
        """How many blocks the program has, by itself or by their memory."""
        return len(self._context.blocks)

    @property
    def closed(self):
        """Whether close() was called."""
        return self._context.closing

    def close(self):
        """Close the senders, and the source.

        Blocks that nothing uses go back. The ring stays as long as an array over one of its blocks does, and the device
        is open until then.
        """
        for delivery in list(self._context.blocks.values()):
            block = delivery.block()
            if block is not None:
                block._release_unused()
            del block
        self._context.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def __repr__(self):
        return f"<zcdma.{type(self).__name__} {self._context.source.name}{' (closed)' if self.closed else ''}>"


class Source(_Base):
    """A source, by a spec as zcdma(1) has it ("dev:", "sim:blocks=8", "tcp::9000"), or a descriptor to read.

    Iterate over it for its blocks: for, or async for. @limit_bytes and @limit_blocks end the stream, and further
    arguments are options of the source, as in Source("sim:", rate="100M").
    """

    def __init__(self, spec, *, limit_bytes=0, limit_blocks=0, **options):
        is_text = isinstance(spec, (str, os.PathLike))
        super().__init__(os.fspath(spec) if is_text else f"descriptor {spec!r}")
        self.taken = RawBlock()  # what the library delivered, and no Block has yet
        self._taking = threading.Lock()
        name = os.fsencode(self._context.source.name)
        try:
            if is_text:
                self._context.make(self._context.source, lib.zcdma_source_open, name)
            else:
                self._file = spec  # which must not be closed before the source
                descriptor = spec if isinstance(spec, int) else spec.fileno()
                self._context.make(self._context.source, lib.zcdma_source_open_fd, descriptor, name)
            for key, value in options.items():
                self._call(lib.zcdma_source_set, key.encode(), None if value is True else str(value).encode())
            self._call(lib.zcdma_source_set_limit, limit_bytes, limit_blocks)
        except BaseException:
            self._context.close()
            raise
        self._finalizer = weakref.finalize(self, self._context.close)
        self._finalizer.atexit = False

    def next(self, timeout=None):
        """Return the next block, or None at the end of the stream. Wait for it up to @timeout seconds.

        Raise TimeoutError where it did not come, and Error with errno.ENOBUFS where the program holds every block, so
        that none can come.
        """
        deadline = Deadline(timeout)
        while True:
            done, block = self._take()
            if done:
                return block
            self._context.wait(self._descriptors(), deadline, f"next block of {self._context.source.name}")

    def _take(self):
        """Return whether the wait is over, and the block, or None at the end."""
        self._context.process()
        with self._taking:
            # An exception that a signal's handler raised may have left one.
            rc = 1 if self.taken.ticket else self._ask()
            if rc == 1:
                return True, Block(self._context, self.taken, self)
            self.taken.ticket = 0
            return rc == 0, None

    def _ask(self):
        try:
            return self._call(lib.zcdma_source_next, 0, self.taken)
        except Error as error:
            if error.errno != errno.ENOBUFS:
                raise
        gc.collect()  # blocks in circles of references, such as those of a traceback, go back
        self._context.sweep()
        return self._call(lib.zcdma_source_next, 0, self.taken)

    def _descriptors(self):
        return [self.fileno(), *self._context.descriptors()]

    def fileno(self):
        """Return a descriptor that is readable when next(0) is worth another try. It starts the device."""
        return self._call(lib.zcdma_source_fd)

    def __iter__(self):
        return self

    def __next__(self):
        block = self.next()
        if block is None:
            raise StopIteration
        return block

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            done, block = self._take()
            if done and block is None:
                raise StopAsyncIteration
            if done:
                return block
            await _readable(self._descriptors())


async def _readable(descriptors):
    """Wait in the running event loop until one of @descriptors is readable."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake():
        if not ready.done():
            ready.set_result(None)

    for descriptor in descriptors:
        loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        for descriptor in descriptors:
            loop.remove_reader(descriptor)


class MemorySource(_Base):
    """A source of the program's own memory: arrays, mmap.mmap and other objects with contiguous bytes.

    submit() makes a block of a part of it, for Sender.send(). The part must not be written to until reclaim() returns it.
    """

    def __init__(self, *memory):
        pinned = [Pinned(part) for part in memory]
        super().__init__("memory")
        self._context.pinned = pinned  # until the source is freed, so that the memory stays where it is
        regions = (Region * len(memory))(*(Region(part.address, part.length) for part in pinned))
        self._submitted = {}
        self._count = 0
        self._cookie = c_uint64()
        try:
            self._context.make(self._context.source, lib.zcdma_source_open_memory, regions, len(memory))
        except BaseException:
            self._context.close()
            raise
        self._finalizer = weakref.finalize(self, self._context.close)
        self._finalizer.atexit = False

    def submit(self, part):
        """Return a block of @part, which is within the memory: a slice of the array, or a memoryview."""
        self._count += 1
        cookie = self._count
        with Pinned(part) as pinned:
            self._submitted[cookie] = part
            try:
                self._call(lib.zcdma_source_submit, pinned.address, pinned.length, cookie)
            except Error:
                del self._submitted[cookie]
                raise
            raw = RawBlock()
            # A call that was interrupted may have left one before it.
            while self._call(lib.zcdma_source_next, 0, raw) == 1 and raw.data != pinned.address:
                Block(self._context, raw).release()
                raw = RawBlock()
        return Block(self._context, raw)

    def reclaim(self, timeout=None):
        """Return a part that was submitted and that may be written to again. Wait for one up to @timeout seconds.

        Return None if nothing is in flight that could come back. A block that was not sent must go back first.
        """
        deadline = Deadline(timeout)
        while True:
            self._context.process()
            # An exception that a signal's handler raised may have left one.
            rc = 1 if self._cookie.value else self._call(lib.zcdma_source_reclaim, 0, byref(self._cookie))
            if rc == 1:
                cookie, self._cookie.value = self._cookie.value, 0
                part = self._submitted[cookie]
                del self._submitted[cookie]
                return part
            if rc == 0:
                return None
            self._context.wait(self._context.descriptors(), deadline, "reclaim memory")
