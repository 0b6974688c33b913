/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one macro of the kernel's <linux/const.h> that <linux/pkt_sched.h> uses.
 * TC programs include that file, by way of <linux/pkt_cls.h>, for TC_ACT_*.
 */
#ifndef _LINUX_CONST_H
#define _LINUX_CONST_H

#define _BITUL(n) (1UL << (n))

#endif
