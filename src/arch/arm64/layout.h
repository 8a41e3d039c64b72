/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every fixed address of the arm64 machine.
 *
 *	0x0800_0000	GICD: distributor (64 KiB; GICv2: 4 KiB)
 *	0x0801_0000	GICv2: CPU interface (8 KiB)
 *	0x0802_0000	GICv2: v2m, the frame that takes messages (4 KiB)
 *	0x0808_0000	GICv3: ITS (128 KiB)
 *	0x0900_0000	UARTs, 64 KiB apart
 *	0x0910_0000	PL031, the clock
 *	0x0911_0000	PL061, with the power button
 *	0x0912_0000	test finisher
 *	0x0913_0000	milestone register (--stats)
 *	0x0a00_0000	virtio-mmio, 512 bytes each
 *	0x0c00_0000	GICv3: redistributors, 128 KiB for each CPU, up to 512 of them
 *	0x1000_0000	PCI: BARs
 *	0x3f00_0000	PCI: ECAM of one bus (1 MiB)
 *	0x4000_0000	RAM
 *	above RAM	PCI: 64-bit BARs, if such addresses can be formed
 *
 * What KVM maps into the guest, and what a guest maps with pages of 64 KiB, is at
 * multiples of 64 KiB.
 */
#ifndef TANE_ARCH_ARM64_LAYOUT_H
#define TANE_ARCH_ARM64_LAYOUT_H

#define LAYOUT_GICD      0x08000000ull
#define LAYOUT_GICD_SIZE 0x10000ull

#define LAYOUT_GICV2_GICD_SIZE 0x1000ull
#define LAYOUT_GICC            0x08010000ull
#define LAYOUT_GICC_SIZE       0x2000ull
#define LAYOUT_V2M             0x08020000ull

#define LAYOUT_ITS      0x08080000ull
#define LAYOUT_ITS_SIZE 0x20000ull

#define LAYOUT_GICR          0x0c000000ull
#define LAYOUT_GICR_SIZE     0x20000ull /* of a CPU */
#define LAYOUT_GICR_MAX_CPUS 512u

#define LAYOUT_RAM 0x40000000ull

#endif
