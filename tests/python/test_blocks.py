# SPDX-License-Identifier: GPL-2.0-only
"""Blocks are lent: their memory goes back when its last use ends, and not before."""

import ctypes
import errno
import gc
import hashlib
import os
import queue
import random
import threading
import time
import unittest

import numpy
from common import BLOCK, LIMIT, RING, descriptors, pass_by, rings, take, zcdma


class Blocks(unittest.TestCase):
    def setUp(self):
        gc.collect()
        self.before = rings(), descriptors()

    def tearDown(self):
        gc.collect()
        self.assertEqual((rings(), descriptors()), self.before, "a ring or a descriptor is left")

    def test_array_keeps_its_block(self):
        with zcdma.Source(RING) as source:
            block = source.next(LIMIT)
            whole = numpy.frombuffer(block, "<u8")
            del block
            part = whole[5:9]
            del whole
            self.assertEqual(source.held, 1)
            pass_by(source, 20)
            self.assertEqual(part.tolist(), [5, 6, 7, 8])
            del part
            self.assertEqual(source.held, 0)

    def test_every_use_counts(self):
        uses = (
            memoryview,
            lambda block: memoryview(block)[3:4],
            lambda block: numpy.frombuffer(block, "u1")[::2],
            lambda block: numpy.asarray(memoryview(block)),
            lambda block: memoryview(block).cast("I"),
            iter,
        )
        for number, use in enumerate(uses):
            with self.subTest(number), zcdma.Source(RING) as source:
                block = source.next(LIMIT)
                used = use(memoryview(block)) if use is iter else use(block)
                with self.assertRaises(BufferError):
                    block.release()
                self.assertFalse(block.released)
                self.assertEqual(source.held, 1)
                del used
                block.release()
                self.assertTrue(block.released)
                self.assertEqual(source.held, 0)

    def test_with(self):
        with zcdma.Source(RING) as source:
            with source.next(LIMIT) as block:
                self.assertEqual(source.held, 1)
                self.assertEqual(len(bytes(block)), BLOCK)
            self.assertEqual(source.held, 0)
            with self.assertRaises(BufferError):
                with source.next(LIMIT) as block:
                    view = memoryview(block)
            self.assertEqual(source.held, 1)
            self.assertEqual(view[8], 0 if block.offset == 0 else view[8])
            del view, block
            self.assertEqual(source.held, 0)

    def test_with_does_not_hide_an_exception(self):
        with zcdma.Source(RING) as source:
            with self.assertRaises(KeyError):
                with source.next(LIMIT) as block:
                    view = memoryview(block)
                    raise KeyError
            del view, block
            self.assertEqual(source.held, 0)

    def test_released_block(self):
        with zcdma.Source(RING) as source:
            block = source.next(LIMIT)
            block.release()
            block.release()
            for use in (memoryview, bytes, hashlib.sha256, lambda b: numpy.frombuffer(b, "u1")):
                with self.assertRaises((ValueError, TypeError)):
                    use(block)
            self.assertEqual((block.seq, len(block)), (0, BLOCK))
            self.assertIn("65536 bytes at 0", repr(block))

    def test_read_only(self):
        with zcdma.Source(RING) as source:
            block = source.next(LIMIT)
            self.assertTrue(memoryview(block).readonly)
            self.assertFalse(numpy.frombuffer(block, "u1").flags.writeable)
            with open("/dev/zero", "rb") as zeros, self.assertRaises(TypeError):
                zeros.readinto(block)
            with self.assertRaises(TypeError):
                (ctypes.c_char * 4).from_buffer(block)
            block.release()

    def test_all_held(self):
        with zcdma.Source(RING) as source:
            held = [numpy.frombuffer(block, "u1") for block in take(source, 4)]
            with self.assertRaises(zcdma.Error) as caught:
                source.next(LIMIT)
            self.assertEqual(caught.exception.errno, errno.ENOBUFS)
            self.assertIn("send each block, or release it", str(caught.exception))
            held.pop()
            self.assertIsNotNone(source.next(LIMIT))
            del held, caught

    def test_circles_are_collected_when_blocks_run_out(self):
        gc.disable()
        self.addCleanup(gc.enable)
        with zcdma.Source(RING) as source:
            for _ in range(20):
                block = source.next(LIMIT)
                block.itself = block
                block.view = memoryview(block)

    def test_collector_waits_for_what_is_revived(self):
        revived = []

        class Reviver:
            def __del__(self):
                revived.append(self.view)

        with zcdma.Source(RING) as source:
            reviver = Reviver()
            reviver.view, reviver.itself = memoryview(source.next(LIMIT)), reviver
            del reviver
            gc.collect()
            self.assertEqual(len(revived), 1)
            self.assertEqual(source.held, 1, "memory that is still used went back")
            pass_by(source, 20)
            self.assertEqual(revived[0][8], 1)
            revived.clear()
            gc.collect()
            self.assertEqual(source.held, 0)

    def test_close_leaves_the_memory_to_the_last_use(self):
        source = zcdma.Source(RING)
        first, second, third = take(source, 3)
        array = numpy.frombuffer(second, "<u8")
        source.close()
        source.close()
        self.assertTrue(source.closed and first.released and third.released)
        self.assertEqual(array[1], BLOCK // 8 + 1)
        for call in (source.next, source.fileno, source.statistics, source.info, source.stop):
            with self.assertRaises(ValueError):
                call()
        self.assertGreater(rings(), self.before[0])
        del array
        self.assertGreater(rings(), self.before[0])
        del second
        self.assertEqual(rings(), self.before[0])

    def test_source_goes_by_itself(self):
        array = numpy.frombuffer(zcdma.Source(RING).next(LIMIT), "<u8")
        self.assertEqual(array[1], 1)
        del array
        self.assertEqual(rings(), self.before[0])

    def test_failed_constructors_leave_nothing(self):
        for spec, options in (("nothing:", {}), ("sim:", {"colour": "red"}), ("sim:", {"rate": "fast"}), (99, {})):
            with self.subTest(spec), self.assertRaises(zcdma.Error):
                zcdma.Source(spec, **options).next(LIMIT)
        for spec in (None, 1.5, object(), []):
            with self.subTest(spec), self.assertRaises((TypeError, AttributeError)):
                zcdma.Source(spec)

    def test_threads_drop_views_in_any_order(self):
        queues = [queue.Queue() for _ in range(4)]

        def drop(views):
            kept = []
            while (view := views.get()) is not None:
                kept.append(view)
                random.shuffle(kept)
                del view, kept[10:]

        workers = [threading.Thread(target=drop, args=(views,)) for views in queues]
        with zcdma.Source("sim:blocks=128,block=4K") as source:
            for worker in workers:
                worker.start()
            for number in range(300):
                block = self.next_of(source)
                array = numpy.frombuffer(block, "<u8")
                self.assertEqual((array[0], block.seq), (block.offset // 8, number))
                random.choice(queues).put(array[1:])
                random.choice(queues).put(memoryview(block))
                del block, array
            for views, worker in zip(queues, workers):
                views.put(None)
                worker.join(LIMIT)
            self.assertEqual(source.held, 0)

    def next_of(self, source):
        """Take a block when the threads have let go of enough."""
        end = time.monotonic() + LIMIT
        while source.held > 100:
            self.assertLess(time.monotonic(), end, "the threads keep their blocks")
            time.sleep(0.001)
        return source.next(LIMIT)

    def test_hundred_views_of_a_closed_source(self):
        source = zcdma.Source("sim:blocks=128,block=4K,memory=memfd")
        arrays = [numpy.frombuffer(block, "<u8") for block in take(source, 100)]
        source.close()
        random.shuffle(arrays)
        parts = [arrays[i::4] for i in range(4)]
        del arrays
        workers = [threading.Thread(target=part.clear) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        del parts
        self.assertEqual(rings(), self.before[0])

    def test_exception_in_the_loop(self):
        def loop(source):
            for block in source:
                array = numpy.frombuffer(block, "u1")
                raise RuntimeError(str(array[0]))

        with zcdma.Source(RING) as source:
            for _ in range(10):
                with self.assertRaises(RuntimeError):
                    loop(source)

    def test_end_and_limits(self):
        with zcdma.Source(RING, limit_bytes=100 << 10) as source:
            self.assertEqual([len(block) for block in source], [BLOCK, 36 << 10])
            self.assertIsNone(source.next())
        with zcdma.Source(RING, limit_blocks=3) as source:
            self.assertEqual([block.seq for block in source], [0, 1, 2])
        with zcdma.Source(RING) as source:
            source.next(LIMIT).release()
            source.stop()
            for _ in source:
                pass

    def test_descriptors_as_sources(self):
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as pipe, zcdma.Source(pipe) as source:
            os.write(writer, b"abc")
            os.close(writer)
            self.assertEqual(b"".join(bytes(block) for block in source), b"abc")

    def test_lost(self):
        with zcdma.Source("sim:blocks=2,block=4K,rate=400M") as source:
            source.next(LIMIT).release()
            threading.Event().wait(0.05)
            block = source.next(LIMIT)
            while not block.lost:
                block = source.next(LIMIT)
            self.assertGreater(block.lost["device"]["count"], 0)
            self.assertEqual(block.lost_bytes, block.lost["device"]["bytes"])
            self.assertGreater(source.statistics()["overruns"], 0)


if __name__ == "__main__":
    unittest.main()
