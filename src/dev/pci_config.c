/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration space of one PCI function (PCI 3.0, chapter 6).
 *
 * It is an array of bytes, with a second one that says which bits the guest may
 * change. That makes BARs right by themselves: of a BAR of size S the bits below S
 * cannot be changed, so a guest that writes all ones reads its size (6.2.5.1), and
 * whatever is written is aligned. A write that changed a register with a meaning,
 * which are few (COMMAND, BARs, MSI-X control), is then acted upon.
 */
#include <stdio.h>
#include <string.h>

#include "dev/pci_private.h"

void pci_function_init(struct pci_function *function, const struct pci_ids *ids,
		       const char *name)
{
	memset(function, 0, sizeof(*function));
	function->name = name;
	function->free_offset = PCI_HEADER_END;
	store_le16(&function->config[PCI_VENDOR_ID], ids->vendor);
	store_le16(&function->config[PCI_DEVICE_ID], ids->device);
	store_le16(&function->config[PCI_SUBSYSTEM_VENDOR_ID], ids->subsystem_vendor);
	store_le16(&function->config[PCI_SUBSYSTEM_ID], ids->subsystem);
	function->config[PCI_REVISION_ID] = ids->revision;
	function->config[PCI_CLASS_CODE] = (uint8_t)ids->class_code;
	store_le16(&function->config[PCI_CLASS_CODE + 1],
		   (uint16_t)(ids->class_code >> 8));
	store_le16(&function->writable[PCI_COMMAND],
		   PCI_COMMAND_BUS_MASTER | PCI_COMMAND_INTX_DISABLE);
	if (ids->interrupt_pin) {
		function->config[PCI_INTERRUPT_PIN] = 1; /* INTA# */
		function->writable[PCI_INTERRUPT_LINE] = 0xff;
	}
}

static bool is_64_bit(const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_MEM64 || bar->kind == PCI_BAR_MEM64_PREFETCH;
}

