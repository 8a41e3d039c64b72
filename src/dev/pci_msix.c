/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X (PCI 3.0, 6.8.2): interrupts by messages.
 *
 * The guest writes an address, data and a mask bit for each vector to a table in a
 * BAR. To signal a vector is to write to its eventfd. While the vector may send (MSI-X
 * enabled, neither it nor the function masked, bus master), KVM has the eventfd and
 * the message; else the eventfd remembers, and it is the vector's Pending Bit.
 *
 *	BAR	0 ... 16 * vectors	the table
 *		half of the BAR ...	the Pending Bit Array, read-only
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/pci_private.h"

#define ENTRY_SIZE     ((size_t)16)
#define ENTRY_ADDRESS  0 /* 64 bits; the lower two are 0 (6.8.2.4) */
#define ENTRY_DATA     8
#define ENTRY_CONTROL  12 /* bit 0 masks the vector, the others are reserved */
#define CONTROL_MASKED 1u

#define MIN_BAR_SIZE 4096u

struct pci_msix {
	unsigned nr_vectors;
	unsigned capability; /* its offset in the configuration space */
	unsigned pba_offset; /* in the BAR */

	pthread_mutex_t lock; /* guards what follows; `enabled` is read without it */
	bool enabled;
	bool may_send; /* enabled, not masked as a whole, and bus master */
	unsigned warnings;
	struct msi msis[PCI_MAX_MSIX_VECTORS];
	uint8_t table[PCI_MAX_MSIX_VECTORS * ENTRY_SIZE];
};

struct pci_msix_state {
	uint8_t table[PCI_MAX_MSIX_VECTORS * ENTRY_SIZE];
	uint8_t pending[PCI_MAX_MSIX_VECTORS / 8];
};

/* Let the vector send, or not, as the registers have it. Lock held. */
static void update_vector(struct pci_msix *msix, unsigned vector)
{
	const uint8_t *entry = &msix->table[vector * ENTRY_SIZE];
	struct msi *msi = &msix->msis[vector];
	struct err err;

	if (!msix->may_send || (entry[ENTRY_CONTROL] & CONTROL_MASKED))
		msi_detach(msi);
	else if (msi_attach(msi, load_le64(&entry[ENTRY_ADDRESS]),
			    load_le32(&entry[ENTRY_DATA]), &err))
		platform_warn(&msix->warnings, "MSI-X vector %u: %s", vector, err.text);
}

static bool is_pending(const struct pci_msix *msix, unsigned vector)
{
	return msix->enabled && msi_pending(&msix->msis[vector]);
}

/* -- the BAR -- */

static uint64_t pba_read(const struct pci_msix *msix, uint64_t offset, unsigned size)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 8 * size; i++) {
		const uint64_t vector = 8 * offset + i;

		if (vector < msix->nr_vectors && is_pending(msix, (unsigned)vector))
			bits |= 1ull << i;
	}
	return bits;
}

static uint64_t bar_read(void *dev, uint64_t offset, unsigned size)
{
	const struct pci_msix *msix = dev;
	uint64_t value = 0;

	if (offset >= msix->pba_offset)
		return pba_read(msix, offset - msix->pba_offset, size);
	if (range_within(offset, size, msix->nr_vectors * ENTRY_SIZE))
		memcpy(&value, &msix->table[offset], size);
	return value;
}

/* Reserved bits read 0, whatever is written. */
static void clear_reserved(uint8_t *entry)
{
	entry[ENTRY_ADDRESS] &= 0xfc;
	store_le32(&entry[ENTRY_CONTROL],
		   load_le32(&entry[ENTRY_CONTROL]) & CONTROL_MASKED);
}

static void bar_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_msix *msix = dev;

	if (!range_within(offset, size, msix->nr_vectors * ENTRY_SIZE))
		return;
	memcpy(&msix->table[offset], &value, size);
	/* One entry, or two if the access is not aligned. */
	for (uint64_t i = offset / ENTRY_SIZE; i <= (offset + size - 1) / ENTRY_SIZE;
	     i++) {
		clear_reserved(&msix->table[i * ENTRY_SIZE]);
		update_vector(msix, (unsigned)i);
	}
}

static const struct io_ops bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.max_size = 8,
};

/* -- set up and tear down -- */

