# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library's binary interface: structures, constants and functions, as its headers have them.

A test compares every structure and constant here with what a C compiler makes of the headers.
"""

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

UNKNOWN = 2**64 - 1

BLOCK_LOST = 1 << 0
BLOCK_DISCONTINUITY = 1 << 2

LOST_DEVICE, LOST_HANDOVER, LOST_NETWORK = range(3)
LOSS_CAUSES = 3

PACKETS = ("none", "received", "received-numbered", "whole", "payload", "numbered")

FAULT_GAP, FAULT_REPEAT, FAULT_STALE, FAULT_OVERWRITTEN, FAULT_GARBAGE = range(5)
FAULT_KINDS = 5

HIST_BUCKETS = 61 * 16


class Loss(ctypes.Structure):
    c_name = "struct zcdma_loss"
    _fields_ = [("count", c_uint64), ("bytes", c_uint64)]


class RawBlock(ctypes.Structure):
    c_name = "struct zcdma_block"
    _fields_ = [
        ("data", c_void_p),
        ("len", c_size_t),
        ("offset", c_uint64),
        ("seq", c_uint64),
        ("time_ns", c_uint64),
        ("device_time", c_uint64),
        ("index", c_uint32),
        ("flags", c_uint32),
        ("fd", c_int),
        ("fd_offset", c_int64),
        ("lost", Loss * LOSS_CAUSES),
        ("ticket", c_uint64),
    ]


class PacketStats(ctypes.Structure):
    c_name = "struct zcdma_packet_stats"
    _fields_ = [
        (name, c_uint64)
        for name in (
            "packets dropped dropped_by_interface cut fragments malformed others wrong_sums flows missing_bytes"
            " differing_bytes zero_sums unchecked unnumbered lost late duplicates reordered restarts overflows"
            " ignored unwanted undersized shortened"
        ).split()
    ] + [("socket_buffer", c_size_t)]


class SourceStats(ctypes.Structure):
    c_name = "struct zcdma_source_stats"
    _fields_ = (
        [
            (name, c_uint64)
            for name in (
                "blocks bytes overruns lost_bytes gap_blocks gap_bytes discontinuities replaced next_seq"
                " busy_at_release driver_copied_bytes copied_bytes kernel_copied_bytes handovers"
            ).split()
        ]
        + [("plain_reason", c_char_p), ("packets", PacketStats)]
        + [
            (name, c_uint64)
            for name in (
                "frames wrong_frames wrong_offset unhashed_frames breaks ignored_connections"
                " connection_lost_blocks connection_lost_bytes unknown_bytes mapped_bytes unmapped_bytes"
            ).split()
        ]
        + [(name, c_char_p) for name in "copies_reason copies_hint loss_reason loss_hint".split()]
    )


class SourceInfo(ctypes.Structure):
    c_name = "struct zcdma_source_info"
    _fields_ = [
        ("type", c_char_p),
        ("name", c_char_p),
        ("block_size", c_size_t),
        ("blocks", c_uint),
        ("page_size", c_size_t),
        ("model", c_char_p),
        ("pieces", c_uint),
        ("caps", c_uint),
        ("endless", c_bool),
        ("lossy", c_bool),
        ("tracks_pages", c_bool),
        ("bounced", c_bool),
        ("simulated", c_int),
        ("privileged", c_bool),
        ("packets", c_uint),
        ("mode", c_char_p),
        ("listens", c_char_p),
        ("peer", c_char_p),
        ("framed", c_bool),
        ("clock", c_char_p),
        ("clock_hz", c_uint),
        ("format", c_char_p),
        ("frame_clock", c_char_p),
        ("buffers", c_char_p),
        ("buffers_reason", c_char_p),
        ("channels", c_uint),
        ("channels_missing", c_uint),
        ("start_time", c_uint64),
        ("device", c_char_p),
        ("at_limit", c_bool),
    ]


class PathStats(ctypes.Structure):
    c_name = "struct zcdma_path_stats"
    _fields_ = (
        [
            (name, c_uint64)
            for name in (
                "blocks last_seq sent_ns bytes calls copied_bytes copied_calls direct_bytes gathered_bytes"
                " filled_bytes unfilled_gaps zerocopy_bytes zerocopy_calls fell_back_bytes fell_back_calls"
                " unknown_bytes unknown_calls pending_bytes pending_calls pending_blocks datagrams"
            ).split()
        ]
        + [
            ("datagram_bytes", c_size_t),
            ("enobufs", c_uint64),
            ("plain", c_bool),
            ("plain_reason", c_char_p),
            ("plain_hint", c_char_p),
            ("copies_reason", c_char_p),
            ("copies_hint", c_char_p),
        ]
        + [(name, c_uint64) for name in "frames breaks lost_blocks lost_bytes".split()]
        + [("plays", c_bool)]
        + [
            (name, c_uint64)
            for name in (
                "played_bytes failed_blocks underruns underrun_bytes zero_bytes padded_bytes"
                " queued_mean_ns queued_max_ns"
            ).split()
        ]
    )


class Region(ctypes.Structure):
    c_name = "struct zcdma_region"
    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class Fault(ctypes.Structure):
    c_name = "struct zcdma_fault"
    _fields_ = [("kind", c_uint), ("position", c_uint64), ("length", c_uint64), ("distance", c_uint64)]


class KindCount(ctypes.Structure):
    c_name = None  # it has no name in C: the offset of what follows holds its size
    _fields_ = [("count", c_uint64), ("bytes", c_uint64)]


class CheckResult(ctypes.Structure):
    c_name = "struct zcdma_check_result"
    _fields_ = [
        ("bytes", c_uint64),
        ("uncaptured_bytes", c_uint64),
        ("bad_bytes", c_uint64),
        ("missing_bytes", c_uint64),
        ("faults", c_uint64),
        ("first", Fault),
        ("kind", KindCount * FAULT_KINDS),
        ("other_seed", c_bool),
        ("seed", c_uint64),
        ("blocks", c_uint64),
        ("blocks_good", c_uint64),
        ("blocks_uncaptured", c_uint64),
        ("blocks_expected", c_uint64),
        ("unended", c_bool),
        ("recorded_losses", c_uint64),
        ("lost_offset", c_uint64),
        ("lost_seq", c_uint64),
        ("losses_unknown", c_uint64),
        ("recorded_lost", Loss * LOSS_CAUSES),
        ("datagrams", c_uint64),
        ("datagram_bytes", c_uint64),
        ("late", c_uint64),
        ("duplicates", c_uint64),
        ("duplicate_bytes", c_uint64),
        ("unplaced", c_uint64),
        ("lost", c_uint64),
        ("lost_bytes", c_uint64),
        ("end_offset", c_uint64),
    ]


class Hist(ctypes.Structure):
    c_name = "struct zcdma_hist"
    _fields_ = [("count", c_uint64), ("max", c_uint64), ("bucket", c_uint64 * HIST_BUCKETS)]


STRUCTURES = (Loss, RawBlock, PacketStats, SourceStats, SourceInfo, PathStats, Region, Fault, CheckResult, Hist)

CONSTANTS = {
    "ZCDMA_UNKNOWN": UNKNOWN,
    "ZCDMA_BLOCK_LOST": BLOCK_LOST,
    "ZCDMA_BLOCK_DISCONTINUITY": BLOCK_DISCONTINUITY,
    "ZCDMA_LOST_DEVICE": LOST_DEVICE,
    "ZCDMA_LOST_HANDOVER": LOST_HANDOVER,
    "ZCDMA_LOST_NETWORK": LOST_NETWORK,
    "ZCDMA_LOSS_CAUSES": LOSS_CAUSES,
    "ZCDMA_PACKETS_NONE": PACKETS.index("none"),
    "ZCDMA_PACKETS_RECEIVED": PACKETS.index("received"),
    "ZCDMA_PACKETS_RECEIVED_NUMBERED": PACKETS.index("received-numbered"),
    "ZCDMA_PACKETS_WHOLE": PACKETS.index("whole"),
    "ZCDMA_PACKETS_PAYLOAD": PACKETS.index("payload"),
    "ZCDMA_PACKETS_NUMBERED": PACKETS.index("numbered"),
    "ZCDMA_FAULT_GAP": FAULT_GAP,
    "ZCDMA_FAULT_REPEAT": FAULT_REPEAT,
    "ZCDMA_FAULT_STALE": FAULT_STALE,
    "ZCDMA_FAULT_OVERWRITTEN": FAULT_OVERWRITTEN,
    "ZCDMA_FAULT_GARBAGE": FAULT_GARBAGE,
    "ZCDMA_FAULT_KINDS": FAULT_KINDS,
    "ZCDMA_HIST_BUCKETS": HIST_BUCKETS,
}

_pointer = c_void_p  # to an object of the library
_out = POINTER(c_void_p)

FUNCTIONS = {
    "zcdma_new": (c_int, _out),
    "zcdma_free": (None, _pointer),
    "zcdma_error": (c_char_p, _pointer),
    "zcdma_hint": (c_char_p, _pointer),
    "zcdma_interrupt": (None, _pointer),
    "zcdma_resume": (None, _pointer),
    "zcdma_source_open": (c_int, _pointer, c_char_p, _out),
    "zcdma_source_open_fd": (c_int, _pointer, c_int, c_char_p, _out),
    "zcdma_source_open_memory": (c_int, _pointer, POINTER(Region), c_uint, _out),
    "zcdma_source_submit": (c_int, _pointer, c_void_p, c_size_t, c_uint64),
    "zcdma_source_reclaim": (c_int, _pointer, c_int, POINTER(c_uint64)),
    "zcdma_source_set": (c_int, _pointer, c_char_p, c_char_p),
    "zcdma_source_set_limit": (None, _pointer, c_uint64, c_uint64),
    "zcdma_source_next": (c_int, _pointer, c_int, POINTER(RawBlock)),
    "zcdma_source_fd": (c_int, _pointer),
    "zcdma_source_stop": (None, _pointer),
    "zcdma_source_close": (None, _pointer),
    "zcdma_source_get_stats": (None, _pointer, POINTER(SourceStats), c_size_t),
    "zcdma_source_get_info": (None, _pointer, POINTER(SourceInfo), c_size_t),
    "zcdma_block_release": (c_int, _pointer, POINTER(RawBlock)),
    "zcdma_block_share": (c_int, _pointer, POINTER(RawBlock), POINTER(RawBlock)),
    "zcdma_block_lost_bytes": (c_uint64, POINTER(RawBlock)),
    "zcdma_path_connect": (c_int, _pointer, _pointer, c_char_p, c_char_p, _out),
    "zcdma_path_open": (c_int, _pointer, _pointer, c_char_p, c_int, _out),
    "zcdma_path_set_timeout": (None, _pointer, c_int),
    "zcdma_path_send": (c_int, _pointer, POINTER(RawBlock)),
    "zcdma_path_flush": (c_int, _pointer),
    "zcdma_path_process": (c_int, _pointer),
    "zcdma_path_fd": (c_int, _pointer),
    "zcdma_path_finish": (c_int, _pointer),
    "zcdma_path_close": (None, _pointer),
    "zcdma_path_get_stats": (None, _pointer, POINTER(PathStats), c_size_t),
    "zcdma_path_get_latency": (None, _pointer, POINTER(Hist), POINTER(Hist)),
    "zcdma_hist_quantile": (c_uint64, POINTER(Hist), c_double),
    "zcdma_pattern_fill": (None, c_void_p, c_size_t, c_uint64, c_uint64),
    "zcdma_pattern_match": (c_size_t, c_void_p, c_size_t, c_uint64, c_uint64),
    "zcdma_check_pattern": (c_int, _pointer, c_uint64, _out),
    "zcdma_check_manifest": (c_int, _pointer, c_char_p, _out),
    "zcdma_check_datagrams": (c_int, _pointer, c_uint64, _out),
    "zcdma_check_feed": (c_int, _pointer, c_void_p, c_size_t),
    "zcdma_check_skip": (c_int, _pointer, c_uint64),
    "zcdma_check_end": (c_int, _pointer),
    "zcdma_check_get_result": (None, _pointer, POINTER(CheckResult)),
    "zcdma_check_free": (None, _pointer),
    "zcdma_fault_name": (c_char_p, c_uint),
    "zcdma_loss_cause_name": (c_char_p, c_uint),
}

lib = ctypes.CDLL("libzcdma.so.0")
for _name, (_result, *_arguments) in FUNCTIONS.items():
    _function = getattr(lib, _name)
    _function.restype = _result
    _function.argtypes = _arguments


def known(value):
    """Return a number of the library, or None for one that is unknown."""
    return None if value == UNKNOWN else value


def to_dict(structure):
    """Return the fields of a structure by their names: text as str, structures as dictionaries, unknown as None."""
    return {name: _to_python(getattr(structure, name)) for name, *_ in structure._fields_}


def _to_python(value):
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, ctypes.Structure):
        return to_dict(value)
    if isinstance(value, ctypes.Array):
        return [_to_python(item) for item in value]
    return known(value)
