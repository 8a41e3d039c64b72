/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI bus: which functions there are, the two ways to their configuration space,
 * the decoding of BARs, and the wires of INTx. See pci_config.c for what is in a
 * configuration space and pci_msix.c for messages.
 *
 * Where there is no firmware, we do its work: a function gets addresses for its BARs when
 * it is plugged, and after a reset it decodes them there. The guest may move them. On
 * each change of a BAR or a COMMAND the whole bus is looked at: ranges that are no
 * longer wanted leave the machine's bus, then the wanted ones enter it. What meets RAM
 * or another range is not decoded until that changes. That is slow and safe, and
 * drivers do it rarely.
 *
 * Memory is decoded outside of the windows as well: a kernel without ACPI does not know
 * them, and takes what the memory map leaves free.
 */
#include <string.h>

#include "dev/pci_private.h"

#define CONFIG_ADDRESS 0 /* offsets of the ports of mechanism 1 (3.2.2.3.2) */
#define CONFIG_DATA    4
#define CONFIG_ENABLE  0x80000000u
#define CONFIG_MASK    0x80fffffcu /* the others are reserved and read 0 */

#define MEMORY_GRANULE 4096u /* so that no two BARs share a page */

/* The generic host bridge that QEMU has: no operating system has quirks for it. */
static const struct pci_ids host_bridge_ids = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x060000,
};

static void init(struct pci_bus *bus, struct platform *platform,
		 const struct pci_window *io, const struct pci_window *mem32,
		 const struct pci_window *mem64, const struct irq_line intx[4])
{
	memset(bus, 0, sizeof(*bus));
	bus->platform = platform;
	pthread_mutex_init(&bus->lock, NULL);
	pthread_mutex_init(&bus->intx_lock, NULL);
	bus->io = *io;
	bus->mem32 = *mem32;
	bus->mem64 = *mem64;
	memcpy(bus->intx, intx, sizeof(bus->intx));
	memset(bus->interrupt_lines, 0xff, sizeof(bus->interrupt_lines));
}

int pci_bus_init(struct pci_bus *bus, struct platform *platform,
		 const struct pci_window *io, const struct pci_window *mem32,
		 const struct pci_window *mem64, const struct irq_line intx[4],
		 struct err *err)
{
	init(bus, platform, io, mem32, mem64, intx);
	pci_function_init(&bus->host_bridge, &host_bridge_ids, "host-bridge");
	return pci_bus_plug_at(bus, &bus->host_bridge, 0, 0, err);
}

void pci_bus_init_bare(struct pci_bus *bus, struct platform *platform,
		       const struct pci_window *io, const struct pci_window *mem32,
		       const struct pci_window *mem64, const struct irq_line intx[4])
{
	init(bus, platform, io, mem32, mem64, intx);
	bus->firmware_places = true;
}

void pci_bus_destroy(struct pci_bus *bus)
{
	pthread_mutex_destroy(&bus->intx_lock);
	pthread_mutex_destroy(&bus->lock);
}

/* -- decoding -- */

static enum bus_space space_of(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_IO ? BUS_PIO : BUS_MMIO;
}

static bool inside(const struct pci_window *window, uint64_t base, uint64_t size)
{
	return base >= window->base &&
	       range_within(base - window->base, size, window->size);
}

static bool meets_ram(const struct memory *memory, uint64_t base, uint64_t size)
{
	for (unsigned i = 0; memory && i < memory->nr_regions; i++) {
		const struct memory_region *region = &memory->regions[i];

		if (base <= region->gpa + (region->size - 1) &&
		    base + (size - 1) >= region->gpa)
			return true;
	}
	return false;
}

/* Shall the BAR be decoded, and where? Ports below the window are those of ISA. */
static bool is_wanted(const struct pci_function *function, unsigned index, uint64_t *base)
{
	const struct pci_bus *bus = function->bus;
	const struct pci_bar *bar = &function->bars[index];
	const uint16_t command = pci_command(function);

	if (bar->kind == PCI_BAR_NONE)
		return false;
	*base = pci_bar_address(function, index);
	if (bar->kind == PCI_BAR_IO)
		return (command & PCI_COMMAND_IO) && inside(&bus->io, *base, bar->size);
	return (command & PCI_COMMAND_MEMORY) &&
	       !meets_ram(bus->platform->memory, *base, bar->size);
}

