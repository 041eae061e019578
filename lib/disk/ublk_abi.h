/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface of ublk, with what came later than the headers that zcdma builds with: include/uapi/linux/ublk_cmd.h. */
#ifndef ZCDMA_DISK_UBLK_ABI_H
#define ZCDMA_DISK_UBLK_ABI_H

#include <linux/ublk_cmd.h>
#include <sys/ioctl.h>

/* Commands have the encoding of ioctls from Linux 6.4 on. */
#define ZC_UBLK_GET_DEV_INFO	    _IOR('u', 0x02, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_ADD_DEV		    _IOWR('u', 0x04, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_DEL_DEV		    _IOWR('u', 0x05, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_START_DEV	    _IOWR('u', 0x06, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_STOP_DEV	    _IOWR('u', 0x07, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_SET_PARAMS	    _IOWR('u', 0x08, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_GET_PARAMS	    _IOR('u', 0x09, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_START_USER_RECOVERY _IOWR('u', 0x10, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_END_USER_RECOVERY   _IOWR('u', 0x11, struct ublksrv_ctrl_cmd)
#define ZC_UBLK_GET_FEATURES	    _IOR('u', 0x13, struct ublksrv_ctrl_cmd)

#define ZC_UBLK_FETCH		 _IOWR('u', 0x20, struct ublksrv_io_cmd)
#define ZC_UBLK_COMMIT_AND_FETCH _IOWR('u', 0x21, struct ublksrv_io_cmd)

/* Features, and flags of a device. */
#define ZC_UBLK_F_ZERO_COPY	   (1ull << 0)
#define ZC_UBLK_F_RECOVERY	   (1ull << 3)
#define ZC_UBLK_F_RECOVERY_REISSUE (1ull << 4)
#define ZC_UBLK_F_USER_COPY	   (1ull << 7)
#define ZC_UBLK_F_AUTO_BUF_REG	   (1ull << 11)

#define ZC_UBLK_S_DEAD	   0
#define ZC_UBLK_S_LIVE	   1
#define ZC_UBLK_S_QUIESCED 2

/* Flags of a request, in place: ublksrv_get_flags() shifts them. */
#define ZC_UBLK_IO_F_FUA     (1u << 13)
#define ZC_UBLK_IO_F_NOUNMAP (1u << 15)
#define ZC_UBLK_IO_F_SWAP    (1u << 16)

#define ZC_UBLK_ATTR_READ_ONLY	    (1u << 0)
#define ZC_UBLK_ATTR_ROTATIONAL	    (1u << 1)
#define ZC_UBLK_ATTR_VOLATILE_CACHE (1u << 2)
#define ZC_UBLK_ATTR_FUA	    (1u << 3)

/* Where the data of a request is in the character device: pread() and pwrite() of UBLK_F_USER_COPY. */
#define ZC_UBLK_BUFFERS	    0x80000000u
#define ZC_UBLK_TAG_SHIFT   25
#define ZC_UBLK_QUEUE_SHIFT 41

/* What the kernel's descriptions of requests have room for in each queue: their places depend on it. */
#define ZC_UBLK_DEPTH_MOST 4096u

#endif
