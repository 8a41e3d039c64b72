/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_pci: attacks by what only PCI has: configuration space, BARs that move,
 * COMMAND, MSI-X, and the window into the device that its configuration space is
 * (PCI 3.0, 6; virtio 1.2, 4.1.4.9). Each puts configuration space back at its end.
 */
#include "hostile.h"

#define COMMAND        0x04
#define COMMAND_IO     1
#define COMMAND_MEMORY 2
#define COMMAND_MASTER 4
#define BAR0           0x10
#define NR_BARS        6
#define MSIX_CONTROL   2 /* in the capability */
#define MSIX_ENABLE    0x8000u
#define MSIX_MASK_ALL  0x4000u
#define HEADER_WORDS   16
#define CONFIG_WORDS   64

#define COMMON_CONFIG_VECTOR 0x10
#define COMMON_QUEUE_VECTOR  0x1a

static uint32_t saved[HEADER_WORDS];

static void save_header(uint8_t slot)
{
	for (unsigned i = 0; i < HEADER_WORDS; i++)
		saved[i] = pci_read(slot, i * 4, 4);
}

/* COMMAND last, so that nothing is decoded before it is in its place. */
static void restore_header(const struct victim *victim)
{
	const uint8_t slot = victim->virtio.slot;

	pci_write(slot, COMMAND, 0, 2);
	for (unsigned i = BAR0 / 4; i < HEADER_WORDS; i++)
		pci_write(slot, i * 4, saved[i], 4);
	if (victim->virtio.msix)
		pci_write(slot, victim->virtio.msix + MSIX_CONTROL, 0, 2);
	pci_write(slot, COMMAND, saved[1] & 0xffff, 2);
}

/* -- configuration space -- */

static bool read_config_space(struct victim *victim, struct ring *ring, const void *arg)
{
	(void)ring;
	(void)arg;
	for (unsigned size = 1; size <= 4; size *= 2)
		for (uint32_t at = 0; at < 4 * CONFIG_WORDS; at++)
			pci_read(victim->virtio.slot, at, size);
	return true;
}

static bool write_config_space(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint32_t value = *(const uint32_t *)arg;
	const uint8_t slot = victim->virtio.slot;
	const uint32_t id = pci_read(slot, 0, 4);

	(void)ring;
	save_header(slot);
	for (unsigned size = 4; size; size /= 2)
		for (uint32_t at = 0; at < 4 * CONFIG_WORDS; at += size)
			pci_write(slot, at, value, size);
	restore_header(victim);
	return pci_read(slot, 0, 4) == id;
}

static bool write_random_config_space(struct victim *victim, struct ring *ring,
				      const void *arg)
{
	const uint8_t slot = victim->virtio.slot;

	(void)ring;
	(void)arg;
	save_header(slot);
	for (unsigned i = 0; i < 400; i++) {
		const uint32_t at = random_number() % (4 * CONFIG_WORDS);

		/* A BAR on top of this program would be the program's own end. */
		if (at < BAR0 || at >= BAR0 + 4 * NR_BARS)
			pci_write(slot, at, random_number(), 1u << random_number() % 3);
	}
	restore_header(victim);
	return true;
}

/* Functions and buses that are not there; the address register by bytes. */
static bool address_strangers(struct victim *victim, struct ring *ring, const void *arg)
{
	static const uint32_t addresses[] = { 0xffffffff, 0x80ff0000, 0x8000ff00,
					      0x80000700, 0x00000000, 0x7fffffff,
					      0x80000003 };

	(void)victim;
	(void)ring;
	(void)arg;
	for (unsigned i = 0; i < COUNT(addresses); i++) {
		outl(0xcf8, addresses[i]);
		inl(0xcfc);
		inw(0xcfd);
		inl(0xcff);
		if (addresses[i] != 0x80000003) /* that is the host bridge */
			outl(0xcfc, 0xffffffff);
	}
	for (uint16_t port = 0xcf8; port < 0xcfc; port++)
		if (port != 0xcf9) { /* the reset register */
			outb(port, 0xff);
			inb(port);
		}
	return true;
}

/* -- BARs -- */

struct move {
	const char *name;
	uint32_t low, high;
};

