# SPDX-License-Identifier: LGPL-2.1-or-later
"""What "zcdma bench --json" measured, as a table: zcdma bench --json | python3 -m zcdma.bench"""

import json
import sys

COLUMNS = (  # of print_table(): heading, key, factor, format
    ("MODE", "mode", None, "<14"),
    ("MEMORY", "memory", None, "<9"),
    ("BLOCK", "block_bytes", 1, "10.0f"),
    ("GB/s", "bytes_per_second", 1e-9, "7.2f"),
    ("SENDER s/GB", "sender_cpu_seconds_per_gb", 1, "12.3f"),
    ("RECEIVER s/GB", "receiver_cpu_seconds_per_gb", 1, "14.3f"),
    ("COPIES/BYTE", "copies_per_byte", 1, "12.2f"),
    ("p99 ms", "latency_p99_seconds", 1e3, "9.3f"),
)


def read_rows(file):
    """Return the rows of a run: dictionaries with the keys of zcdma-bench(1), and None for what is unknown.

    @file is a path, or a file that is open.
    """
    if hasattr(file, "read"):
        document = json.load(file)
    else:
        with open(file, encoding="utf-8") as opened:
            document = json.load(opened)
    if not isinstance(document, dict) or document.get("applet") != "bench":
        raise ValueError(f"{getattr(file, 'name', file)}: not the JSON of zcdma bench")
    return [{key: value for key, value in row.items() if key != "repeats"} for row in document["rows"]]


def to_array(rows):
    """Return a structured numpy array of rows, with NaN for numbers that are unknown."""
    import numpy

    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [row.get(key) for row in rows] for key in keys}
    is_text = {key: any(isinstance(value, str) for value in column) for key, column in columns.items()}
    widths = {key: max([1, *(len(value) for value in columns[key] if value)]) for key in keys if is_text[key]}
    types = [(key, f"U{widths[key]}" if is_text[key] else "f8") for key in keys]
    return numpy.array([tuple(_cell(row.get(key), is_text[key]) for key in keys) for row in rows], dtype=types)


def _cell(value, is_text):
    if value is None:
        return "" if is_text else float("nan")
    return value


def print_table(rows, file=None):
    """Print the rows, with "?" for what is unknown."""
    print(" ".join(f"{heading:{_width(form)}}" for heading, _, _, form in COLUMNS).rstrip(), file=file)
    for row in rows:
        cells = (_format(row.get(key), factor, form) for _, key, factor, form in COLUMNS)
        print(" ".join(cells).rstrip(), file=file)


def _width(form):
    width = form.split(".")[0]
    return width if width.startswith("<") else ">" + width


def _format(value, factor, form):
    if value is None:
        return f"{'?':{_width(form)}}"
    return f"{value if factor is None else value * factor:{form}}"


if __name__ == "__main__":
    print_table(read_rows(sys.argv[1] if len(sys.argv) > 1 else sys.stdin))
