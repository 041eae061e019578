# SPDX-License-Identifier: GPL-2.0-only
"""Blocks of the driver: the device does not fill a block again while a view of it lives. DEVICE names a simulated one.

Without numpy, whose import takes longer than all of this in an emulated machine.
"""

import array
import errno
import os
import sys
import time
import unittest

from common import LIMIT, take, zcdma

DEVICE = os.environ.get("DEVICE")
BLOCKS = 4


def pattern(block):
    """Return what the simulated device writes to a block: words, each its own number in the stream."""
    words = array.array("Q", range(block.offset // 8, (block.offset + len(block)) // 8))
    if sys.byteorder == "big":
        words.byteswap()
    return words.tobytes()


def wait_for_overruns():
    """Wait until the driver counts that data of DEVICE was dropped."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with open(f"/sys/class/zcdma/{os.path.basename(DEVICE)}/statistics/overruns", encoding="ascii") as overruns:
            if int(overruns.read()):
                return
        time.sleep(0.01)
    raise TimeoutError(f"no overrun of {DEVICE} in {LIMIT} s")


@unittest.skipUnless(DEVICE, "DEVICE names no device of the driver")
class Device(unittest.TestCase):
    def source(self, model, **options):
        return zcdma.Source(f"dev:{DEVICE}", model=model, blocks=BLOCKS, block="64K", **options)

    def addresses(self, source, count):
        """Take blocks, check them, and give each back. Return where they were."""
        found = []
        for _ in range(count):
            with source.next(LIMIT) as block:
                self.assertEqual(bytes(block), pattern(block), "a block is wrong")
                found.append(block._delivery.raw.data)
        return found

    def test_view_keeps_its_block(self):
        for model in ("pages", "compound", "scatter", "coherent"):
            with self.subTest(model), self.source(model) as source:
                block = source.next(LIMIT)
                expected = pattern(block)
                view = memoryview(block)
                address = block._delivery.raw.data
                del block
                # The others go round, many times.
                self.assertNotIn(address, self.addresses(source, 10 * BLOCKS))
                self.assertEqual(source.held, 1)
                self.assertEqual(bytes(view), expected, "the block was filled again")
                del view
                self.assertEqual(source.held, 0)
                self.assertIn(address, self.addresses(source, 10 * BLOCKS))

    def test_device_drops_data_while_views_have_all_blocks(self):
        with self.source("pages", rate="20M") as source:
            blocks = take(source, BLOCKS)
            expected = [pattern(block) for block in blocks]
            views = [memoryview(block) for block in blocks]
            del blocks
            with self.assertRaises(zcdma.Error) as caught:
                source.next(LIMIT)
            self.assertEqual(caught.exception.errno, errno.ENOBUFS)
            wait_for_overruns()
            for view, content in zip(views, expected):
                self.assertEqual(bytes(view), content, "a block was filled again")
            del view, views
            self.addresses(source, 2 * BLOCKS)
            self.assertGreater(source.statistics()["overruns"], 0)


if __name__ == "__main__":
    unittest.main()