static const struct move moves[] = {
	{ "bar_to_zero", 0, 0 },
	{ "bar_onto_ram", SCRATCH, 0 },
	{ "bar_across_the_end_of_ram", RAM_END - 0x1000, 0 },
	{ "bar_onto_the_lapic", LAPIC, 0 },
	{ "bar_onto_the_ioapic", IOAPIC, 0 },
	{ "bar_onto_kvms_pages", 0xfffbc000, 0 },
	{ "bar_to_the_end_of_4_gib", 0xfffff000, 0 },
	{ "bar_to_4_gib", 0, 1 },
	{ "bar_far_away", 0, 0x8000 },
	{ "bar_to_the_last_address", 0xfffffff0, 0xffffffff },
	{ "bar_of_all_ones", 0xffffffff, 0xffffffff },
	{ "bar_onto_vga", 0xa0000, 0 },
};

static bool is_64_bit(uint32_t bar)
{
	return !(bar & 1) && (bar & 6) == 4;
}

/* Move each BAR there in turn, use the device, and move it back. */
static bool move_bars(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct move *move = arg;
	const uint8_t slot = victim->virtio.slot;

	save_header(slot);
	for (unsigned bar = 0; bar < NR_BARS; bar++) {
		const uint32_t offset = BAR0 + 4 * bar, old = saved[offset / 4];

		if (!old)
			continue;
		if (!keep_busy(victim, ring))
			return false;
		pci_write(slot, offset, move->low, 4);
		if (is_64_bit(old))
			pci_write(slot, offset + 4, move->high, 4);
		virtio_notify(&victim->virtio, ring->index);
		virtio_read(&victim->virtio, DEVICE_STATUS);
		restore_header(victim);
		bar += is_64_bit(old);
	}
	settle(ring);
	return true;
}

/* Both halves written at times when the other is still old, sizes asked for in between. */
static bool size_bars_while_running(struct victim *victim, struct ring *ring,
				    const void *arg)
{
	const uint8_t slot = victim->virtio.slot;

	(void)arg;
	save_header(slot);
	for (unsigned bar = 0; bar < NR_BARS; bar++) {
		restore_header(victim);
		if (!keep_busy(victim, ring))
			return false;
		pci_write(slot, BAR0 + 4 * bar, 0xffffffff, 4);
		pci_read(slot, BAR0 + 4 * bar, 4);
		for (unsigned byte = 0; byte < 4; byte++)
			pci_write(slot, BAR0 + 4 * bar + byte, 0xa5, 1);
	}
	restore_header(victim);
	settle(ring);
	return true;
}

/* All BARs of the device at one place; then all where the witness has its own. */
static bool move_bars_together(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *other = the_witness();
	const uint8_t slot = victim->virtio.slot;
	uint32_t to = DEVICE_HOLE;

	(void)arg;
	for (unsigned round = 0; round < 2; round++) {
		save_header(slot);
		for (unsigned bar = 0; bar < NR_BARS; bar++) {
			const uint32_t old = saved[BAR0 / 4 + bar];

			if (!old)
				continue;
			pci_write(slot, BAR0 + 4 * bar, to, 4);
			if (is_64_bit(old))
				pci_write(slot, BAR0 + 4 * ++bar, 0, 4);
		}
		offer_usual(victim, ring, 1);
		for (uint32_t at = 0; at < 0x40; at += 4)
			mem_read(to + at, 4);
		restore_header(victim);
		if (!other)
			break;
		to = other->regs & ~0xfffu;
	}
	settle(ring);
	return true;
}

static bool toggle_command(struct victim *victim, struct ring *ring, const void *arg)
{
	const uint16_t bits = *(const uint16_t *)arg;
	const uint8_t slot = victim->virtio.slot;
	const uint16_t command = (uint16_t)pci_read(slot, COMMAND, 2);

	for (unsigned i = 0; i < 50; i++) {
		if (!keep_busy(victim, ring))
			return false;
		pci_write(slot, COMMAND, command & ~bits, 2);
		virtio_notify(&victim->virtio, 0);
		virtio_read(&victim->virtio, DEVICE_STATUS);
		pci_write(slot, COMMAND, command, 2);
	}
	settle(ring);
	return true;
}

/* -- MSI-X -- */

static void set_msix(const struct virtio *virtio, uint32_t control)
{
	pci_write(virtio->slot, virtio->msix + MSIX_CONTROL, control, 2);
}