static void unmap(struct pci_bus *bus, struct pci_bar *bar, unsigned index)
{
	if (bar->unmapped)
		bar->unmapped(bar->dev, index, bar->base);
	bus_remove(bus->platform->bus, space_of(bar), bar->base);
	bar->is_mapped = false;
}

static void map(struct pci_bus *bus, struct pci_bar *bar, unsigned index, uint64_t base)
{
	const struct bus_range range = {
		.base = base,
		.size = bar->size,
		.name = bar->name,
		.ops = bar->ops,
		.dev = bar->dev,
		.lock = bar->lock,
	};
	struct err err;

	if (bus_add(bus->platform->bus, space_of(bar), &range, &err))
		return; /* it meets another range */
	bar->is_mapped = true;
	bar->base = base;
	if (bar->mapped)
		bar->mapped(bar->dev, index, base);
}

static void unmap_unwanted(struct pci_function *function)
{
	uint64_t base;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];

		if (bar->is_mapped &&
		    (!is_wanted(function, i, &base) || base != bar->base))
			unmap(function->bus, bar, i);
	}
}

static void map_wanted(struct pci_function *function)
{
	uint64_t base;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];

		if (!bar->is_mapped && is_wanted(function, i, &base))
			map(function->bus, bar, i, base);
	}
}

static void for_each_function(struct pci_bus *bus,
			      void (*fn)(struct pci_function *function))
{
	for (unsigned i = 0; i < PCI_DEVICES * PCI_FUNCTIONS; i++) {
		struct pci_function *function =
			bus->functions[i / PCI_FUNCTIONS][i % PCI_FUNCTIONS];

		if (function)
			fn(function);
	}
}

void pci_bus_decode(struct pci_bus *bus)
{
	for_each_function(bus, unmap_unwanted);
	for_each_function(bus, map_wanted);
}

/* -- plugging -- */

static int take(struct pci_window *window, uint64_t size, uint64_t granule,
		uint64_t *base)
{
	const uint64_t alignment = size > granule ? size : granule;
	const uint64_t offset =
		align_up(window->base + window->used, alignment) - window->base;

	if (!range_within(offset, size, window->size))
		return -1;
	*base = window->base + offset;
	window->used = offset + size;
	return 0;
}

static int place_bar(struct pci_bus *bus, const struct pci_bar *bar, uint64_t *base)
{
	switch (bar->kind) {
	case PCI_BAR_IO:
		return take(&bus->io, bar->size, 1, base);
	case PCI_BAR_MEM32:
		return take(&bus->mem32, bar->size, MEMORY_GRANULE, base);
	default:
		if (!take(&bus->mem32, bar->size, MEMORY_GRANULE, base))
			return 0;
		return take(&bus->mem64, bar->size, MEMORY_GRANULE, base);
	}
}

/* What firmware does: addresses, and decoding switched on. */
static int place_bars(struct pci_function *function, struct err *err)
{
	if (function->bus->firmware_places)
		return 0;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &function->bars[i];
		uint64_t base;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		if (place_bar(function->bus, bar, &base))
			return err_set(err, "PCI: no room for BAR %u of %s, %llu KiB", i,
				       function->name,
				       (unsigned long long)(bar->size >> 10));
		pci_bar_set_address(function, i, base);
	}
	function->config[PCI_COMMAND] |=
		function->writable[PCI_COMMAND] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	return 0;
}

static bool all_mapped(const struct pci_function *function)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (function->bars[i].kind != PCI_BAR_NONE &&
		    !function->bars[i].is_mapped)
			return false;
	}
	return true;
}

/* INTA# of function 0, INTB# of function 1 ..., each device one wire further. */
static unsigned wire_of(const struct pci_function *function)
{
	return (pci_intx_pin(function->device) + function->function) % 4;
}

