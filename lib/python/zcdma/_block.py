# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocks: memory that is lent, and that goes back when its last use ends."""

import functools
import sys
import threading
import weakref
from ctypes import byref

from ._buffer import Exporter, Hold, memory_at
from ._library import BLOCK_DISCONTINUITY, LOSS_CAUSES, RawBlock, known, lib


class Delivery:
    """A block of the library's, from its delivery until it is released or a path's."""

    def __init__(self, context, raw, block):
        self.context = context
        self.raw = raw
        self.block = weakref.ref(block)
        self.claim = threading.Lock()  # of the thread that sends it
        self.mark = object()  # the memory has it too
        self.uses = 0  # how many times the memory was lent: what a former one leaves behind is void

    def gone(self, use):
        """Release the block, as nothing uses its memory any more."""
        self.context.later(self._release, use)

    def _release(self, use):
        if use == self.uses and self.raw.ticket in self.context.blocks:
            lib.zcdma_block_release(self.context.source.pointer, byref(self.raw))
            self.context.blocks.pop(self.raw.ticket, None)

    def is_unused(self):
        """Return whether nothing uses the memory, and no thread sends the block."""
        return not self.claim.locked() and sys.getrefcount(self.mark) <= sys.getrefcount(_unmarked.mark)

    def drop(self):
        """Release the block, unless it is a path's, which the library knows."""
        self.context.later(self._release, self.uses)

    def passed_on(self):
        """Note that it is a path's now."""
        self.context.later(self.context.blocks.pop, self.raw.ticket, None)


class _Unmarked:
    def __init__(self):
        self.mark = object()


_unmarked = _Unmarked()


class Block(Exporter):
    """A block of a source. Its bytes are read-only memory for memoryview(), numpy.frombuffer() and the like.

    It goes back to its source when nothing refers to it or to its memory any more, at the end of a with statement, by
    release(), or by Sender.send(). The last three raise BufferError while something uses its memory.
    """

    def __init__(self, context, raw, taker=None):
        """Make a block of @raw, which the library delivered, and empty the .taken of @taker."""
        delivery = Delivery(context, raw, self)
        self._delivery = delivery
        self._attach()
        blocks, ticket, fresh = context.blocks, raw.ticket, RawBlock()
        # No handler of a signal runs between these two, as there is no call.
        blocks[ticket] = delivery
        if taker is not None:
            taker.taken = fresh

    def _attach(self):
        delivery = self._delivery
        raw = delivery.raw
        gone = functools.partial(delivery.gone, delivery.uses)
        if raw.data is None:  # its bytes are in a pipe or a file, for a path that takes them from there
            self._memory = None
            self._hold = Hold(gone, delivery.mark)
        else:
            self._memory = memory_at(raw.data, raw.len, gone, delivery.mark)

    def _detach(self):
        """Let go of the memory. Raise BufferError while something uses it."""
        if self._memory is None:
            self._hold = None
            return
        try:
            self._memory.release()
        except BufferError:
            raise BufferError(f"{self!r} is in use: delete the arrays and memoryviews of it first") from None

    def release(self):
        """Give the block back to its source, unless that was done before. Raise BufferError while it is in use."""
        self._detach()

    @property
    def released(self):
        """Whether the block was given back or sent."""
        return self._delivery.raw.ticket not in self._delivery.context.blocks

    def _release_unused(self):
        """Do the same, or leave it to the end of the last use."""
        try:
            self._detach()
        except BufferError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is None:
            self.release()
        else:
            self._release_unused()  # the traceback may have arrays over it

    #
    # For Sender
    #

    def _take_out(self):
        """Return the delivery, for the caller to send, when nothing uses the memory."""
        delivery = self._delivery
        if self.released or not delivery.claim.acquire(blocking=False):
            raise ValueError(f"{self!r} was sent or released before")
        delivery.uses += 1
        try:
            self._detach()
        except BufferError:
            delivery.uses -= 1
            delivery.claim.release()
            raise
        return delivery

    def _put_in(self):
        """Undo that, as the block was not sent."""
        self._attach()
        self._delivery.claim.release()

    #
    # Facts, which stay
    #

    def __len__(self):
        return self._delivery.raw.len

    def __bool__(self):
        return True

    seq = property(lambda self: self._delivery.raw.seq, doc="Number of the block, which counts lost ones too.")
    offset = property(lambda self: self._delivery.raw.offset, doc="Position of its first byte in the stream.")
    time_ns = property(lambda self: self._delivery.raw.time_ns, doc="When it became full (CLOCK_MONOTONIC).")
    index = property(lambda self: self._delivery.raw.index, doc="Its place in the ring.")

    @property
    def discontinuity(self):
        """Whether data may be missing right before the block, unknown how much."""
        return bool(self._delivery.raw.flags & BLOCK_DISCONTINUITY)

    @property
    def lost_bytes(self):
        """How many bytes were lost before the block, or None if that is unknown."""
        return known(lib.zcdma_block_lost_bytes(self._delivery.raw))

    @property
    def lost(self):
        """What was lost before the block: {cause: {"count": N, "bytes": N}}, with None for what is unknown."""
        losses = self._delivery.raw.lost
        return {
            lib.zcdma_loss_cause_name(cause).decode(): {
                "count": known(losses[cause].count),
                "bytes": known(losses[cause].bytes),
            }
            for cause in range(LOSS_CAUSES)
            if losses[cause].count
        }

    def __repr__(self):
        raw = self._delivery.raw
        return f"<zcdma.Block {raw.seq} of {self._delivery.context.source.name}: {raw.len} bytes at {raw.offset}>"