/* A vector that is not there cannot be had: it reads as "none" (4.1.5.1.2.1). */
static bool vector_out_of_range(struct victim *victim, struct ring *ring, const void *arg)
{
	static const uint32_t wild[] = { 0x7ff, 0x800, 0x1000, 0xfffe };
	const struct virtio *virtio = &victim->virtio;
	bool good = true;

	(void)arg;
	set_msix(virtio, MSIX_ENABLE);
	for (unsigned i = 0; i <= COUNT(wild); i++) {
		const uint32_t vector = i ? wild[i - 1] : virtio->msix_vectors;

		mem_write(virtio->regs + COMMON_CONFIG_VECTOR, vector, 2);
		good &= mem_read(virtio->regs + COMMON_CONFIG_VECTOR, 2) == NO_VECTOR;
		virtio_write(virtio, QUEUE_SELECT, 0);
		mem_write(virtio->regs + COMMON_QUEUE_VECTOR, vector, 2);
		good &= mem_read(virtio->regs + COMMON_QUEUE_VECTOR, 2) == NO_VECTOR;
		offer_usual(victim, ring, 1);
	}
	settle(ring);
	set_msix(virtio, 0);
	return good;
}

struct message {
	const char *name;
	uint32_t low, high, data;
};

static const struct message messages[] = {
	{ "message_to_zero", 0, 0, 0 },
	{ "message_to_ram", SCRATCH, 0, 0x41 },
	{ "message_to_its_own_table", 1, 0, 0x41 },
	{ "message_beyond_ram", 0, 0x100, 0x41 },
	{ "message_to_all_ones", 0xffffffff, 0xffffffff, 0xffffffff },
	{ "message_to_all_cpus", LAPIC | 0xff000, 0, 0x41 },
	{ "message_to_a_cpu_that_is_not_there", LAPIC | 0x7f000, 0, 0x41 },
	{ "message_with_remapping_bits", LAPIC | 0x10, 0, 0x41 },
	{ "message_with_vector_0", LAPIC, 0, 0 },
	{ "message_with_wild_data", LAPIC, 0, 0xfffff800 },
	{ "message_to_the_ioapic", IOAPIC, 0, 0x41 },
};

static void fill_msix_table(const struct virtio *virtio, const struct message *message,
			    uint32_t masked)
{
	for (uint32_t i = 0; i < virtio->msix_vectors; i++) {
		const uint32_t at = virtio->msix_table + 16 * i;

		mem_write(at, message->low == 1 ? at : message->low, 4);
		mem_write(at + 4, message->high, 4);
		mem_write(at + 8, message->data, 4);
		mem_write(at + 12, masked, 4);
	}
}

static void use_vectors(const struct victim *victim)
{
	const struct virtio *virtio = &victim->virtio;

	mem_write(virtio->regs + COMMON_CONFIG_VECTOR, 0, 2);
	for (unsigned i = 0; i < victim->nr_rings; i++) {
		virtio_write(virtio, QUEUE_SELECT, i);
		mem_write(virtio->regs + COMMON_QUEUE_VECTOR,
			  (i + 1) % virtio->msix_vectors, 2);
	}
}

static bool send_messages(struct victim *victim, struct ring *ring, const void *arg)
{
	static const struct message quiet = { "", LAPIC, 0, 0x40 };
	const struct virtio *virtio = &victim->virtio;
	bool good;

	fill_msix_table(virtio, arg, 0);
	use_vectors(victim);
	set_msix(virtio, MSIX_ENABLE);
	good = victim_serves(victim); /* a message that goes nowhere stops no request */
	/* The same while masked, and let go. */
	set_msix(virtio, MSIX_ENABLE | MSIX_MASK_ALL);
	good &= keep_busy(victim, ring);
	settle(ring);
	set_msix(virtio, MSIX_ENABLE);
	fill_msix_table(virtio, &quiet, 1);
	set_msix(virtio, 0);
	return good;
}

static bool toggle_msix(struct victim *victim, struct ring *ring, const void *arg)
{
	static const struct message message = { "", LAPIC, 0, 0x41 };
	const struct virtio *virtio = &victim->virtio;

	(void)arg;
	use_vectors(victim);
	for (unsigned i = 0; i < 50; i++) {
		fill_msix_table(virtio, &message, i & 1);
		set_msix(virtio, i & 2 ? MSIX_ENABLE : i & 4 ? MSIX_MASK_ALL : 0);
		if (!keep_busy(victim, ring))
			return false;
	}
	settle(ring);
	set_msix(virtio, 0);
	return true;
}

