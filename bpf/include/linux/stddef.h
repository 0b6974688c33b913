/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one macro of the kernel's <linux/stddef.h> that <linux/pkt_cls.h> uses.
 * libbpf brings the whole file since 1.7; this one is for older checkouts of
 * it, whose <linux/pkt_cls.h> uses the macro and does not come with it.
 */
#ifndef _LINUX_STDDEF_H
#define _LINUX_STDDEF_H

/* The members twice in the same place: by themselves, and as `name`. */
#define __struct_group(tag, name, attributes, members...)   \
	union {                                             \
		struct { members } attributes;              \
		struct tag { members } attributes name;     \
	} attributes

#endif
