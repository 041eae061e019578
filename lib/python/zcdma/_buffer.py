# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects whose memory other objects use, and that know when the last use ends.

A class that derives from Exporter supports the buffer protocol (memoryview(), numpy.frombuffer(), file.write()) with
the memory of its attribute _memory, a memoryview. CPython counts the uses: _memory.release() raises BufferError as long
as there is one, and what _memory was made of lives until the last is gone. numpy.frombuffer() keeps a use only of what has a
function to release it, though there is nothing for that to do.
"""

import _thread
import ctypes
import pickle
import sys
from ctypes import c_char_p, c_int, c_ssize_t, c_ubyte, c_uint, c_void_p, py_object, pythonapi

# Include/typeslots.h, Include/structmember.h, Include/object.h
BF_GETBUFFER, BF_RELEASEBUFFER, TP_MEMBERS = 1, 2, 72
T_OBJECT_EX = 16
TYPE_DEFAULT, TYPE_BASE = 1 << 18, 1 << 10

POINTER_SIZE = ctypes.sizeof(c_void_p)
OBJECT_SIZE = object.__basicsize__
MEMORY_OFFSET = OBJECT_SIZE + POINTER_SIZE  # of Py_buffer.obj, where a Py_buffer follows the object's head


class _Slot(ctypes.Structure):
    _fields_ = [("slot", c_int), ("function", c_void_p)]


class _Member(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("type", c_int), ("offset", c_ssize_t), ("flags", c_int), ("doc", c_char_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("basicsize", c_int),
        ("itemsize", c_int),
        ("flags", c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


def _check_layout():
    data = b"data"
    buffer = pickle.PickleBuffer(data)
    if c_void_p.from_address(id(buffer) + MEMORY_OFFSET).value != id(data):
        raise ImportError("zcdma: this Python's PickleBuffer has another layout than those of CPython 3.10 to 3.13")


def _make_exporter():
    """Make a type by the stable ABI's PyType_FromSpec().

    A pickle.PickleBuffer passes requests for its memory on to the object in its Py_buffer (Objects/picklebufobject.c). An
    object with _memory at that place can share the function: no code of this module, which a signal could interrupt, runs
    in it. PEP 688 would do from Python 3.12 on, but for a crash of its collector there.
    """
    _check_layout()
    get_slot = pythonapi.PyType_GetSlot
    get_slot.argtypes, get_slot.restype = [py_object, c_int], c_void_p
    from_spec = pythonapi.PyType_FromSpec
    from_spec.argtypes, from_spec.restype = [ctypes.POINTER(_Spec)], py_object
    members = (_Member * 2)(_Member(b"_memory", T_OBJECT_EX, MEMORY_OFFSET, 0, None))
    slots = (_Slot * 4)(
        _Slot(BF_GETBUFFER, get_slot(pickle.PickleBuffer, BF_GETBUFFER)),
        _Slot(BF_RELEASEBUFFER, get_slot(pickle.PickleBuffer, BF_RELEASEBUFFER)),
        _Slot(TP_MEMBERS, ctypes.cast(members, c_void_p)),
    )
    name, size = b"zcdma._buffer.Exporter", MEMORY_OFFSET + POINTER_SIZE
    spec = _Spec(name, size, 0, TYPE_DEFAULT | TYPE_BASE, slots)
    return from_spec(ctypes.byref(spec))


Exporter = _make_exporter()


class Hold:
    """Call @gone once the memory that it is attached to can no longer be reached; have @mark until then."""

    _gone = _owner = None  # as long as it is not made whole, which a signal may prevent

    def __init__(self, gone, mark, owner=None):
        self._gone = gone
        self._mark = mark
        self._owner = owner and id(owner)  # which the owner's own reference makes valid

    def __del__(self):
        try:
            self._end()
        except KeyboardInterrupt:
            _thread.interrupt_main()  # a finalizer cannot raise it: again

    def _end(self):
        # The collector finalizes what it found in a circle before it knows whether another finalizer revives it: the
        # memory's owner still refers to this object then. A new one waits for its true end.
        if self._owner and sys.getrefcount(self) > Hold.last:
            owner = ctypes.cast(self._owner, py_object).value
            owner.hold = Hold(self._gone, self._mark, owner)
        elif self._gone:
            self._gone()


class _Measured(Hold):
    """Find out what sys.getrefcount() says in the finalizer of an object that nothing refers to."""

    def _end(self):
        Hold.last = sys.getrefcount(self)


_Measured(None, None)


def memory_at(address, length, gone, mark):
    """Return a read-only memoryview of @length bytes. Call @gone, and drop @mark, once it and all uses are gone."""
    # A type for each power of two: those of all lengths would be as many.
    array = (c_ubyte * (1 << max(length - 1, 0).bit_length())).from_address(address)
    array.hold = Hold(gone, mark, array)
    return memoryview(array).cast("B")[:length].toreadonly()


class _PyBuffer(ctypes.Structure):
    _fields_ = [  # Include/cpython/object.h
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_void_p),
        ("shape", c_void_p),
        ("strides", c_void_p),
        ("suboffsets", c_void_p),
        ("internal", c_void_p),
    ]


_get_buffer = pythonapi.PyObject_GetBuffer
_get_buffer.argtypes, _get_buffer.restype = [py_object, ctypes.POINTER(_PyBuffer), c_int], c_int
_release_buffer = pythonapi.PyBuffer_Release
_release_buffer.argtypes, _release_buffer.restype = [ctypes.POINTER(_PyBuffer)], None


class Pinned:
    """Keep the memory of any object of contiguous bytes where it is: .address and .length, until release()."""

    def __init__(self, obj, writable=False):
        self._buffer = _PyBuffer()
        _get_buffer(obj, self._buffer, 1 if writable else 0)
        self.address = self._buffer.buf or 0
        self.length = self._buffer.len

    def release(self):
        _release_buffer(self._buffer)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.release()

    def __del__(self):
        self.release()
