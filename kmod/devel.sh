#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# devel.sh install|remove KERNEL: what modules of other devices are built against, the headers and the symbols of
# zcdma.ko, of a build that is in this script's folder. DKMS runs it too, and removes what it has built.
set -eu
cd "$(dirname "$0")"
to=${DESTDIR-}/lib/modules/$2/updates/zcdma
case $1 in
install)
	install -D -m 644 include/linux/zcdma_device.h "$to/include/linux/zcdma_device.h"
	install -m 644 uapi/linux/zcdma.h "$to/include/linux/zcdma.h"
	install -m 644 Module.symvers "$to/"
	;;
remove) rm -rf "$to" ;;
esac
