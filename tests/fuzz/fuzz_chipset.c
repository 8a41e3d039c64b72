/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * i440FX and PIIX: any writes to their configuration spaces, any levels of PIRQ#, resets,
 * and saved states that were tampered with. What was told of segments and lines has to be
 * what the registers say.
 */
#include "chip.h"

#include "dev/i440fx.h"
#include "dev/piix.h"

#define PAM0    0x59
#define PIRQRCA 0x60

struct bench {
	struct bus bus;
	struct platform platform;
	struct memory memory;
	struct pci_bus pci;
	struct i440fx bridge;
	struct piix_isa isa;
	struct piix_pm pm;
	unsigned routes[I440FX_SEGMENTS];
	struct fuzz_irq irqs[PIIX_ISA_IRQS];
	bool pirqs[PIIX_PIRQS];
};

static void set_route(void *opaque, unsigned segment, unsigned route)
{
	struct bench *b = opaque;

	FUZZ_CHECK(segment < I440FX_SEGMENTS && route < 4);
	FUZZ_CHECK(b->routes[segment] != route);
	b->routes[segment] = route;
}

static void set_up(struct bench *b)
{
	const struct pci_window none = { 0 };
	struct irq_line intx[4] = { 0 }, irqs[PIIX_ISA_IRQS];
	struct err err;

	memset(b, 0, sizeof(*b));
	bus_init(&b->bus);
	platform_init(&b->platform);
	b->platform.bus = &b->bus;
	b->platform.memory = &b->memory;
	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++)
		irqs[i] = (struct irq_line){ fuzz_irq_set, &b->irqs[i] };
	pci_bus_init_bare(&b->pci, &b->platform, &none, &none, &none, intx);
	i440fx_init(&b->bridge, set_route, b);
	piix_isa_init(&b->isa, irqs);
	piix_pm_init(&b->pm, 0x600);
	FUZZ_CHECK(!pci_bus_plug_at(&b->pci, &b->bridge.function, 0, 0, &err));
	FUZZ_CHECK(!pci_bus_plug_at(&b->pci, &b->isa.function, 1, 0, &err));
	FUZZ_CHECK(!pci_bus_plug_at(&b->pci, &b->pm.function, 1, 3, &err));
}

static void tear_down(struct bench *b)
{
	piix_isa_destroy(&b->isa);
	pci_bus_destroy(&b->pci);
	platform_destroy(&b->platform);
	bus_destroy(&b->bus);
}

static void check(const struct bench *b)
{
	const uint8_t *pam = &b->bridge.function.config[PAM0];
	const uint8_t *routes = &b->isa.function.config[PIRQRCA];
	unsigned levels = 0;

	for (unsigned i = 0; i + 1 < I440FX_SEGMENTS; i++)
		FUZZ_CHECK(b->routes[i] == (pam[1 + i / 2] >> 4 * (i % 2) & 3));
	FUZZ_CHECK(b->routes[I440FX_SEGMENTS - 1] == (pam[0] >> 4 & 3));
	for (unsigned i = 0; i < PIIX_PIRQS; i++) {
		if (b->pirqs[i] && routes[i] < 16 && piix_can_route(routes[i]))
			levels |= 1u << routes[i];
	}
	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++)
		FUZZ_CHECK(b->irqs[i].level == (levels >> i & 1));
	FUZZ_CHECK(load_le32(&b->pm.function.config[0x40]) == 0x601);
}

static void reload(struct fuzz_input *input, struct bench *b, bool bridge)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(bridge ? !i440fx_save(&b->bridge, &writer, &err)
			  : !piix_isa_save(&b->isa, &writer, &err));
	fuzz_damage(input, &writer);
	if (bridge)
		(void)i440fx_load(&b->bridge, (struct bytes){ writer.data, writer.size },
				  &err);
	else
		(void)piix_isa_load(&b->isa, (struct bytes){ writer.data, writer.size },
				    &err);
	state_writer_free(&writer);
}

/* In ECAM, at one of the three functions. */
static void write_config(struct fuzz_input *input, struct bench *b, unsigned which)
{
	static const unsigned functions[] = { 0x00, 0x08, 0x0b };
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const unsigned size = 1u << how % 3;
	uint64_t offset = fuzz_next(input, 1);

	if (how & 0x80) /* PAM and PIRQRC are there */
		offset = 0x58 + offset % 16;
	offset &= ~(uint64_t)(size - 1);
	pci_ecam.write(&b->pci, functions[which % 3] * (uint64_t)PCI_ECAM_STRIDE + offset,
		       size, fuzz_next(input, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench b;

	set_up(&b);
	while (input.size) {
		const unsigned op = (unsigned)fuzz_next(&input, 1);

		switch (op % 8) {
		case 0:
			pci_bus_reset(&b.pci);
			i440fx_reset(&b.bridge);
			piix_isa_reset(&b.isa);
			break;
		case 1:
			reload(&input, &b, op >> 7);
			break;
		case 2:
		case 3:
			b.pirqs[op >> 4 & 3] = op >> 7;
			piix_set_pirq(&b.isa, op >> 4 & 3, op >> 7);
			break;
		default:
			write_config(&input, &b, op >> 3);
			break;
		}
		check(&b);
	}
	tear_down(&b);
	return 0;
}
