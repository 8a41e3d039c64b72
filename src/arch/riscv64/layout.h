/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address map of the riscv64 machine: every fixed address is here and in layout.c.
 *
 *	0x0010_0000  test finisher (--debug-exit)
 *	0x0010_1000  goldfish RTC
 *	0x0010_2000  milestone register (--stats)
 *	0x0c00_0000  PLIC, 2 MiB and a page for each CPU (--irqchip plic)
 *	0x0d00_0000  APLIC, 16 KiB (--irqchip aia)
 *	0x1000_0000  UARTs, a page each
 *	0x1001_0000  virtio-mmio devices, a page each
 *	0x2800_0000  IMSICs, a page for each CPU (--irqchip aia)
 *	0x3000_0000  PCI configuration space of bus 0 (ECAM), 1 MiB
 *	0x4000_0000  BARs of PCI functions, 1 GiB
 *	0x8000_0000  RAM; then, at the next multiple of 64 GiB, 64 GiB for large BARs
 */
#ifndef TANE_ARCH_RISCV64_LAYOUT_H
#define TANE_ARCH_RISCV64_LAYOUT_H

#define LAYOUT_PLIC  0x0c000000ull
#define LAYOUT_APLIC 0x0d000000ull
#define LAYOUT_IMSIC 0x28000000ull

#define LAYOUT_MAX_CPUS_PLIC 512  /* what fits before the APLIC, and then some */
#define LAYOUT_MAX_CPUS_AIA  1024 /* what a device tree of 2 MiB tells of */

#endif
