/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The address map of the x86-64 machine: every fixed address is here and
 * nowhere else.
 *
 * Memory
 *
 *	0x0_0000_0400  BIOS data area; 0x40e holds the segment of the EBDA
 *	0x0_0000_0500  GDT of the boot CPU
 *	0x0_0000_6000  PVH start info or multiboot information, up to 0x20000
 *	0x0_0000_7000  Linux zero page (struct boot_params)
 *	0x0_0000_8000  Linux setup_data
 *	0x0_0000_9000  page tables of the 64-bit entry, six pages
 *	0x0_0002_0000  kernel command line, up to 64 KiB
 *	0x0_0009_fc00  EBDA: MP floating pointer
 *	0x0_000a_0000  VGA and option ROMs of a PC; here RAM that no map mentions
 *	0x0_000e_0000  firmware tables: RSDP, ACPI tables, MP configuration table
 *	0x0_0010_0000  RAM, kernel
 *	0x0_c000_0000  end of low RAM at the latest; MMIO hole up to 4 GiB:
 *	    c000_0000      BARs of PCI functions
 *	    e000_0000      PCI configuration space of bus 0 (ECAM)
 *	    e010_0000      virtio-mmio devices, 4 KiB for each
 *	    fec0_0000      IOAPIC
 *	    fee0_0000      local APIC
 *	    feff_c000      KVM's identity map page, then three pages of TSS
 *	    ff80_0000      firmware, up to 8 MiB; it ends at the end
 *	0x1_0000_0000  RAM that did not fit below, then, at the next multiple of 64 GiB
 *	               and as far as the CPU can address, 64 GiB for large BARs
 *
 * Ports: the PC's own (0, 81, c0 DMA, 20 PIC, 40 PIT, 61 system control, 64 i8042, 70 RTC,
 * 80 POST, 92 fast A20, 3f8/2f8/3e8/2e8 UARTs, cf8 PCI, cf9 reset) and these:
 *
 *	0xe8   milestone register of --stats      0xe9, 0x402  debug console
 *	0xed   I/O delay                          0xf4         debug exit
 *	0x510  fw_cfg                             0x600        ACPI power management block
 *	0x1000 up  BARs of PCI functions
 */
#ifndef TANE_ARCH_X86_64_LAYOUT_H
#define TANE_ARCH_X86_64_LAYOUT_H

#define LAYOUT_BDA_EBDA_SEGMENT 0x40eull
#define LAYOUT_GDT              0x500ull
#define LAYOUT_BOOT_INFO        0x6000ull /* PVH, multiboot */
#define LAYOUT_BOOT_INFO_SIZE   0x1a000ull
#define LAYOUT_ZERO_PAGE        0x7000ull
#define LAYOUT_SETUP_DATA       0x8000ull
#define LAYOUT_PAGE_TABLES      0x9000ull
#define LAYOUT_CMDLINE          0x20000ull
#define LAYOUT_CMDLINE_SIZE     0x10000ull
#define LAYOUT_EBDA             0x9fc00ull
#define LAYOUT_EBDA_SIZE        0x400ull
#define LAYOUT_LOW_RAM_END      0xa0000ull
#define LAYOUT_TABLES           0xe0000ull
#define LAYOUT_TABLES_SIZE      0x20000ull
#define LAYOUT_HIGH_MEMORY      0x100000ull
#define LAYOUT_HOLE             0xc0000000ull
/* How much of `ram` bytes lies below the hole; the rest begins at its end. */
#define LAYOUT_LOW_RAM(ram)     ((ram) < LAYOUT_HOLE ? (ram) : LAYOUT_HOLE)
#define LAYOUT_HOLE_END         0x100000000ull
#define LAYOUT_PCI_MEM32        0xc0000000ull
#define LAYOUT_PCI_MEM32_SIZE   0x20000000ull
#define LAYOUT_ECAM             0xe0000000ull
#define LAYOUT_ECAM_SIZE        0x100000ull
#define LAYOUT_VIRTIO_MMIO      0xe0100000ull
#define LAYOUT_VIRTIO_STRIDE    0x1000ull
#define LAYOUT_VIRTIO_MMIO_END  0xe0200000ull
#define LAYOUT_IOAPIC           0xfec00000ull
#define LAYOUT_LAPIC            0xfee00000ull
#define LAYOUT_KVM_IDENTITY_MAP 0xfeffc000ull
#define LAYOUT_KVM_TSS          0xfeffd000ull
#define LAYOUT_ROM_SHADOW_MAX   0x20000ull /* below LAYOUT_HIGH_MEMORY */

/*
 * KVM's memory slots: RAM below and above the hole, the firmware's ROM. With firmware, RAM
 * below the hole is three parts: up to 0xc0000, 13 segments, and from 1 MiB on.
 */
#define SLOT_LOW_RAM    0
#define SLOT_HIGH_RAM   1
#define SLOT_ROM        2
#define SLOT_MIDDLE_RAM 3
#define SLOT_SEGMENTS   4

#define PORT_DMA_1         0x00
#define PORT_I8042_DATA    0x60
#define PORT_I8042_COMMAND 0x64
#define PORT_RTC           0x70 /* index, data */
#define PORT_POST          0x80
#define PORT_DMA_PAGES     0x81 /* 0x80 is one too, but POST codes go there */
#define PORT_FAST_A20      0x92
#define PORT_DMA_2         0xc0
#define PORT_MILESTONE     0xe8
#define PORT_DEBUG_CONSOLE 0xe9
#define PORT_DELAY         0xed
#define PORT_DEBUG_EXIT    0xf4 /* four bytes wide */
#define PORT_VGA_MONO      0x3b0
#define PORT_VGA           0x3c0
#define PORT_FLOPPY        0x3f0 /* to 3f5, and: */
#define PORT_FLOPPY_DIR    0x3f7
#define PORT_BIOS_DEBUG    0x402
#define PORT_FW_CFG        0x510 /* selector and data */
#define PORT_FW_CFG_DMA    0x514
#define PORT_FW_CFG_SIZE   0xc
#define PORT_ACPI_PM       0x600 /* PM1a event 0..3, PM1a control 4..5, timer 8..b */
#define PORT_PCI_CONFIG    0xcf8 /* eight ports; the second is also: */
#define PORT_RESET_CONTROL 0xcf9
#define PORT_PCI_IO        0x1000
#define PORT_PCI_IO_SIZE   0xf000
#define PORT_ROM_OUTPUT    0x01 /* of the machine that runs a ROM */

/* Port and ISA interrupt of COM1 to COM4, as every PC has them. */
#define LAYOUT_UARTS                                      \
	{                                                 \
		{ 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, \
		{                                         \
			0x2e8, 3                          \
		}                                         \
	}

#define IRQ_KEYBOARD   1
#define IRQ_FLOPPY     6
#define IRQ_RTC        8
#define IRQ_SCI        9
#define IRQ_MOUSE      12
#define IRQ_IDE        14 /* and 15: the two channels */
#define IRQ_PCI        16 /* the wires INTA# to INTD# of PCI: pins 16 to 19 */
#define NR_IOAPIC_PINS 24
#define DMA_FLOPPY     2

/*
 * ISA interrupts that no chip of ours has: virtio-mmio devices take turns. They are
 * below 16, so that a kernel without ACPI can be told of them.
 */
#define LAYOUT_VIRTIO_IRQS              \
	{                               \
		5, 6, 7, 10, 11, 14, 15 \
	}

#endif
