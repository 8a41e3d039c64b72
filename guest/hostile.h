/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile: what the parts of the hostile guest share, see hostile.c.
 *
 * The attacked device is the victim; another one, the witness, has to serve requests
 * all the time. Memory: the guest lies at 1 MiB; everything from SCRATCH on is for
 * attacks, and may be overwritten.
 */
#ifndef TANE_GUEST_HOSTILE_H
#define TANE_GUEST_HOSTILE_H

#include "virtio.h"

#define SCRATCH      0x02000000u /* what descriptors of attacks point to */
#define TABLE        0x02100000u /* indirect descriptors */
#define HUGE         0x02200000u /* memory for long pieces */
#define HUGE_SIZE    0x38000000u
#define RAM_END      0x40000000u /* the test gives 1 GiB */
#define DEVICE_HOLE  0xc8000000u /* no RAM, and no device either */
#define LAPIC        0xfee00000u
#define IOAPIC       0xfec00000u
#define BEYOND_RAM   0x0000010000000000ull
#define LAST_ADDRESS 0xffffffffffffffffull

#define MAX_RINGS 4

struct victim;

/* What is peculiar to a kind of device. */
struct kind {
	uint32_t id;
	const char *name;
	uint64_t features; /* wanted, beside those of the ring */
	/*
	 * The queues that are driven, from 0 on, by what a request looks like: 'b' that of a
	 * disk, 'p' a message of 9P and room for the reply, 'r' for the device to read, 'w'
	 * for it to write.
	 */
	const char *queues;
	bool (*legal)(struct victim *victim);
	/* Make the device look at its queues that wait for something. May be NULL. */
	void (*poke)(struct victim *victim);
	/* Attacks of its own. */
	void (*attack)(struct victim *victim);
};

struct victim {
	struct virtio virtio;
	const struct kind *kind;
	struct ring *rings;
	unsigned nr_rings; /* that the device has */
};

/*
 * One attack. `ring` is what it is about, or the main one; `arg` comes from the
 * caller. The device is running before it, and is reset behind it. False: the device did
 * what it must not do.
 */
typedef bool attack_fn(struct victim *victim, struct ring *ring, const void *arg);

/* Do it, see whether victim and witness still work, and tell in one line. */
void attack(struct victim *victim, struct ring *ring, const char *name, attack_fn *run,
	    const void *arg);

/* Reset, negotiate and start, with all queues. */
bool victim_start(struct victim *victim, uint64_t features);
bool victim_serves(struct victim *victim);
bool witness_serves(void);
/* The other device, for attacks that bring the two together. */
const struct virtio *the_witness(void);

/*
 * As many usual requests of this queue as it has room for, at once: `count`, at most 5.
 * None of them is waited for. Their descriptors begin at 0, 3, 6 ...
 */
void offer_usual(struct victim *victim, struct ring *ring, unsigned count);

/* The same with one, once the last one is over; a device that gave up is started again. */
bool keep_busy(struct victim *victim, struct ring *ring);

/* Wait a little: until the device used a buffer, or gave up. Neither has to come. */
void settle(struct ring *ring);

/* The same numbers in each run. */
uint32_t random_number(void);

/* The groups of attacks. */
void attack_rings(struct victim *victim);
void attack_packed(struct victim *victim);
void attack_registers(struct victim *victim);
void attack_pci(struct victim *victim);
void attack_with_second_cpu(struct victim *victim);

/* Of shares: what is in their row of the kinds of devices. */
bool p9_legal(struct victim *victim);
void p9_attack(struct victim *victim);

/* Into memory that a device looks at. */
static inline void put32(uint8_t *at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

/* The kind of a device ID, or NULL. */
const struct kind *kind_of(uint32_t id);

#endif
