# SPDX-License-Identifier: GPL-2.0-only
"""What the package knows of the library's binary interface is what a C compiler makes of the headers."""

import ctypes
import os
import re
import shlex
import subprocess
import tempfile
import unittest

from zcdma import _library

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INCLUDES = "#include <stddef.h>\n#include <zcdma.h>\n#include <zcdma/verify.h>\n#include <zcdma/util.h>\n"


def compile_c(text, *arguments):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write(text)
        file.flush()
        compiler = shlex.split(os.environ.get("CC", "cc"))
        return subprocess.run(
            [*compiler, "-std=gnu11", "-I", TOP + "/lib/include", *arguments, file.name],
            capture_output=True,
            text=True,
            check=False,
        )


def assertions(structure):
    """Return C that fails to compile where the layout differs. That of a nested structure is a case of its own."""
    name = structure.c_name
    yield f"_Static_assert(sizeof({name}) == {ctypes.sizeof(structure)}, \"size of {name}\");"
    for field, kind, *_ in structure._fields_:
        at = getattr(structure, field)
        where = f"{name}, {field}"
        yield f"_Static_assert(offsetof({where}) == {at.offset}, \"{where}\");"
        yield f"_Static_assert(sizeof((({name} *)0)->{field}) == {ctypes.sizeof(kind)}, \"{where}: size\");"


class Layout(unittest.TestCase):
    def compiles(self, lines):
        done = compile_c(INCLUDES + "\n".join(lines) + "\n", "-fsyntax-only")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_structures(self):
        for structure in _library.STRUCTURES:
            with self.subTest(structure.c_name):
                self.compiles(assertions(structure))

    def test_constants(self):
        self.compiles(
            f'_Static_assert((unsigned long long){name} == {value}ull, "{name}");'
            for name, value in _library.CONSTANTS.items()
        )

    def test_functions(self):
        """Each takes as many arguments as its prototype has, and returns a value where that does."""
        text = compile_c(INCLUDES, "-E", "-P").stdout
        text = re.sub(r"\s+", " ", text)
        for name, (result, *arguments) in _library.FUNCTIONS.items():
            with self.subTest(name):
                prototype = re.search(rf"([\w ]+[ *]){name}\(([^)]*)\);", text)
                self.assertIsNotNone(prototype)
                words = prototype[1].split()
                self.assertEqual(words[-1] == "void", result is None)
                parameters = [part for part in prototype[2].split(",") if part.strip() != "void"]
                self.assertEqual(len(parameters), len(arguments))
                for parameter, kind in zip(parameters, arguments):
                    self.assertEqual("*" in parameter, hasattr(kind, "contents") or kind in (ctypes.c_void_p, ctypes.c_char_p))
                    self.assertEqual("double" in parameter, kind is ctypes.c_double)
                    wide = re.search(r"64_t|size_t", parameter) and "*" not in parameter
                    if wide:
                        self.assertEqual(ctypes.sizeof(kind), 8 if "64_t" in parameter else ctypes.sizeof(ctypes.c_size_t))
