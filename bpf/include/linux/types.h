/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The integer types that <linux/bpf.h> and libbpf's headers are written in, so
 * that a program compiles without the headers of any host. Only what those
 * headers use is here: the kernel's own file defines more, and needs an
 * <asm/types.h> that every distribution keeps in another place.
 *
 * Widths follow the kernel's asm-generic/int-ll64.h: 64 bits are
 * `long long` on every architecture.
 */
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H

/* <linux/pkt_cls.h> relies on this file to bring __struct_group(). */
#include <linux/stddef.h>

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

typedef signed char __s8;
typedef signed short __s16;
typedef signed int __s32;
typedef signed long long __s64;

/* Values in network byte order; the names only tell the reader. */
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;

/* Checksums as the networking helpers pass them. */
typedef __u16 __sum16;
typedef __u32 __wsum;

/* 32-bit x86 aligns a plain __u64 to 4; system call structures want 8. */
#define __aligned_u64 __u64 __attribute__((aligned(8)))

#endif
