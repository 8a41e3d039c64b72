/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the chips are that all ISAs have; layout.h has the map. */
#include "arch/arm64/isa.h"
#include "arch/arm64/layout.h"
#include "arch/dt_isa.h"

const struct dt_layout dt_layout = {
	.ram = LAYOUT_RAM,
	.uarts = 0x09000000,
	.uart_stride = 0x10000,

	.uart_model = &pl011_model,
	.uart_clock = 24000000,
	.rtc = 0x09100000,
	.rtc_kind = DT_RTC_PL031,
	.gpio = 0x09110000,
	.milestone = 0x09130000,
	.test = 0x09120000,
	.virtio_mmio = 0x0a000000,
	.virtio_stride = 0x200,
	.ecam = 0x3f000000,
	.pci_mem32 = 0x10000000,
	.pci_mem32_size = 0x2f000000,
};

_Static_assert(LAYOUT_GICR + LAYOUT_GICR_MAX_CPUS * LAYOUT_GICR_SIZE <= 0x10000000,
	       "redistributors end where PCI begins");

static unsigned bits_for(uint64_t end)
{
	unsigned bits = ISA_MIN_IPA_BITS;

	while (bits < 63 && end > 1ull << bits)
		bits++;
	return bits;
}

unsigned isa_choose_ipa_bits(uint64_t ram_end, uint64_t window_end, unsigned max)
{
	const unsigned ram = bits_for(ram_end), window = bits_for(window_end);

	if (ram > max)
		return 0;
	return window > ram && window <= max ? window : ram;
}
