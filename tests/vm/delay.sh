#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How long a device of which every block is in flight waits for one that came home: run this inside a VM in which a
# nanosecond is an instruction (VM_ICOUNT=1 VM_RUN=tests/vm/delay.sh tests/vm/vm.sh), where nothing else runs. TAP.
set -u
exec </dev/null
source tests/vm/inside.bash

check "the module loads" load "$VM_KMOD" devices=1
run_tests starve
