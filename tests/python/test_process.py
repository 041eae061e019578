# SPDX-License-Identifier: GPL-2.0-only
"""Forks, the end of the interpreter, and the programs of the manual page."""

import io
import json
import os
import re
import subprocess
import sys
import types
import unittest

import numpy
from common import LIMIT, RING, receiver, run, zcdma

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCDMA = os.environ.get("ZCDMA", os.path.join(TOP, "zcdma"))


class Process(unittest.TestCase):
    def test_exit_with_blocks_held(self):
        ends = ("", "sys.exit(0)", "os._exit(0)", "del zcdma", "sys.modules.clear()", "source.close()", "raise SystemExit")
        for end in ends:
            with self.subTest(end):
                program = f"""if True:
                    import os, sys, numpy, zcdma
                    source = zcdma.Source({RING!r})
                    block = source.next()
                    arrays = [numpy.frombuffer(source.next(), "u1") for _ in range(2)]
                    view = memoryview(block)
                    block.itself = block
                    kept = sys.modules  # in a circle until the end
                    sys.kept = arrays
                    {end}
                    """
                self.assertEqual(run(program), ("", "", 0))

    def test_exit_in_threads(self):
        program = f"""if True:
            import threading, numpy, zcdma
            source = zcdma.Source({RING!r})

            def use():
                for block in source:
                    numpy.frombuffer(block, "u1").sum()

            threading.Thread(target=use, daemon=True).start()
            for _ in range(50):
                source.statistics()
            """
        self.assertEqual(run(program), ("", "", 0))

    def test_fork(self):
        """What a child has is the parent's: it may read memory of the parent's, and gives nothing back."""
        with receiver() as there, zcdma.Source(RING, limit_blocks=8) as source:
            sender = zcdma.Sender(source, there.address)
            block = source.next(LIMIT)
            array = numpy.frombuffer(block, "<u8")
            child = os.fork()
            if not child:
                status = 1
                try:
                    right = array[1] == 1
                    del array
                    for call in (source.next, block.release, source.statistics, lambda: sender.send(block)):
                        try:
                            call()
                            right = right and call == block.release
                        except RuntimeError as error:
                            right = right and "fork" in str(error)
                    source.close()
                    sender.close()
                    status = 0 if right else 2
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual(source.held, 1)
            del array
            sender.send(block)
            for block in source:
                sender.send(block)
            sender.finish(LIMIT)
            self.assertEqual(zcdma.pattern_match(there.end()), 8 << 16)

    def test_children_that_exec(self):
        with zcdma.Source(RING) as source:
            source.next(LIMIT).release()
            done = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True)
            self.assertNotIn("memfd", done.stdout)

    def test_no_library(self):
        _, err, status = run("import zcdma", env={"PYTHONPATH": os.environ["PYTHONPATH"], "LD_LIBRARY_PATH": "/"})
        self.assertNotEqual(status, 0)
        self.assertIn("libzcdma.so.0", err)