static void reset_table(struct pci_msix *msix)
{
	memset(msix->table, 0, sizeof(msix->table));
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		msix->table[i * ENTRY_SIZE + ENTRY_CONTROL] = CONTROL_MASKED;
}

static uint64_t bar_size(unsigned vectors)
{
	uint64_t size = MIN_BAR_SIZE;

	while (size / 2 < vectors * ENTRY_SIZE)
		size *= 2;
	return size;
}

static struct pci_msix *create(struct platform *platform, unsigned vectors,
			       struct err *err)
{
	struct pci_msix *msix = calloc(1, sizeof(*msix));

	if (!msix) {
		err_set(err, "no memory for MSI-X");
		return NULL;
	}
	pthread_mutex_init(&msix->lock, NULL);
	msix->warnings = PLATFORM_WARNINGS;
	for (; msix->nr_vectors < vectors; msix->nr_vectors++) {
		if (msi_init(&msix->msis[msix->nr_vectors], platform, err))
			return msix; /* the caller sees that there are too few */
	}
	reset_table(msix);
	return msix;
}

int pci_function_add_msix(struct pci_function *function, struct platform *platform,
			  unsigned bar, unsigned vectors, struct err *err)
{
	const uint64_t size = bar_size(vectors);
	uint8_t body[PCI_MSIX_CAP_SIZE] = { PCI_CAP_MSIX };
	struct pci_msix *msix;

	if (!vectors || vectors > PCI_MAX_MSIX_VECTORS)
		return err_set(err, "MSI-X: %u vectors: 1 to %d are possible", vectors,
			       PCI_MAX_MSIX_VECTORS);
	function->msix = msix = create(platform, vectors, err);
	if (!msix)
		return -1;
	if (msix->nr_vectors < vectors) {
		pci_msix_destroy(function);
		return -1;
	}
	msix->pba_offset = (unsigned)(size / 2);
	store_le16(&body[PCI_MSIX_CONTROL], (uint16_t)(vectors - 1));
	store_le32(&body[PCI_MSIX_TABLE], bar); /* offset 0 */
	store_le32(&body[PCI_MSIX_PBA], msix->pba_offset | bar);
	msix->capability = pci_function_add_capability(function, body, sizeof(body));
	if (!msix->capability) {
		pci_msix_destroy(function);
		return err_set(err, "MSI-X: the configuration space is full");
	}
	store_le16(&function->writable[msix->capability + PCI_MSIX_CONTROL],
		   PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
	pci_function_add_bar(function, bar,
			     &(struct pci_bar){ .kind = PCI_BAR_MEM32,
						.size = size,
						.name = "msix",
						.ops = &bar_ops,
						.dev = msix,
						.lock = &msix->lock });
	return 0;
}

void pci_msix_plugged(struct pci_function *function)
{
	struct pci_msix *msix = function->msix;

	for (unsigned i = 0; msix && i < msix->nr_vectors; i++)
		msix->msis[i].requester_id =
			(uint16_t)(function->device << 3 | function->function);
}

void pci_msix_destroy(struct pci_function *function)
{
	struct pci_msix *msix = function->msix;

	if (!msix)
		return;
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		msi_destroy(&msix->msis[i]);
	pthread_mutex_destroy(&msix->lock);
	free(msix);
	function->msix = NULL;
}

/* -- registers of the configuration space -- */

unsigned pci_msix_capability(const struct pci_function *function)
{
	return function->msix ? function->msix->capability : 0;
}

/* Lock held. */
static void forget(struct pci_msix *msix)
{
	for (unsigned i = 0; i < msix->nr_vectors; i++) {
		if (!msix->msis[i].attached)
			msi_clear(&msix->msis[i]);
	}
}

static void update(struct pci_function *function, struct pci_msix *msix)
{
	const uint16_t control =
		load_le16(&function->config[msix->capability + PCI_MSIX_CONTROL]);
	const bool enabled = control & PCI_MSIX_ENABLE;

	/* What a device signalled while there were no messages is none. */
	if (enabled && !msix->enabled)
		forget(msix);
	__atomic_store_n(&msix->enabled, enabled, __ATOMIC_RELEASE);
	msix->may_send = enabled && !(control & PCI_MSIX_FUNCTION_MASK) &&
			 pci_is_bus_master(function);
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		update_vector(msix, i);
}

void pci_msix_update(struct pci_function *function)
{
	struct pci_msix *msix = function->msix;

	if (!msix)
		return;
	pthread_mutex_lock(&msix->lock);
	update(function, msix);
	pthread_mutex_unlock(&msix->lock);
}

void pci_msix_reset(struct pci_function *function)
{
	struct pci_msix *msix = function->msix;

	if (!msix)
		return;
	pthread_mutex_lock(&msix->lock);
	reset_table(msix);
	update(function, msix);
	forget(msix);
	pthread_mutex_unlock(&msix->lock);
}

/* -- for the device -- */

bool pci_msix_enabled(const struct pci_function *function)
{
	return function->msix &&
	       __atomic_load_n(&function->msix->enabled, __ATOMIC_ACQUIRE);
}

void pci_msix_signal(struct pci_function *function, unsigned vector)
{
	if (pci_msix_enabled(function) && vector < function->msix->nr_vectors)
		msi_signal(&function->msix->msis[vector]);
}

unsigned pci_msix_vectors(const struct pci_function *function)
{
	return function->msix ? function->msix->nr_vectors : 0;
}

int pci_msix_fd(const struct pci_function *function, unsigned vector)
{
	return vector < pci_msix_vectors(function) ? function->msix->msis[vector].fd : -1;
}

void pci_msix_forget(struct pci_function *function)
{
	struct pci_msix *msix = function->msix;

	if (!msix)
		return;
	pthread_mutex_lock(&msix->lock);
	forget(msix);
	pthread_mutex_unlock(&msix->lock);
}

/* -- saved state -- */

static const struct state_field fields[] = {
	STATE_FIELD(struct pci_msix_state, table),
	STATE_FIELD(struct pci_msix_state, pending),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

static void section_name(char name[80], const struct pci_function *function)
{
	snprintf(name, 80, "%s.msix", function->name);
}

int pci_msix_save(const struct pci_function *function, struct state_writer *writer,
		  struct err *err)
{
	const struct pci_msix *msix = function->msix;
	struct pci_msix_state state = { .pending = { 0 } };
	char section[80];

	if (!msix)
		return 0;
	section_name(section, function);
	memcpy(state.table, msix->table, sizeof(state.table));
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		state.pending[i / 8] |= (uint8_t)(is_pending(msix, i) << i % 8);
	return state_save(writer, section, &layout, &state, err);
}

/* Only what a guest could have written. */
static bool is_possible(const struct pci_msix_state *state, unsigned nr_vectors)
{
	static const uint8_t none[ENTRY_SIZE];

	for (unsigned i = 0; i < PCI_MAX_MSIX_VECTORS; i++) {
		const uint8_t *entry = &state->table[i * ENTRY_SIZE];
		uint8_t cleared[ENTRY_SIZE];

		memcpy(cleared, entry, ENTRY_SIZE);
		clear_reserved(cleared);
		if (memcmp(entry, i < nr_vectors ? cleared : none, ENTRY_SIZE) != 0)
			return false;
		if (i >= nr_vectors && (state->pending[i / 8] >> i % 8 & 1))
			return false;
	}
	return true;
}

int pci_msix_parse(const struct pci_function *function, struct bytes image,
		   struct pci_msix_state **state, struct err *err)
{
	char section[80];

	*state = NULL;
	if (!function->msix)
		return 0;
	*state = calloc(1, sizeof(**state));
	if (!*state)
		return err_set(err, "no memory for a saved state");
	section_name(section, function);
	if (state_load(image, section, &layout, *state, err))
		goto failed;
	if (is_possible(*state, function->msix->nr_vectors))
		return 0;
	state_err_impossible(err, section);
failed:
	free(*state);
	*state = NULL;
	return -1;
}

void pci_msix_apply(struct pci_function *function, struct pci_msix_state *state)
{
	struct pci_msix *msix = function->msix;

	if (!state)
		return;
	pthread_mutex_lock(&msix->lock);
	memcpy(msix->table, state->table, sizeof(msix->table));
	update(function, msix);
	for (unsigned i = 0; i < msix->nr_vectors; i++) {
		if (state->pending[i / 8] >> i % 8 & 1)
			msi_signal(&msix->msis[i]);
	}
	pthread_mutex_unlock(&msix->lock);
	free(state);
}
