/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI bus with two functions: configuration accesses by both mechanisms, accesses to
 * wherever the BARs are, interrupts of the device, and any saved state.
 */
#include "chip.h"

#include "core/platform.h"
#include "dev/pci.h"

#define PORTS   0xcf8u
#define ECAM    0xe0000000ull
#define VECTORS 3
#define RAM     (1ull << 30)
#define NOWHERE UINT64_MAX

struct bench {
	struct bus bus;
	struct platform platform;
	struct memory memory; /* RAM from 0 on, with nothing behind it */
	struct pci_bus pci;
	struct fuzz_irq wires[4];
	struct pci_function functions[2];
	uint64_t bases[2][PCI_BARS]; /* as mapped() and unmapped() told, or NOWHERE */
};

/* What the callbacks of a BAR get: its function's row of bases. */
static void mapped(void *dev, unsigned bar, uint64_t base)
{
	uint64_t *bases = dev;

	FUZZ_CHECK(bases[bar] == NOWHERE && base >= 0x1000);
	bases[bar] = base;
}

static void unmapped(void *dev, unsigned bar, uint64_t base)
{
	uint64_t *bases = dev;

	FUZZ_CHECK(bases[bar] == base);
	bases[bar] = NOWHERE;
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)size;
	return offset;
}

static void bar_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)dev;
	(void)offset;
	(void)size;
	(void)value;
}

static const struct io_ops bar_ops = { .read = bar_read,
				       .write = bar_write,
				       .max_size = 4 };

static void add_bar(struct bench *b, unsigned which, unsigned index,
		    enum pci_bar_kind kind, uint64_t size)
{
	const struct pci_bar bar = {
		.kind = kind,
		.size = size,
		.name = "bar",
		.ops = &bar_ops,
		.dev = b->bases[which],
		.mapped = mapped,
		.unmapped = unmapped,
	};

	pci_function_add_bar(&b->functions[which], index, &bar);
}

static void plug(struct bench *b, unsigned which)
{
	static const uint8_t vendor[20] = { 9, 0, 20, 5 };
	const struct pci_ids ids = { .vendor = 0x1af4,
				     .device = 0x1041,
				     .interrupt_pin = true };
	struct pci_function *function = &b->functions[which];
	unsigned at;
	struct err err;

	pci_function_init(function, &ids, which ? "second" : "first");
	add_bar(b, which, 0, PCI_BAR_IO, which ? 4 : 256);
	add_bar(b, which, 2, PCI_BAR_MEM64, 0x4000);
	add_bar(b, which, 4, PCI_BAR_MEM32, 16);
	FUZZ_CHECK(!pci_function_add_msix(function, &b->platform, 5, VECTORS, &err));
	at = pci_function_add_capability(function, vendor, sizeof(vendor));
	memset(&function->writable[at + 4], 0xff, 16);
	FUZZ_CHECK(!pci_bus_plug(&b->pci, function, &err));
}

static void init(struct bench *b)
{
	const struct pci_window io = { .base = 0x1000, .size = 0xf000 };
	const struct pci_window mem32 = { .base = 0xc0000000, .size = 0x20000000 };
	const struct pci_window mem64 = { .base = 1ull << 36, .size = 1ull << 36 };
	const struct bus_range ports = { .base = PORTS,
					 .size = 8,
					 .name = "ports",
					 .ops = &pci_config_ports,
					 .dev = &b->pci };
	const struct bus_range ecam = { .base = ECAM,
					.size = PCI_ECAM_SIZE,
					.name = "ecam",
					.ops = &pci_ecam,
					.dev = &b->pci };
	struct irq_line intx[4];
	struct err err;

	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < 4; i++)
		intx[i] =
			(struct irq_line){ .set = fuzz_irq_set, .opaque = &b->wires[i] };
	bus_init(&b->bus);
	platform_init(&b->platform);
	b->memory.regions[0].size = RAM;
	b->memory.nr_regions = 1;
	memset(b->bases, 0xff, sizeof(b->bases));
	b->platform.bus = &b->bus;
	b->platform.memory = &b->memory;
	FUZZ_CHECK(!pci_bus_init(&b->pci, &b->platform, &io, &mem32, &mem64, intx, &err));
	FUZZ_CHECK(!bus_add(&b->bus, BUS_PIO, &ports, &err));
	FUZZ_CHECK(!bus_add(&b->bus, BUS_MMIO, &ecam, &err));
	plug(b, 0);
	plug(b, 1);
}

