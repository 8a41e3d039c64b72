/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile: a guest that attacks its virtio devices, on PCI and on MMIO.
 *
 * A multiboot kernel without interrupts and paging, so that it runs on any KVM. It
 * needs 1 GiB and two CPUs. Its command line:
 *
 *	mmio=BASE,STRIDE,COUNT	where to look for devices on MMIO, hexadecimal
 *	only=NAME		attack this kind of device: blk net console rng balloon
 *				p9 vsock
 *	group=NAME		only these attacks: rings packed registers pci device race
 *	wait			wait for a byte on COM1 before the attacks and behind them
 *	debugexit		end by the debug-exit port and not by ACPI
 *
 * For each attack on a device it starts the device as a driver does, attacks, resets
 * it, does a legal request with it and one with another device, the witness, which is
 * never reset. Then it prints on the debug console "ok NAME" or "not ok NAME: why". NAME is
 * the kind of device, its transport, mostly a queue, and the attack:
 *
 *	ok blk pci q0 loop_of_one
 *
 * Last comes "done N", the number of attacks.
 */
#include "hostile.h"

#define COM1       0x3f8
#define COM1_LSR   0x3fd
#define LSR_DR     0x01
#define DEBUG_EXIT 0xf4

#define SETTLE_LOOKS 60
#define MAX_FAILURES 5 /* then something is broken for good */

static struct virtio found[MAX_DEVICES];
static struct ring victim_rings[MAX_RINGS], witness_rings[MAX_RINGS];
static struct victim witness;
static unsigned attacks, failures;

/* Words of the command line. */
static const char *words;
static char only[32], group[32];
static bool wait_for_byte, debug_exit;
static uint32_t mmio[3];

static void add(char **to, const char *text)
{
	while (*text)
		*(*to)++ = *text++;
}

/* One line in one write, so that nothing comes between. What the console device printed
 * may not have ended its line. */
static void report(const struct victim *victim, const struct ring *ring, const char *name,
		   const char *why)
{
	char line[160], *at = line;

	add(&at, why ? "\nnot ok " : "\nok ");
	add(&at, victim->kind->name);
	add(&at, victim->virtio.is_pci ? " pci" : " mmio");
	if (ring) {
		add(&at, " q0");
		at[-1] = (char)('0' + ring->index);
	}
	add(&at, " ");
	add(&at, name);
	if (why) {
		add(&at, ": ");
		add(&at, why);
	}
	*at++ = '\n';
	outsb(DEBUG_CONSOLE, line, (uint32_t)(at - line));
}

static void end(void)
{
	print("\ndone ");
	print_hex(attacks, 8);
	print("\n");
	if (wait_for_byte)
		while (!(inb(COM1_LSR) & LSR_DR))
			;
	if (debug_exit)
		outb(DEBUG_EXIT, 0);
	power_off();
	for (;;)
		__asm__ volatile("hlt");
}

