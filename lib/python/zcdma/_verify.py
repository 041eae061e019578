# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pattern, and checks of a stream."""

import os
import weakref

from ._buffer import Pinned
from ._context import Context
from ._library import FAULT_KINDS, LOSS_CAUSES, CheckResult, lib, to_dict


def pattern_fill(buffer, offset=0, seed=0):
    """Fill @buffer with the pattern of sim: from stream offset @offset on."""
    with Pinned(buffer, writable=True) as pinned:
        lib.zcdma_pattern_fill(pinned.address, pinned.length, offset, seed)


def pattern_match(buffer, offset=0, seed=0):
    """Return how many bytes at the start of @buffer follow the pattern."""
    with Pinned(buffer) as pinned:
        return lib.zcdma_pattern_match(pinned.address, pinned.length, offset, seed)


class Check:
    """A check of one stream, made by pattern(), manifest() or datagrams(), and fed with blocks or other bytes."""

    def __init__(self, function, argument, name):
        self._context = Context()
        handle = self._context.source
        handle.name = f"check of {name}"
        try:
            self._context.make(handle, function, argument)
        except BaseException:
            self._context.close()
            raise
        self._finalizer = weakref.finalize(self, self._context.end, lib.zcdma_check_free)

    @classmethod
    def pattern(cls, seed=0):
        """Check against the pattern."""
        return cls(lib.zcdma_check_pattern, seed, "pattern")

    @classmethod
    def manifest(cls, path):
        """Check against the manifest in the file @path."""
        return cls(lib.zcdma_check_manifest, os.fsencode(path), f"manifest {os.fspath(path)}")

    @classmethod
    def datagrams(cls, seed=0):
        """Check datagrams, each fed alone, against the pattern."""
        return cls(lib.zcdma_check_datagrams, seed, "datagrams")

    def _call(self, function, *arguments):
        return self._context.call(self._context.source, function, *arguments)

    def feed(self, buffer):
        """Check the next bytes of the stream, or the next datagram."""
        with Pinned(buffer) as pinned:
            self._call(lib.zcdma_check_feed, pinned.address, pinned.length)

    def skip(self, length):
        """Skip bytes of the stream that were sent but not captured, which is not a fault."""
        self._call(lib.zcdma_check_skip, length)

    def end(self):
        """End the check, so that the result is final, and return it."""
        self._call(lib.zcdma_check_end)
        return self.result()

    def result(self):
        """Return what was found until now: its "faults" are 0 if all that was fed is right."""
        raw = CheckResult()
        self._call(lib.zcdma_check_get_result, raw)
        result = to_dict(raw)
        names = [lib.zcdma_fault_name(kind).decode() for kind in range(FAULT_KINDS)]
        causes = [lib.zcdma_loss_cause_name(cause).decode() for cause in range(LOSS_CAUSES)]
        result["first"] = {**result["first"], "kind": names[raw.first.kind]} if raw.faults else None
        result["kind"] = dict(zip(names, result["kind"]))
        result["recorded_lost"] = dict(zip(causes, result["recorded_lost"]))
        result["seed"] = result["seed"] if raw.other_seed else None
        return result

    def close(self):
        """Free the check."""
        self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
