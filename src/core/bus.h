/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: two address spaces, port I/O and memory-mapped I/O, with one handler
 * type for both. See bus.c for how a look-up works without a lock.
 */
#ifndef TANE_CORE_BUS_H
#define TANE_CORE_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/err.h"

/*
 * The register functions of a device.
 *
 * `offset` counts from the base of the range; `size` is 1, 2, 4 or 8 and never
 * above `max_size`: the bus cuts a wider or straddling access into pieces,
 * lowest address first, as an ISA bus does. A read returns the value in the
 * low `size` bytes; the rest is ignored. A write gets no bits above `size`.
 */
struct io_ops {
	uint64_t (*read)(void *dev, uint64_t offset, unsigned size);
	void (*write)(void *dev, uint64_t offset, unsigned size, uint64_t value);
	unsigned max_size;
	/*
	 * `count` such accesses in a row, the data packed: for chips that move much of it
	 * through a port. Either may be NULL: then they come one by one.
	 */
	void (*read_string)(void *dev, uint64_t offset, unsigned size, unsigned count,
			    void *data);
	void (*write_string)(void *dev, uint64_t offset, unsigned size, unsigned count,
			     const void *data);
};

enum bus_space {
	BUS_PIO,
	BUS_MMIO,
	BUS_SPACES,
};

#define BUS_MAX_RANGES    128 /* per space; the machine's builder is told when it runs out */
#define BUS_MAX_STRANGERS 16 /* unclaimed addresses that are counted one by one */

struct bus_range {
	uint64_t base;
	uint64_t size;
	const char *name; /* for counters and traces; not owned */
	const struct io_ops *ops;
	void *dev;
	pthread_mutex_t *lock;  /* taken around each handler call; may be NULL */
	uint64_t reads, writes; /* relaxed atomic counters */
};

/* An address that no range claims, and how often the guest touched it. */
struct bus_stranger {
	uint32_t claimed; /* 0 or 1; a word, as riscv64 has no smaller atomics */
	uint64_t address;
	uint64_t count;
};

struct bus_map {
	struct bus_range ranges[BUS_MAX_RANGES]; /* sorted by base */
	unsigned nr_ranges;
	uint32_t sequence; /* odd while ranges[] changes */
	struct bus_stranger strangers[BUS_MAX_STRANGERS];
	uint64_t unclaimed;
};

struct bus {
	struct bus_map maps[BUS_SPACES];
	pthread_mutex_t change; /* one writer at a time */
};

void bus_init(struct bus *bus);
void bus_destroy(struct bus *bus);

/*
 * Claim [base, base + size) for a device. Refuses an empty range, one that
 * wraps or leaves the space (64 KiB of ports), and one that overlaps another.
 * `range->reads` and `writes` are ignored; the struct is copied. Any thread.
 */
int bus_add(struct bus *bus, enum bus_space space, const struct bus_range *range,
	    struct err *err);

/* Give a range back. Does nothing if no range begins at `base`. Any thread. */
void bus_remove(struct bus *bus, enum bus_space space, uint64_t base);

/*
 * One access of the guest. `data` holds `size` bytes (1..8, any number: KVM may
 * hand out 3 when an access straddles a page). What nobody claims reads all
 * ones and swallows writes. Any thread; calls the handler with its lock held.
 */
void bus_access(struct bus *bus, enum bus_space space, uint64_t address, void *data,
		unsigned size, bool is_write);

/*
 * A string instruction of the guest: `nr` accesses of `size` bytes to one port, `data`
 * packed. The same as bus_access() for each, but faster where the chip can do it at once.
 */
void bus_access_string(struct bus *bus, uint64_t port, void *data, unsigned size,
		       unsigned nr, bool is_write);

/* The name of the range that holds `address`, or "unclaimed". For traces. */
const char *bus_name(struct bus *bus, enum bus_space space, uint64_t address);

/* Print the counters of each range that was touched, and the strangers. */
void bus_print_stats(struct bus *bus, FILE *out);

#endif
