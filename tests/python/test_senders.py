# SPDX-License-Identifier: GPL-2.0-only
"""Senders consume blocks, waits end in time, and memory of the program's own comes back."""

import asyncio
import errno
import gc
import mmap
import signal
import socket
import threading
import time
import unittest

import numpy
from common import BLOCK, LIMIT, RING, descriptors, receiver, rings, run, zcdma

BYTES = 20 * BLOCK


class Senders(unittest.TestCase):
    def setUp(self):
        gc.collect()
        self.before = rings(), descriptors(), threading.active_count()

    def tearDown(self):
        gc.collect()
        self.assertEqual((rings(), descriptors(), threading.active_count()), self.before, "something is left")

    def test_paths(self):
        for path in ("copy", "zerocopy", "vmsplice", "splice"):
            with self.subTest(path), receiver() as there, zcdma.Source(RING, limit_bytes=BYTES) as source:
                with zcdma.Sender(source, there.address, path) as sender:
                    for block in source:
                        sender.send(block)
                        self.assertTrue(block.released)
                    sender.finish(LIMIT)
                    stats = sender.statistics()
                    self.assertEqual((stats["bytes"], stats["blocks"]), (BYTES, 20))
                    self.assertEqual(sender.latency()["sent_to_free"]["blocks"], 20)
                self.assertEqual(source.held, 0)
                self.assertEqual(zcdma.pattern_match(there.end()), BYTES)

    def test_block_in_use_is_not_sent(self):
        with receiver() as there, zcdma.Source(RING, limit_blocks=1) as source:
            with zcdma.Sender(source, there.address) as sender:
                block = source.next(LIMIT)
                view = memoryview(block)[10:20]
                with self.assertRaises(BufferError):
                    sender.send(block)
                self.assertEqual(view[6], 2)
                self.assertEqual(memoryview(block)[8], 1, "the block is still the caller's")
                del view
                sender.send(block)
                for call in (lambda: sender.send(block), lambda: memoryview(block)):
                    with self.assertRaises(ValueError):
                        call()
                block.release()
            self.assertEqual(zcdma.pattern_match(there.end()), BLOCK)

    def test_wrong_arguments(self):
        with receiver() as there, zcdma.Source(RING) as source, zcdma.Source(RING) as other:
            with zcdma.Sender(source, there.address) as sender:
                for wrong in (b"bytes", None, numpy.zeros(4), 5):
                    with self.subTest(wrong), self.assertRaises(TypeError):
                        sender.send(wrong)
                with self.assertRaises(ValueError):
                    sender.send(other.next(LIMIT))
                with self.assertRaises(ValueError):
                    sender.send(self.released(source))
            with self.assertRaises(ValueError):
                sender.send(source.next(LIMIT))
            there.end()
        with zcdma.Source(RING) as source:
            for to, path, number in (
                ("127.0.0.1:1", "zerocopy", errno.ECONNREFUSED),
                ("nowhere", "zerocopy", errno.EINVAL),
                ("127.0.0.1:1", "teleport", errno.EINVAL),
                (9999, "copy", errno.EBADF),
            ):
                with self.subTest(to), self.assertRaises(zcdma.Error) as caught:
                    zcdma.Sender(source, to, path)
                self.assertEqual(caught.exception.errno, number)
                del caught

    def released(self, source):
        block = source.next(LIMIT)
        block.release()
        return block

    def test_exception_resets_the_connection(self):
        with receiver() as there, zcdma.Source(RING) as source:
            with self.assertRaises(KeyError):
                with zcdma.Sender(source, there.address) as sender:
                    sender.send(source.next(LIMIT))
                    raise KeyError
            with self.assertRaises(ConnectionResetError):
                there.end()

    def test_receiver_that_leaves(self):
        near, far = socket.socketpair()
        with near, zcdma.Source(RING) as source:
            near.setblocking(False)
            far.close()
            sender = zcdma.Sender(source, near, "copy")
            with self.assertRaises(zcdma.Error) as caught:
                for block in source:
                    sender.send(block, LIMIT)
            self.assertEqual(caught.exception.errno, errno.EPIPE)
            self.assertIn("Broken pipe", str(caught.exception))
            del caught, block

    def fill(self, source, sender):
        """Send until there is no room. Return the block that was refused."""
        while True:
            block = source.next(LIMIT)
            try:
                sender.send(block, 0.05)
            except TimeoutError:
                return block

    def test_timeouts(self):
        near, far = socket.socketpair()
        with near, far, zcdma.Source("sim:blocks=64,block=64K") as source:
            near.setblocking(False)
            sender = zcdma.Sender(source, near, "copy")
            block = self.fill(source, sender)
            self.assertFalse(block.released)
            self.assertEqual(numpy.frombuffer(block, "<u8")[0], block.offset // 8)
            for call in (sender.flush, sender.finish):
                with self.assertRaises(TimeoutError):
                    call(0.01)
            block.release()
            far.close()
            with self.assertRaises(zcdma.Error):
                sender.flush(LIMIT)
        with zcdma.Source("sim:blocks=2,block=64K,rate=1K") as source:
            for timeout in (0, 0.01):
                with self.assertRaises(TimeoutError):
                    source.next(timeout)

    def interrupted(self, call):
        """Check that Ctrl-C ends a call which waits."""
        main = threading.main_thread().ident
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        start = time.monotonic()
        with self.assertRaises(KeyboardInterrupt):
            timer.start()
            call()
        timer.join()
        self.assertLess(time.monotonic() - start, LIMIT / 2)

    def test_keyboard_interrupt(self):
        near, far = socket.socketpair()
        with near, far, zcdma.Source("sim:blocks=64,block=64K") as source:
            near.setblocking(False)
            sender = zcdma.Sender(source, near, "copy")
            block = self.fill(source, sender)
            self.interrupted(lambda: sender.send(block))
            self.assertFalse(block.released)
            block.release()
            self.interrupted(sender.finish)
        with zcdma.Source("sim:blocks=2,block=64K,rate=1K") as source:
            self.interrupted(source.next)
            self.interrupted(lambda: [b for b in source])
        with zcdma.Source("tcp:127.0.0.1:0") as source:
            self.interrupted(source.next)

    def test_keyboard_interrupt_of_a_connection(self):
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        address = f"127.0.0.1:{full.getsockname()[1]}"
        with full, zcdma.Source(RING) as source:
            waiting = []
            try:
                for _ in range(4):  # until the queue of connections is full
                    waiting.append(socket.socket())
                    waiting[-1].setblocking(False)
                    waiting[-1].connect_ex(full.getsockname())
                self.interrupted(lambda: zcdma.Sender(source, address))
                with self.assertRaises(TimeoutError):
                    zcdma.Sender(source, address, timeout=0.05)
            finally:
                for connection in waiting:
                    connection.close()
            self.assertIsNotNone(source.next(LIMIT), "the interrupt is over")

    def test_interrupts_at_any_moment_lose_no_block(self):
        """An exception in the middle of next() leaves the block to the next call, or gives it back."""
        program = """if True:
            import gc, signal, sys
            import numpy, zcdma
            ticks = 0

            def tick(*_):
                global ticks
                ticks += 1
                raise KeyboardInterrupt

            signal.signal(signal.SIGALRM, tick)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a finalizer sends where it was interrupted
            def take_until_tick(number):
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + number % 50 / 100000)
                while ticks <= number:
                    numpy.frombuffer(source.next(30), "u1")

            with zcdma.Source("sim:blocks=8,block=4K") as source:
                for number in range(100):
                    try:
                        take_until_tick(number)
                    except KeyboardInterrupt:
                        ticks = number + 1
                assert source.held <= 8
                for _ in range(20):
                    source.next(30).release()
            assert source._context.pointer is None, source.held
            """
        self.assertEqual(run(program)[::2], ("", 0))

    def test_stop_of_another_thread_ends_a_wait(self):
        with zcdma.Source("sim:blocks=2,block=64K,rate=1K") as source:
            found = []
            thread = threading.Thread(target=lambda: found.extend(source))
            thread.start()
            time.sleep(0.1)
            source.stop()
            thread.join(LIMIT)
            self.assertFalse(thread.is_alive())
            del found[:]

    def test_source_is_closed_before_its_sender(self):
        with receiver() as there:
            source = zcdma.Source(RING)
            sender = zcdma.Sender(source, there.address)
            sender.send(source.next(LIMIT))
            source.close()
            self.assertTrue(sender.closed)
            for call in (sender.flush, sender.process, sender.fileno, sender.statistics):
                with self.assertRaises(ValueError):
                    call()
            sender.close()
            with self.assertRaises(ValueError):
                zcdma.Sender(source, there.address)
            with self.assertRaises(ConnectionResetError):
                there.end()

    def test_asyncio(self):
        async def collect(source):
            parts = [bytes(block) async for block in source]
            return b"".join(parts)

        async def both():
            near, far = socket.socketpair()
            with near, zcdma.Source(RING, limit_bytes=BYTES) as first, zcdma.Source(near) as second:
                with far:
                    sender = zcdma.Sender(first, far, "copy")
                    task = asyncio.create_task(collect(second))
                    async for block in first:
                        while True:
                            try:
                                sender.send(block, 0)
                                break
                            except TimeoutError:
                                await asyncio.sleep(0.001)
                    while True:
                        try:
                            sender.flush(0)
                            break
                        except TimeoutError:
                            await asyncio.sleep(0.001)
                    sender.close()
                return await task

        received = asyncio.run(asyncio.wait_for(both(), LIMIT))
        self.assertEqual((len(received), zcdma.pattern_match(received)), (BYTES, BYTES))

    def test_event_loop(self):
        with receiver() as there, zcdma.Source("sim:blocks=16,block=64K,rate=100M", limit_blocks=5) as source:
            sender = zcdma.Sender(source, there.address)

            async def run():
                async for block in source:
                    sender.send(block)

            asyncio.run(asyncio.wait_for(run(), LIMIT))
            sender.finish(LIMIT)
            self.assertEqual(zcdma.pattern_match(there.end()), 5 * BLOCK)

    def test_memory(self):
        array = numpy.zeros(2 * BLOCK, "u1")
        mapping = mmap.mmap(-1, 2 * BLOCK)
        parts = [array[:BLOCK], array[BLOCK:], memoryview(mapping)[:BLOCK], memoryview(mapping)[BLOCK:]]
        for path in ("copy", "zerocopy"):
            with self.subTest(path), receiver() as there, zcdma.MemorySource(array, mapping) as memory:
                with zcdma.Sender(memory, there.address, path) as sender:
                    free = list(parts)
                    for number in range(20):
                        part = free.pop() if free else memory.reclaim(LIMIT)
                        zcdma.pattern_fill(part, number * BLOCK)
                        sender.send(memory.submit(part))
                    sender.finish(LIMIT)
                    back = []
                    while (part := memory.reclaim(LIMIT)) is not None:
                        back.append(part)
                    self.assertEqual(len(back), 4)
                self.assertEqual(zcdma.pattern_match(there.end()), BYTES)
                with self.assertRaises(BufferError):
                    mapping.close()
        del parts, free, part, back
        mapping.close()

    def test_memory_that_is_not_fit(self):
        array = numpy.zeros(2 * BLOCK, "u1")
        with zcdma.MemorySource(array) as memory:
            block = memory.submit(array[:BLOCK])
            for part, number in ((array[10:20], errno.EBUSY), (numpy.zeros(4), errno.EINVAL), (array[:0], errno.EINVAL)):
                with self.assertRaises(zcdma.Error) as caught:
                    memory.submit(part)
                self.assertEqual(caught.exception.errno, number)
                del caught
            with self.assertRaises((ValueError, BufferError)):
                memory.submit(array[::2])
            view = memoryview(block)
            with self.assertRaises(BufferError):
                block.release()
            del view
            block.release()
            self.assertIs(type(memory.reclaim(0)), numpy.ndarray)
            self.assertIsNone(memory.reclaim(0))
        for wrong in (5, "text", None):
            with self.assertRaises(TypeError):
                zcdma.MemorySource(wrong)
        near, far = socket.socketpair()
        with near, far, zcdma.MemorySource(bytearray(10)) as memory, self.assertRaises(zcdma.Error) as caught:
            zcdma.Sender(memory, near, "vmsplice")
        self.assertIn("no proof that pages are free", str(caught.exception))

    def test_checks(self):
        with zcdma.Source(RING, limit_blocks=4) as source, zcdma.Check.pattern() as check:
            for block in source:
                check.feed(block)
            self.assertEqual((check.end()["faults"], check.result()["bytes"]), (0, 4 * BLOCK))
            with self.assertRaises(zcdma.Error):
                check.feed(b"more")
        data = bytearray(1 << 16)
        zcdma.pattern_fill(data, seed=3)
        data[800:808] = b"whatever"
        self.assertEqual(zcdma.pattern_match(data, seed=3), 800)
        with zcdma.Check.pattern(3) as check:
            check.feed(data)
            result = check.end()
        self.assertEqual((result["faults"], result["first"]["kind"], result["first"]["position"]), (1, "garbage", 800))
        with self.assertRaises(ValueError):
            check.result()
        with self.assertRaises(zcdma.Error) as caught:
            zcdma.Check.manifest("/nowhere")
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        with self.assertRaises(BufferError):
            zcdma.pattern_fill(b"read-only")


if __name__ == "__main__":
    unittest.main()