static void set_place(struct pci_bus *bus, struct pci_function *function, unsigned device,
		      unsigned number)
{
	function->bus = bus;
	function->device = device;
	function->function = number;
	if (function->config[PCI_INTERRUPT_PIN]) {
		function->config[PCI_INTERRUPT_PIN] = (uint8_t)(number % 4 + 1);
		function->config[PCI_INTERRUPT_LINE] =
			bus->interrupt_lines[wire_of(function)];
	}
	if (number) {
		struct pci_function *first = bus->functions[device][0];

		/* Only that of function 0 counts (6.2.1). */
		first->config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTI_FUNCTION;
		first->initial[PCI_HEADER_TYPE] |= PCI_HEADER_MULTI_FUNCTION;
	}
}

int pci_bus_plug_at(struct pci_bus *bus, struct pci_function *function, unsigned device,
		    unsigned number, struct err *err)
{
	int r;

	if (device >= PCI_DEVICES || number >= PCI_FUNCTIONS ||
	    bus->functions[device][number] || (number && !bus->functions[device][0]))
		return err_set(err, "PCI: no place %02x.%u for %s", device, number,
			       function->name);
	pthread_mutex_lock(&bus->lock);
	set_place(bus, function, device, number);
	pci_msix_plugged(function);
	r = place_bars(function, err);
	if (!r) {
		memcpy(function->initial, function->config, sizeof(function->initial));
		bus->functions[device][number] = function;
		pci_bus_decode(bus);
		if (!bus->firmware_places && !all_mapped(function))
			r = err_set(err,
				    "PCI: a BAR of %s finds no place on the bus: use "
				    "fewer devices",
				    function->name);
	}
	pthread_mutex_unlock(&bus->lock);
	return r;
}

int pci_bus_plug(struct pci_bus *bus, struct pci_function *function, struct err *err)
{
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		if (!bus->functions[device][0])
			return pci_bus_plug_at(bus, function, device, 0, err);
	}
	return err_set(err, "PCI: no place for %s: there are %d devices already",
		       function->name, PCI_DEVICES);
}

static void reset_function(struct pci_function *function)
{
	memcpy(function->config, function->initial, sizeof(function->initial));
	pci_msix_reset(function);
	pci_set_intx(function, false);
	pci_block_intx(function, false);
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bus->config_address = 0;
	for_each_function(bus, reset_function);
	pci_bus_decode(bus);
	pthread_mutex_unlock(&bus->lock);
}

void pci_function_destroy(struct pci_function *function)
{
	pci_msix_destroy(function);
}

/* -- INTx -- */

/* The wire is low while any function pulls it; as an irq_line that is "true". */
static void drive(struct pci_function *function)
{
	struct pci_bus *bus = function->bus;
	const bool pull = function->intx_level && !function->intx_blocked;
	unsigned wire;

	if (!bus || pull == function->intx_driven)
		return;
	function->intx_driven = pull;
	wire = wire_of(function);
	if (pull ? bus->intx_drivers[wire]++ == 0 : --bus->intx_drivers[wire] == 0)
		irq_set(&bus->intx[wire], pull);
}

unsigned pci_interrupt_pins(const struct pci_function *function)
{
	const unsigned pin = function->config[PCI_INTERRUPT_PIN];

	return pin ? 1u << (pin - 1) : 0;
}

void pci_set_intx(struct pci_function *function, bool level)
{
	if (!function->bus)
		return;
	pthread_mutex_lock(&function->bus->intx_lock);
	__atomic_store_n(&function->intx_level, level, __ATOMIC_RELAXED);
	drive(function);
	pthread_mutex_unlock(&function->bus->intx_lock);
}

void pci_block_intx(struct pci_function *function, bool blocked)
{
	pthread_mutex_lock(&function->bus->intx_lock);
	function->intx_blocked = blocked;
	drive(function);
	pthread_mutex_unlock(&function->bus->intx_lock);
}

/* -- the two ways to the configuration space -- */

