# SPDX-License-Identifier: LGPL-2.1-or-later
"""Move DMA capture data without copying it: libzcdma for Python.

    for block in zcdma.Source("dev:"):
        samples = numpy.frombuffer(block, "<i2")

A block goes back to its device when the last array over it is gone, and not before. zcdma-python(3) has the rules.
"""

from ._block import Block
from ._context import Error
from ._sender import Sender
from ._source import MemorySource, Source
from ._verify import Check, pattern_fill, pattern_match

__all__ = ["Block", "Check", "Error", "MemorySource", "Sender", "Source", "pattern_fill", "pattern_match"]
