/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's side of PCI.
 *
 * Eight ports from 0xcf8 are configuration mechanism 1, and amid them, at 0xcf9, is the
 * reset control register. The chips tell them apart by the width of the access:
 * PCI's address register takes only 32 bits at 0xcf8, the other only a byte at 0xcf9.
 * So one range holds both and hands each access to the one it is for.
 *
 * Windows for BARs: ports from 0x1000, 512 MiB below 4 GiB, and 64 GiB above RAM if the
 * CPU can form such addresses. layout.h has the map.
 */
#include "arch/machine.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/pci_host.h"
#include "util/bytes.h"

_Static_assert(LAYOUT_ECAM_SIZE == PCI_ECAM_SIZE, "one bus");

static bool is_for_reset_control(uint64_t offset, unsigned size)
{
	return offset == RESET_CONTROL_OFFSET && size == 1;
}

static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
	struct pci_host *host = dev;
	uint64_t value;

	if (!is_for_reset_control(offset, size))
		return pci_config_ports.read(&host->bus, offset, size);
	pthread_mutex_lock(host->reset_lock);
	value = reset_control_io.read(host->reset_control, offset, size);
	pthread_mutex_unlock(host->reset_lock);
	return value;
}

static void ports_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_host *host = dev;

	if (!is_for_reset_control(offset, size)) {
		pci_config_ports.write(&host->bus, offset, size, value);
		return;
	}
	pthread_mutex_lock(host->reset_lock);
	reset_control_io.write(host->reset_control, offset, size, value);
	pthread_mutex_unlock(host->reset_lock);
}

static const struct io_ops ports_io = {
	.read = ports_read,
	.write = ports_write,
	.max_size = 4,
};

int pci_host_init(struct pci_host *host, struct platform *platform, uint64_t ram_end,
		  unsigned address_bits, const struct irq_line intx[4],
		  struct chipset *chipset, struct reset_control *reset_control,
		  pthread_mutex_t *reset_lock, struct err *err)
{
	const struct pci_window io = { .base = PORT_PCI_IO, .size = PORT_PCI_IO_SIZE };
	const struct pci_window mem32 = { .base = LAYOUT_PCI_MEM32,
					  .size = LAYOUT_PCI_MEM32_SIZE };
	const struct pci_window mem64 = machine_high_window(ram_end, address_bits);
	const struct bus_range ports = {
		.base = PORT_PCI_CONFIG,
		.size = 8,
		.name = "pci-config",
		.ops = &ports_io,
		.dev = host,
	};
	const struct bus_range ecam = {
		.base = LAYOUT_ECAM,
		.size = LAYOUT_ECAM_SIZE,
		.name = "pci-ecam",
		.ops = &pci_ecam,
		.dev = &host->bus,
	};

	host->reset_control = reset_control;
	host->reset_lock = reset_lock;
	host->made = true;
	if (chipset) {
		pci_bus_init_bare(&host->bus, platform, &io, &mem32, &mem64, intx);
		if (chipset_plug(chipset, &host->bus, err))
			return -1;
	} else {
		if (pci_bus_init(&host->bus, platform, &io, &mem32, &mem64, intx, err))
			return -1;
		for (unsigned wire = 0; wire < 4; wire++)
			host->bus.interrupt_lines[wire] = (uint8_t)(IRQ_PCI + wire);
	}
	if (bus_add(platform->bus, BUS_PIO, &ports, err))
		return -1;
	return bus_add(platform->bus, BUS_MMIO, &ecam, err);
}

void pci_host_destroy(struct pci_host *host)
{
	if (host->made)
		pci_bus_destroy(&host->bus);
	host->made = false;
}

/* Which of the four pins do the functions of a device have? */
static unsigned pins_of(const struct pci_bus *bus, unsigned device)
{
	unsigned pins = 0;

	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		if (bus->functions[device][i])
			pins |= pci_interrupt_pins(bus->functions[device][i]);
	}
	return pins;
}

void pci_host_describe(const struct pci_host *host, struct tables_config *tables)
{
	tables->pci_mem64 = host->bus.mem64.base;
	tables->pci_mem64_size = host->bus.mem64.size;
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		const unsigned pins = pins_of(&host->bus, device);

		if (device && host->bus.functions[device][0])
			tables->has_pci = true;
		for (unsigned pin = 0; pin < 4; pin++) {
			const unsigned n = tables->nr_pci_interrupts;
			const unsigned wire = (pci_intx_pin(device) + pin) % 4;

			if (!(pins >> pin & 1))
				continue;
			tables->pci_interrupts[n].device = (uint8_t)device;
			tables->pci_interrupts[n].pin = (uint8_t)pin;
			tables->pci_interrupts[n].gsi = (uint8_t)(IRQ_PCI + wire);
			tables->pci_interrupts[n].isa = (uint8_t)chipset_isa_irq(wire);
			tables->nr_pci_interrupts++;
		}
	}
}