uint32_t random_number(void)
{
	static uint32_t state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

bool victim_start(struct victim *victim, uint64_t features)
{
	if (!virtio_begin(&victim->virtio, victim->kind->features | features))
		return false;
	for (unsigned i = 0; i < victim->nr_rings; i++) {
		ring_init(&victim->rings[i], &victim->virtio, (uint16_t)i);
		if (!virtio_enable(&victim->rings[i]))
			return false;
	}
	virtio_go(&victim->virtio);
	return true;
}

bool victim_serves(struct victim *victim)
{
	return victim->kind->legal(victim);
}

bool witness_serves(void)
{
	return !witness.kind || witness.kind->legal(&witness);
}

const struct virtio *the_witness(void)
{
	return witness.kind ? &witness.virtio : 0;
}

/* Up to three descriptors from `first` on. */
static void fill_usual(struct victim *victim, struct ring *ring, uint16_t first)
{
	static const struct desc disk[] = {
		{ SCRATCH, 16, DESC_NEXT, 1 },
		{ SCRATCH + 512, 512, DESC_NEXT | DESC_WRITE, 2 },
		{ SCRATCH + 1024, 1, DESC_WRITE, 0 },
	};
	static const struct desc message[] = {
		{ SCRATCH, 64, DESC_NEXT, 1 },
		{ SCRATCH + 512, 512, DESC_WRITE, 0 },
	};
	static const struct desc to_read = { SCRATCH, 64, 0, 0 };
	static const struct desc to_write = { SCRATCH + 512, 512, DESC_WRITE, 0 };
	const char shape = victim->kind->queues[ring->index];
	const struct desc *from = shape == 'b'   ? disk
				  : shape == 'p' ? message
				  : shape == 'r' ? &to_read
						 : &to_write;

	for (unsigned i = 0; i == 0 || from[i - 1].flags & DESC_NEXT; i++) {
		ring->desc[first + i].addr = from[i].addr;
		ring->desc[first + i].len = from[i].len;
		ring->desc[first + i].flags = from[i].flags;
		ring->desc[first + i].next = (uint16_t)(first + from[i].next);
	}
}

void offer_usual(struct victim *victim, struct ring *ring, unsigned count)
{
	for (unsigned i = 0; i < 64; i += 4)
		mem_write(SCRATCH + i, 0, 4);
	for (unsigned i = 0; i < count; i++) {
		fill_usual(victim, ring, (uint16_t)(3 * i));
		ring->avail.ring[(ring->avail.idx + i) % RING_SIZE] = (uint16_t)(3 * i);
	}
	__asm__ volatile("" : : : "memory");
	ring->avail.idx = (uint16_t)(ring->avail.idx + count);
	virtio_notify(ring->virtio, ring->index);
}

bool keep_busy(struct victim *victim, struct ring *ring)
{
	const uint32_t running = STATUS_DRIVER_OK | STATUS_NEEDS_RESET;

	if (ring->seen != ring->avail.idx)
		settle(ring);
	if ((virtio_read(&victim->virtio, DEVICE_STATUS) & running) != STATUS_DRIVER_OK &&
	    !victim_start(victim, F_INDIRECT_DESC))
		return false;
	ring->seen = ring->used.idx;
	if (ring->seen == ring->avail.idx)
		offer_usual(victim, ring, 1);
	return true;
}

void settle(struct ring *ring)
{
	for (unsigned i = 0; i < SETTLE_LOOKS; i++) {
		if (ring->used.idx != ring->seen ||
		    virtio_read(ring->virtio, DEVICE_STATUS) & STATUS_NEEDS_RESET)
			break;
	}
}

/* The first one by which the driver says something, if there is one. */
static struct ring *main_ring(struct victim *victim)
{
	for (unsigned i = 0; i < victim->nr_rings; i++)
		if (victim->kind->queues[i] == 'r')
			return &victim->rings[i];
	return &victim->rings[0];
}

void attack(struct victim *victim, struct ring *ring, const char *name, attack_fn *run,
	    const void *arg)
{
	const char *why = 0;

	attacks++;
	if (!victim_start(victim, F_INDIRECT_DESC))
		why = "does not start";
	else if (!run(victim, ring ? ring : main_ring(victim), arg))
		why = "wrong answer";
	else if (!victim_start(victim, F_INDIRECT_DESC))
		why = "does not start again";
	else if (!victim_serves(victim))
		why = "serves no request";
	else if (!witness_serves())
		why = "the witness serves no request";
	report(victim, ring, name, why);
	if (why && ++failures >= MAX_FAILURES) {
		print("\ntoo many failures\n");
		end();
	}
}

static bool victim_init(struct victim *victim, const struct virtio *virtio,
			struct ring *rings)
{
	*victim = (struct victim){ .virtio = *virtio, .rings = rings };
	victim->kind = kind_of(virtio->id);
	if (!victim->kind)
		return false;
	for (unsigned i = 0; victim->kind->queues[i]; i++) {
		virtio_write(virtio, QUEUE_SELECT, i);
		if (virtio_read(virtio, QUEUE_SIZE_MAX) < RING_SIZE)
			break;
		victim->nr_rings++;
	}
	return true;
}

/* A witness must be quiet and quick: the last disk, or else the source of entropy. */
static int choose_witness(unsigned count)
{
	int chosen = -1;

	for (unsigned i = 0; i < count; i++)
		if (found[i].id == ID_RNG)
			chosen = (int)i;
	for (unsigned i = 0; i < count; i++)
		if (found[i].id == ID_BLOCK)
			chosen = (int)i;
	return chosen;
}

static bool is_wanted(const char *name, const char *wanted)
{
	return !*wanted || is_same(name, wanted);
}

static void attack_all(struct victim *victim)
{
	if (is_wanted("rings", group))
		attack_rings(victim);
	if (is_wanted("packed", group))
		attack_packed(victim);
	if (is_wanted("registers", group))
		attack_registers(victim);
	if (is_wanted("pci", group) && victim->virtio.is_pci)
		attack_pci(victim);
	if (is_wanted("device", group) && victim->kind->attack)
		victim->kind->attack(victim);
	if (is_wanted("race", group))
		attack_with_second_cpu(victim);
	virtio_reset(&victim->virtio);
}

/* NAME in "key=NAME" goes to `to`. */
static bool take_value(const char *word, const char *key, char to[32])
{
	unsigned n = 0;

	while (*key && *word == *key) {
		word++;
		key++;
	}
	if (*key)
		return false;
	while (*word && n < 31)
		to[n++] = *word++;
	to[n] = '\0';
	return true;
}

/* Three numbers with commas between. */
static void take_mmio(char *text)
{
	for (unsigned i = 0; i < 3 && *text; i++) {
		char *end_of_number = text;

		while (*end_of_number && *end_of_number != ',')
			end_of_number++;
		if (*end_of_number)
			*end_of_number++ = '\0';
		mmio[i] = number_of(text);
		text = end_of_number;
	}
}

static void take_command_line(const struct multiboot_info *info)
{
	char value[32];
	const char *word;

	words = (const char *)info->cmdline;
	while (*(word = take_word(&words))) {
		wait_for_byte |= is_same(word, "wait");
		debug_exit |= is_same(word, "debugexit");
		take_value(word, "only=", only);
		take_value(word, "group=", group);
		if (take_value(word, "mmio=", value))
			take_mmio(value);
	}
}

/* Every device serves a request before anything happens. */
static void warm_up(unsigned count, int but)
{
	for (unsigned i = 0; i < count; i++) {
		struct victim victim;

		if ((int)i == but || !victim_init(&victim, &found[i], victim_rings))
			continue;
		attacks++;
		report(&victim, 0, "warm_up",
		       !victim.nr_rings            ? "has too small a queue"
		       : !victim_start(&victim, 0) ? "does not start"
		       : !victim_serves(&victim)   ? "serves no request"
						   : 0);
		virtio_reset(&victim.virtio);
	}
}

void guest_main(uint32_t loader_magic, const struct multiboot_info *info)
{
	unsigned count;
	int other;

	(void)loader_magic;
	take_command_line(info);
	count = virtio_find(found, mmio[0], mmio[1], mmio[2]);
	other = choose_witness(count);
	warm_up(count, other);
	if (other >= 0) {
		attacks++;
		victim_init(&witness, &found[other], witness_rings);
		report(&witness, 0, "witness",
		       victim_start(&witness, F_INDIRECT_DESC) && victim_serves(&witness)
			       ? 0
			       : "does not start");
	}
	if (wait_for_byte) {
		print("\nwarm\n");
		while (!(inb(COM1_LSR) & LSR_DR))
			;
		inb(COM1);
	}
	for (unsigned i = 0; i < count; i++) {
		struct victim victim;

		if ((int)i == other || !victim_init(&victim, &found[i], victim_rings))
			continue;
		if (is_wanted(victim.kind->name, only))
			attack_all(&victim);
	}
	end();
}