void pci_function_add_bar(struct pci_function *function, unsigned index,
			  const struct pci_bar *bar)
{
	static const uint8_t type_bits[] = {
		[PCI_BAR_IO] = PCI_BAR_IS_IO,
		[PCI_BAR_MEM32] = 0,
		[PCI_BAR_MEM64] = PCI_BAR_IS_64,
		[PCI_BAR_MEM64_PREFETCH] = PCI_BAR_IS_64 | PCI_BAR_PREFETCHABLE,
	};
	const unsigned offset = PCI_BAR0 + 4 * index;
	const uint64_t mask = ~(bar->size - 1);

	function->bars[index] = *bar;
	function->config[offset] = type_bits[bar->kind];
	store_le32(&function->writable[offset], (uint32_t)mask);
	if (is_64_bit(bar))
		store_le32(&function->writable[offset + 4], (uint32_t)(mask >> 32));
	function->writable[PCI_COMMAND] |=
		bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

uint64_t pci_bar_address(const struct pci_function *function, unsigned index)
{
	const uint8_t *at = &function->config[PCI_BAR0 + 4 * index];

	if (is_64_bit(&function->bars[index]))
		return load_le64(at) & ~0xfull;
	return load_le32(at) & (function->bars[index].kind == PCI_BAR_IO ? ~3u : ~0xfu);
}

void pci_bar_set_address(struct pci_function *function, unsigned index, uint64_t address)
{
	uint8_t *at = &function->config[PCI_BAR0 + 4 * index];
	const uint32_t type = load_le32(at) & 0xf;

	store_le32(at, (uint32_t)address | type);
	if (is_64_bit(&function->bars[index]))
		store_le32(at + 4, (uint32_t)(address >> 32));
}

unsigned pci_function_add_capability(struct pci_function *function, const uint8_t *body,
				     unsigned size)
{
	const unsigned offset = function->free_offset;

	if (size < 2 || !range_within(offset, size, PCI_CONFIG_SIZE))
		return 0;
	memcpy(&function->config[offset], body, size);
	function->config[offset + 1] = 0;
	if (function->last_capability)
		function->config[function->last_capability + 1] = (uint8_t)offset;
	else
		function->config[PCI_CAPABILITIES_POINTER] = (uint8_t)offset;
	function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
	function->last_capability = (uint8_t)offset;
	/* Capabilities begin at a multiple of 4 (6.7). */
	function->free_offset = (uint16_t)align_up(offset + size, 4);
	return offset;
}

uint16_t pci_command(const struct pci_function *function)
{
	return load_le16(&function->config[PCI_COMMAND]);
}

bool pci_is_bus_master(const struct pci_function *function)
{
	return __atomic_load_n(&function->config[PCI_COMMAND], __ATOMIC_RELAXED) &
	       PCI_COMMAND_BUS_MASTER;
}

/* The part of an access that meets the hook, counted from its begin. */
static bool meets_hook(const struct pci_function *function, unsigned offset,
		       unsigned size, unsigned *at, unsigned *length)
{
	const unsigned begin = function->hook_offset;
	const unsigned end = begin + function->hook_size;
	const unsigned first = offset > begin ? offset : begin;
	const unsigned last = offset + size < end ? offset + size : end;

	if (first >= last)
		return false;
	*at = first - begin;
	*length = last - first;
	return true;
}

uint32_t pci_config_read(struct pci_function *function, unsigned offset, unsigned size)
{
	uint32_t value = 0;
	unsigned at, length;

	if (function->config_read && meets_hook(function, offset, size, &at, &length))
		function->config_read(function->dev, at, length);
	memcpy(&value, &function->config[offset], size);
	/* Interrupt Status tells what the device wants, whatever COMMAND says (6.2.3). */
	if (offset <= PCI_STATUS && offset + size > PCI_STATUS &&
	    __atomic_load_n(&function->intx_level, __ATOMIC_RELAXED))
		value |= PCI_STATUS_INTERRUPT << 8 * (PCI_STATUS - offset);
	return value;
}

static bool touches(unsigned offset, unsigned size, unsigned begin, unsigned length)
{
	return ranges_overlap(offset, size, begin, length);
}

/* What the registers say now has to come true. */
static void act(struct pci_function *function)
{
	const bool no_intx = pci_command(function) & PCI_COMMAND_INTX_DISABLE;

	pci_msix_update(function);
	pci_block_intx(function, no_intx || pci_msix_enabled(function));
	pci_bus_decode(function->bus);
}

void pci_config_write(struct pci_function *function, unsigned offset, unsigned size,
		      uint32_t value)
{
	uint8_t before[4];
	unsigned at, length, control;

	memcpy(before, &function->config[offset], size);
	for (unsigned i = 0; i < size; i++) {
		const uint8_t mask = function->writable[offset + i];
		const uint8_t byte = (uint8_t)(value >> 8 * i);

		__atomic_store_n(&function->config[offset + i],
				 (uint8_t)((before[i] & ~mask) | (byte & mask)),
				 __ATOMIC_RELAXED);
	}
	if (function->config_write && meets_hook(function, offset, size, &at, &length))
		function->config_write(function->dev, at, length);
	if (memcmp(before, &function->config[offset], size) == 0)
		return;
	control = pci_msix_capability(function) + PCI_MSIX_CONTROL;
	if (touches(offset, size, PCI_COMMAND, 2) ||
	    touches(offset, size, PCI_BAR0, 4 * PCI_BARS) ||
	    (function->msix && touches(offset, size, control, 2)))
		act(function);
}

/* What is saved of a function, beside MSI-X. */
struct function_state {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t intx_level;
};

static const struct state_field fields[] = {
	STATE_FIELD(struct function_state, config),
	STATE_FIELD(struct function_state, intx_level),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int pci_function_save(const struct pci_function *function, struct state_writer *writer,
		      struct err *err)
{
	struct function_state state = { .intx_level = function->intx_level };
	char section[80];

	memcpy(state.config, function->config, sizeof(state.config));
	snprintf(section, sizeof(section), "%s.pci", function->name);
	if (state_save(writer, section, &layout, &state, err))
		return -1;
	return pci_msix_save(function, writer, err);
}

/* What the guest cannot change must be what this function has. */
static bool is_possible(const struct pci_function *function,
			const struct function_state *state)
{
	for (unsigned i = 0; i < sizeof(state->config); i++) {
		const int changed = state->config[i] ^ function->config[i];

		if (changed & ~function->writable[i])
			return false;
	}
	return state->intx_level <= 1;
}

int pci_function_load(struct pci_function *function, struct bytes image, struct err *err)
{
	struct function_state state = { 0 };
	struct pci_msix_state *msix = NULL;
	char section[80];

	snprintf(section, sizeof(section), "%s.pci", function->name);
	memcpy(state.config, function->initial, sizeof(state.config));
	if (state_load(image, section, &layout, &state, err))
		return -1;
	if (!is_possible(function, &state))
		return err_set(err,
			       "state of %s: it is of another device, or damaged: take "
			       "the snapshot's own machine",
			       section);
	if (pci_msix_parse(function, image, &msix, err))
		return -1;
	pthread_mutex_lock(&function->bus->lock);
	memcpy(function->config, state.config, sizeof(state.config));
	pci_msix_apply(function, msix);
	act(function);
	pthread_mutex_unlock(&function->bus->lock);
	pci_set_intx(function, state.intx_level);
	return 0;
}
