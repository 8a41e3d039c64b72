/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the chips of the riscv64 machine are; layout.h has the whole map. */
#include "arch/dt_isa.h"
#include "arch/riscv64/layout.h"

const struct dt_layout dt_layout = {
	.ram = 0x80000000,
	.uarts = 0x10000000,
	.uart_stride = 0x1000,
	.uart_model = &uart16550_model,
	.uart_clock = 1843200,
	.rtc = 0x00101000,
	.milestone = 0x00102000,
	.test = 0x00100000,
	.virtio_mmio = 0x10010000,
	.virtio_stride = 0x1000,
	.ecam = 0x30000000,
	.pci_mem32 = 0x40000000,
	.pci_mem32_size = 0x40000000,
};

const char isa_tty[] = "ttyS";
