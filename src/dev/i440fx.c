/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host bridge of the 440FX. Its PAM registers (82441FX, 3.2.18) are seven bytes of
 * the configuration space; a nibble of each, from the upper one of the first on, is a
 * segment, beginning with the one at 0xf0000 and then upwards from 0xc0000. The two low
 * bits of a nibble are RE and WE, the third is about caches and only kept.
 *
 * A segment's new route is told when it differs from the one that was told last, so
 * writing the same again costs nothing.
 */
#include "dev/i440fx.h"

#define PAM0             0x59
#define NR_PAM           7
#define PAM0_WRITABLE    0x70 /* the lower half is reserved */
#define PAMX_WRITABLE    0x77
#define NIBBLE_RE_AND_WE 0x3u

static const struct pci_ids ids = {
	.vendor = 0x8086,
	.device = 0x1237,
	/* By these firmware tells a virtual machine from a real chip. */
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.revision = 2,
	.class_code = 0x060000,
};

uint32_t i440fx_segment_base(unsigned segment)
{
	return I440FX_FIRST + segment * I440FX_SEGMENT_SIZE;
}

uint32_t i440fx_segment_size(unsigned segment)
{
	return segment == I440FX_SEGMENTS - 1 ? I440FX_LAST_SIZE : I440FX_SEGMENT_SIZE;
}

static unsigned route_of(const struct i440fx *bridge, unsigned segment)
{
	const unsigned nibble = segment == I440FX_SEGMENTS - 1 ? 1 : segment + 2;
	const uint8_t pam = bridge->function.config[PAM0 + nibble / 2];

	return pam >> 4 * (nibble % 2) & NIBBLE_RE_AND_WE;
}

static void update(struct i440fx *bridge)
{
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
		const unsigned route = route_of(bridge, i);

		if (route == bridge->routes[i])
			continue;
		bridge->routes[i] = (uint8_t)route;
		bridge->set_route(bridge->opaque, i, route);
	}
}

static void pam_written(void *dev, unsigned offset, unsigned size)
{
	(void)offset;
	(void)size;
	update(dev);
}

void i440fx_init(struct i440fx *bridge,
		 void (*set_route)(void *opaque, unsigned segment, unsigned route),
		 void *opaque)
{
	struct pci_function *function = &bridge->function;

	*bridge = (struct i440fx){ .set_route = set_route, .opaque = opaque };
	pci_function_init(function, &ids, "i440fx");
	function->writable[PAM0] = PAM0_WRITABLE;
	for (unsigned i = 1; i < NR_PAM; i++)
		function->writable[PAM0 + i] = PAMX_WRITABLE;
	function->hook_offset = PAM0;
	function->hook_size = NR_PAM;
	function->config_write = pam_written;
	function->dev = bridge;
}

void i440fx_reset(struct i440fx *bridge)
{
	update(bridge);
}

int i440fx_save(const struct i440fx *bridge, struct state_writer *writer, struct err *err)
{
	return pci_function_save(&bridge->function, writer, err);
}

int i440fx_load(struct i440fx *bridge, struct bytes image, struct err *err)
{
	if (pci_function_load(&bridge->function, image, err))
		return -1;
	update(bridge);
	return 0;
}