static void destroy(struct bench *b)
{
	for (unsigned i = 0; i < 2; i++)
		pci_function_destroy(&b->functions[i]);
	pci_bus_destroy(&b->pci);
	platform_destroy(&b->platform);
	bus_destroy(&b->bus);
}

static void access(struct fuzz_input *input, struct bench *b, enum bus_space space,
		   uint64_t address)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = how % 8 + 1; /* KVM may give any number of bytes */
	uint64_t value = fuzz_next(input, how & 0x80 ? size : 0);

	bus_access(&b->bus, space, address, &value, size, how & 0x80);
}

/* One of the two functions, mostly where its registers are. */
static void config(struct fuzz_input *input, struct bench *b, bool by_ports)
{
	const unsigned place = (unsigned)fuzz_next(input, 2);
	const unsigned devfn =
		place & 0x8000 ? place >> 4 & 0xff : (place >> 8 & 1) * 8 + 8;

	if (by_ports) {
		uint32_t address = 0x80000000u | devfn << 8 | (place & 0xfc);

		bus_access(&b->bus, BUS_PIO, PORTS, &address, 4, true);
		access(input, b, BUS_PIO, PORTS + 4 + place % 4);
	} else {
		access(input, b, BUS_MMIO, ECAM + devfn * 4096 + (place & 0xff));
	}
}

static void bar(struct fuzz_input *input, struct bench *b)
{
	const unsigned place = (unsigned)fuzz_next(input, 2);
	const struct pci_function *function = &b->functions[place & 1];
	const struct pci_bar *bars = function->bars;
	const unsigned index = (place >> 1) % PCI_BARS;
	const uint64_t base = bars[index].is_mapped ? bars[index].base : 0xc0000000;

	access(input, b, bars[index].kind == PCI_BAR_IO ? BUS_PIO : BUS_MMIO,
	       base + (place >> 4));
}

static void interrupt(struct fuzz_input *input, struct bench *b)
{
	const unsigned what = (unsigned)fuzz_next(input, 1);
	struct pci_function *function = &b->functions[what & 1];

	if (what & 2)
		pci_set_intx(function, what & 4);
	else
		pci_msix_signal(function, what >> 2);
}

static void reload(struct fuzz_input *input, struct bench *b)
{
	const unsigned which = (unsigned)fuzz_next(input, 1) & 1;
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(!pci_function_save(&b->functions[which], &writer, &err));
	fuzz_damage(input, &writer);
	(void)pci_function_load(&b->functions[which],
				(struct bytes){ writer.data, writer.size }, &err);
	state_writer_free(&writer);
}

/* What must hold whatever was done. */
static void check(struct bench *b)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct pci_function *function = &b->functions[i];

		FUZZ_CHECK(load_le32(function->config) == 0x10411af4);
		for (unsigned n = 0; n < 5; n++) {
			const struct pci_bar *bar = &function->bars[n];

			FUZZ_CHECK((b->bases[i][n] != NOWHERE) == bar->is_mapped);
			FUZZ_CHECK(!bar->is_mapped || b->bases[i][n] % bar->size == 0);
			FUZZ_CHECK(!bar->is_mapped || bar->kind == PCI_BAR_IO ||
				   b->bases[i][n] >= RAM);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench b;

	init(&b);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0:
			access(&input, &b, BUS_PIO, PORTS + fuzz_next(&input, 1) % 10);
			break;
		case 1:
			interrupt(&input, &b);
			break;
		case 2:
			reload(&input, &b);
			break;
		case 3:
			bar(&input, &b);
			break;
		case 4:
			pci_bus_reset(&b.pci);
			break;
		case 5:
			config(&input, &b, false);
			break;
		default:
			config(&input, &b, true);
			break;
		}
		check(&b);
	}
	destroy(&b);
	return 0;
}