class Bench(unittest.TestCase):
    DOCUMENT = {
        "applet": "bench",
        "rows": [
            {"mode": "copy", "memory": "anon", "block_bytes": 65536, "bytes_per_second": 5e9, "copies_per_byte": 1.0, "repeats": []},
            {"mode": "zerocopy", "memory": None, "block_bytes": 65536, "bytes_per_second": 2.5e9, "copies_per_byte": None},
        ],
    }

    def rows(self):
        from zcdma import bench

        return bench, bench.read_rows(io.StringIO(json.dumps(self.DOCUMENT)))

    def test_rows(self):
        bench, rows = self.rows()
        self.assertEqual([row["mode"] for row in rows], ["copy", "zerocopy"])
        self.assertNotIn("repeats", rows[0])
        array = bench.to_array(rows)
        self.assertEqual(array["bytes_per_second"].tolist(), [5e9, 2.5e9])
        self.assertTrue(numpy.isnan(array["copies_per_byte"][1]))
        self.assertEqual(array["memory"].tolist(), ["anon", ""])
        self.assertEqual(len(bench.to_array([])), 0)

    def test_table(self):
        bench, rows = self.rows()
        out = io.StringIO()
        bench.print_table(rows, out)
        lines = out.getvalue().splitlines()
        self.assertRegex(lines[0], r"^MODE +MEMORY +BLOCK +GB/s ")
        self.assertRegex(lines[1], r"^copy +anon +65536 +5\.00 +\? ")
        self.assertRegex(lines[2], r"^zerocopy +\? +65536 +2\.50 ")

    def test_wrong_documents(self):
        from zcdma import bench

        for text in ("", "{}", "[1]", '{"applet": "capture"}'):
            with self.subTest(text), self.assertRaises(ValueError):
                bench.read_rows(io.StringIO(text))

    def test_run(self):
        command = [ZCDMA, "bench", "--mode=copy", "--memory=anon", "--seconds", "0.02", "--repeat", "1", "--json"]
        measured = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True).stdout
        table = subprocess.run(
            [sys.executable, "-m", "zcdma.bench"], input=measured, capture_output=True, text=True, timeout=LIMIT, check=True
        )
        self.assertRegex(table.stdout, r"\ncopy +anon +\d+ +\d+\.\d\d ")
        self.assertNotIn("?", table.stdout)


def programs():
    """Return the programs of the manual page."""
    with open(os.path.join(TOP, "man", "zcdma-python.3"), encoding="utf-8") as page:
        found = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page.read(), re.M | re.S)
    found = [text.replace("\\-", "-").replace("\\e", "\\").replace("\\&", "") for text in found]
    return [text for text in found if "import " in text]


class Page(unittest.TestCase):
    def program(self, word):
        found = [text for text in programs() if word in text]
        self.assertEqual(len(found), 1, word)
        return found[0]

    def check(self, text, **names):
        scope = {"__name__": "example", **names}
        exec(compile(text, "example", "exec"), scope)
        return scope

    def test_reader(self):
        text = self.program("numpy.mean")
        self.check(text.replace('"dev:"', '"sim:", limit_blocks=5'))

    def test_sender(self):
        with receiver() as there:
            text = self.program('path="zerocopy"')
            self.check(text.replace('"dev:"', '"sim:", limit_bytes=1 << 20').replace("host:9000", there.address))
            self.assertEqual(zcdma.pattern_match(there.end()), 1 << 20)

    def test_asyncio(self):
        self.check(self.program("asyncio").replace('"dev:"', '"sim:", limit_blocks=5'))

    def test_memory(self):
        with receiver() as there:
            self.check(self.program("MemorySource").replace("host:9000", there.address))
            self.assertEqual(len(there.end()), 100 * 65536 * 2)

    def test_gnu_radio(self):
        """The block runs under a scheduler that asks for any number of items, and gets each sample once, in order."""

        class SyncBlock:
            def __init__(self, name, in_sig, out_sig):
                self.out_sig = out_sig

        gnuradio = types.ModuleType("gnuradio")
        gnuradio.gr = types.SimpleNamespace(sync_block=SyncBlock, WORK_DONE=-1)
        sys.modules["gnuradio"] = gnuradio
        self.addCleanup(sys.modules.pop, "gnuradio")
        text = self.program("sync_block")
        self.assertLessEqual(len([line for line in text.splitlines() if line]), 21)
        block = self.check(text)["zcdma_source"]("sim:blocks=4,block=64K")
        block.source._call(zcdma._library.lib.zcdma_source_set_limit, 1 << 20, 0)
        samples = bytearray()
        for asked in [1, 7, 4096, 100000] * 1000:
            out = numpy.zeros(asked, "<i2")
            made = block.work([], [out])
            if made == gnuradio.gr.WORK_DONE:
                break
            self.assertGreater(made, 0)
            samples += out[:made].tobytes()
        self.assertTrue(block.stop())
        self.assertEqual((len(samples), zcdma.pattern_match(samples)), (1 << 20, 1 << 20))


if __name__ == "__main__":
    unittest.main()