static uint64_t config_read(struct pci_bus *bus, unsigned devfn, unsigned offset,
			    unsigned size)
{
	struct pci_function *function =
		bus->functions[devfn / PCI_FUNCTIONS][devfn % PCI_FUNCTIONS];
	uint64_t value = UINT64_MAX; /* nobody answers (6.1) */

	pthread_mutex_lock(&bus->lock);
	if (function)
		value = pci_config_read(function, offset, size);
	pthread_mutex_unlock(&bus->lock);
	return value;
}

static void config_write(struct pci_bus *bus, unsigned devfn, unsigned offset,
			 unsigned size, uint64_t value)
{
	struct pci_function *function =
		bus->functions[devfn / PCI_FUNCTIONS][devfn % PCI_FUNCTIONS];

	pthread_mutex_lock(&bus->lock);
	if (function)
		pci_config_write(function, offset, size, (uint32_t)value);
	pthread_mutex_unlock(&bus->lock);
}

static uint32_t config_address(const struct pci_bus *bus)
{
	return __atomic_load_n(&bus->config_address, __ATOMIC_RELAXED);
}

/*
 * Mechanism 1: CONFIG_ADDRESS answers only to 32-bit accesses, narrower ones are
 * for other chips (3.2.2.3.2). We have one bus, number 0.
 */
static bool selects(uint32_t address)
{
	return (address & CONFIG_ENABLE) && !(address >> 16 & 0xff);
}

static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = dev;
	const uint32_t address = config_address(bus);

	if (offset == CONFIG_ADDRESS && size == 4)
		return address;
	if (offset < CONFIG_DATA || !selects(address))
		return UINT64_MAX;
	return config_read(bus, address >> 8 & 0xff,
			   (address & 0xfc) + (unsigned)(offset - CONFIG_DATA), size);
}

static void ports_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_bus *bus = dev;
	const uint32_t address = config_address(bus);

	if (offset == CONFIG_ADDRESS && size == 4)
		__atomic_store_n(&bus->config_address, (uint32_t)value & CONFIG_MASK,
				 __ATOMIC_RELAXED);
	else if (offset >= CONFIG_DATA && selects(address))
		config_write(bus, address >> 8 & 0xff,
			     (address & 0xfc) + (unsigned)(offset - CONFIG_DATA), size,
			     value);
}

const struct io_ops pci_config_ports = {
	.read = ports_read,
	.write = ports_write,
	.max_size = 4,
};

/*
 * ECAM (PCIe 4.0, 7.2.2): 4 KiB for each function; an access lies inside one. Our
 * functions are conventional ones, whose space ends at 256: nobody answers above.
 */
static uint64_t ecam_read(void *dev, uint64_t offset, unsigned size)
{
	const unsigned in_function = (unsigned)offset % PCI_ECAM_STRIDE;

	if (in_function + size > PCI_CONFIG_SIZE)
		return UINT64_MAX;
	return config_read(dev, (unsigned)offset / PCI_ECAM_STRIDE, in_function, size);
}

static void ecam_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const unsigned in_function = (unsigned)offset % PCI_ECAM_STRIDE;

	if (in_function + size <= PCI_CONFIG_SIZE)
		config_write(dev, (unsigned)offset / PCI_ECAM_STRIDE, in_function, size,
			     value);
}

const struct io_ops pci_ecam = {
	.read = ecam_read,
	.write = ecam_write,
	.max_size = 4,
};

/* -- saved state -- */

static const struct state_field fields[] = {
	STATE_FIELD(struct pci_bus, config_address),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int pci_bus_save(const struct pci_bus *bus, struct state_writer *writer, struct err *err)
{
	if (state_save(writer, "pci", &layout, bus, err))
		return -1;
	return pci_function_save(bus->functions[0][0], writer, err);
}

int pci_bus_load(struct pci_bus *bus, struct bytes image, struct err *err)
{
	struct pci_bus loaded = { .config_address = 0 };

	if (state_load(image, "pci", &layout, &loaded, err))
		return -1;
	if (loaded.config_address & ~CONFIG_MASK)
		return state_err_impossible(err, "pci");
	if (pci_function_load(bus->functions[0][0], image, err))
		return -1;
	bus->config_address = loaded.config_address;
	return 0;
}
