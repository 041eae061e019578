#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The machine at the other end of the wire, for measurements: receives and discards until it is ended.
set -u
source tests/vm/pair.bash

join_wire 10.9.0.2
"$ZCDMA" bench --serve 10.9.0.2:9001 &
exec "$VM_BIN/tools/sink" 10.9.0.2 9000