/* Table and pending bits, in pieces of all sizes, also behind the last vector. */
static bool touch_msix_table(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct virtio *virtio = &victim->virtio;
	const uint32_t end = 16 * virtio->msix_vectors + 64;

	(void)ring;
	(void)arg;
	set_msix(virtio, MSIX_ENABLE);
	for (unsigned size = 1; size <= 4; size *= 2)
		for (uint32_t at = 0; at < end; at += size) {
			mem_read(virtio->msix_table + at, size);
			mem_write(virtio->msix_table + at, random_number() | 1, size);
		}
	for (uint32_t at = 0x800; at < 0x820; at++) {
		mem_read(virtio->msix_table + at, 4);
		mem_write(virtio->msix_table + at, 0xffffffff, 4);
	}
	set_msix(virtio, 0);
	return true;
}

/* -- the window in configuration space -- */

struct window {
	const char *name;
	uint8_t bar;
	uint32_t offset, length;
};

static const struct window windows[] = {
	{ "window_unset", 0, 0, 0 },
	{ "window_of_3_bytes", 0, 0, 3 },
	{ "window_of_8_bytes", 0, 0, 8 },
	{ "window_of_4_gib", 0, 0, 0xffffffff },
	{ "window_in_bar_7", 7, 0, 4 },
	{ "window_in_bar_255", 255, 0, 4 },
	{ "window_uneven", 0, 1, 4 },
	{ "window_at_the_last_offset", 0, 0xfffffffc, 4 },
	{ "window_that_wraps", 0, 0xffffffff, 4 },
	{ "window_behind_the_bar", 0, 0x00100000, 4 },
	{ "window_to_status", 0, 0x14, 1 },
	{ "window_to_all_of_bar_1", 1, 0, 4 },
	{ "window_to_all_of_bar_2", 2, 0, 4 },
	{ "window_to_all_of_bar_4", 4, 0, 4 },
};

#define WINDOW_BAR    4 /* struct virtio_pci_cfg_cap */
#define WINDOW_OFFSET 8
#define WINDOW_LENGTH 12
#define WINDOW_DATA   16

static bool look_through_window(struct victim *victim, struct ring *ring, const void *arg)
{
	const struct window *window = arg;
	const uint8_t slot = victim->virtio.slot;
	const uint32_t at = victim->virtio.pci_cfg;

	(void)ring;
	pci_write(slot, at + WINDOW_BAR, window->bar, 1);
	pci_write(slot, at + WINDOW_OFFSET, window->offset, 4);
	pci_write(slot, at + WINDOW_LENGTH, window->length, 4);
	for (unsigned size = 1; size <= 4; size *= 2)
		for (uint32_t offset = 0; offset < 4; offset++) {
			pci_read(slot, at + WINDOW_DATA + offset, size);
			pci_write(slot, at + WINDOW_DATA + offset, 0xffffffff, size);
		}
	pci_write(slot, at + WINDOW_LENGTH, 0, 4);
	return true;
}

void attack_pci(struct victim *victim)
{
	static const uint32_t zeroes = 0, ones = 0xffffffff, a5 = 0xa5a5a5a5;
	static const uint16_t memory = COMMAND_MEMORY, master = COMMAND_MASTER,
			      all = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_IO;
	const struct virtio *virtio = &victim->virtio;

	attack(victim, 0, "read_config_space", read_config_space, 0);
	attack(victim, 0, "write_zeroes_to_config_space", write_config_space, &zeroes);
	attack(victim, 0, "write_ones_to_config_space", write_config_space, &ones);
	attack(victim, 0, "write_a5_to_config_space", write_config_space, &a5);
	attack(victim, 0, "write_random_to_config_space", write_random_config_space, 0);
	attack(victim, 0, "address_strangers", address_strangers, 0);
	for (unsigned i = 0; i < COUNT(moves); i++)
		attack(victim, 0, moves[i].name, move_bars, &moves[i]);
	attack(victim, 0, "size_bars_while_running", size_bars_while_running, 0);
	attack(victim, 0, "move_bars_together", move_bars_together, 0);
	attack(victim, 0, "toggle_memory", toggle_command, &memory);
	attack(victim, 0, "toggle_master", toggle_command, &master);
	attack(victim, 0, "toggle_command", toggle_command, &all);
	if (virtio->msix) {
		attack(victim, 0, "vector_out_of_range", vector_out_of_range, 0);
		for (unsigned i = 0; i < COUNT(messages); i++)
			attack(victim, 0, messages[i].name, send_messages, &messages[i]);
		attack(victim, 0, "toggle_msix", toggle_msix, 0);
		attack(victim, 0, "touch_msix_table", touch_msix_table, 0);
	}
	for (unsigned i = 0; virtio->pci_cfg && i < COUNT(windows); i++)
		attack(victim, 0, windows[i].name, look_through_window, &windows[i]);
}
