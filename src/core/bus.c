/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bus: from an address of the guest to the register function of a device.
 *
 * Each space (ports, memory) is a small table of ranges sorted by base, searched
 * by halves. vCPUs look up all the time and ranges hardly ever change, so a
 * look-up takes no lock: a writer makes `sequence` odd, changes the table and
 * makes it even again; a reader that saw an odd or a changed number tries
 * again. Readers copy the few words that they need. The devices behind the
 * ranges live as long as the VM, so a reader that lost the race by a hair still
 * calls something that exists, as on a real bus.
 *
 * An access that lies in one range and is not wider than the device takes goes
 * through in one call. Anything else is cut into bytes, each dispatched on its
 * own: so a word write to 0x70 reaches the RTC's index and data ports, and an
 * access across two chips reaches both, as on an ISA bus.
 *
 * What nobody claims reads all ones. It is counted, and the first few distinct
 * addresses are counted one by one, because a kernel that polls a chip that is
 * not there is worth knowing about.
 */
#include <inttypes.h>
#include <string.h>

#include "core/bus.h"
#include "util/bytes.h"

#define PIO_SPACE_SIZE 0x10000ull

/* What a look-up takes out of the table. */
struct target {
	const struct io_ops *ops;
	void *dev;
	pthread_mutex_t *lock;
	const char *name;
	uint64_t base, size;
	unsigned index;
	bool found;
};

void bus_init(struct bus *bus)
{
	memset(bus, 0, sizeof(*bus));
	pthread_mutex_init(&bus->change, NULL);
}

void bus_destroy(struct bus *bus)
{
	pthread_mutex_destroy(&bus->change);
}

/* Index of the first range whose end lies above `address`. */
static unsigned lower_bound(const struct bus_map *map, uint64_t address)
{
	unsigned low = 0, high = __atomic_load_n(&map->nr_ranges, __ATOMIC_RELAXED);

	while (low < high) {
		unsigned middle = (low + high) / 2;
		const struct bus_range *range = &map->ranges[middle];

		/* size - 1, because base + size may be 2^64. */
		if (range->base + (range->size - 1) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void begin_change(struct bus_map *map)
{
	__atomic_store_n(&map->sequence, map->sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end_change(struct bus_map *map)
{
	__atomic_store_n(&map->sequence, map->sequence + 1, __ATOMIC_RELEASE);
}

static void copy_target(const struct bus_map *map, uint64_t address,
			struct target *target)
{
	unsigned i = lower_bound(map, address);
	const struct bus_range *range = &map->ranges[i];

	target->found = i < map->nr_ranges && address >= range->base;
	if (!target->found)
		return;
	target->ops = range->ops;
	target->dev = range->dev;
	target->lock = range->lock;
	target->name = range->name;
	target->base = range->base;
	target->size = range->size;
	target->index = i;
}

static struct target look_up(const struct bus_map *map, uint64_t address)
{
	struct target target = { 0 };
	uint32_t before, after;

	do {
		before = __atomic_load_n(&map->sequence, __ATOMIC_ACQUIRE);
		copy_target(map, address, &target);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&map->sequence, __ATOMIC_RELAXED);
	} while (before != after || (before & 1));
	return target;
}

static int insert(struct bus_map *map, const struct bus_range *range, struct err *err)
{
	unsigned i = lower_bound(map, range->base);

	if (map->nr_ranges == BUS_MAX_RANGES)
		return err_set(err, "bus: no room for %s: %d ranges are in use",
			       range->name, BUS_MAX_RANGES);
	if (i < map->nr_ranges && map->ranges[i].base <= range->base + (range->size - 1))
		return err_set(err, "bus: %s at 0x%" PRIx64 " overlaps %s at 0x%" PRIx64,
			       range->name, range->base, map->ranges[i].name,
			       map->ranges[i].base);
	begin_change(map);
	memmove(&map->ranges[i + 1], &map->ranges[i],
		(map->nr_ranges - i) * sizeof(map->ranges[0]));
	map->ranges[i] = *range;
	map->ranges[i].reads = map->ranges[i].writes = 0;
	map->nr_ranges++;
	end_change(map);
	return 0;
}

int bus_add(struct bus *bus, enum bus_space space, const struct bus_range *range,
	    struct err *err)
{
	int r;

	if (!range->size || range->base + (range->size - 1) < range->base)
		return err_set(err, "bus: %s at 0x%" PRIx64 ": empty or wrapping range",
			       range->name, range->base);
	if (space == BUS_PIO && !range_within(range->base, range->size, PIO_SPACE_SIZE))
		return err_set(err, "bus: %s at 0x%" PRIx64 " leaves the 64 KiB of ports",
			       range->name, range->base);
	pthread_mutex_lock(&bus->change);
	r = insert(&bus->maps[space], range, err);
	pthread_mutex_unlock(&bus->change);
	return r;
}

void bus_remove(struct bus *bus, enum bus_space space, uint64_t base)
{
	struct bus_map *map = &bus->maps[space];
	unsigned i;

	pthread_mutex_lock(&bus->change);
	i = lower_bound(map, base);
	if (i < map->nr_ranges && map->ranges[i].base == base) {
		begin_change(map);
		map->nr_ranges--;
		memmove(&map->ranges[i], &map->ranges[i + 1],
			(map->nr_ranges - i) * sizeof(map->ranges[0]));
		end_change(map);
	}
	pthread_mutex_unlock(&bus->change);
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/*
 * Count an access that nobody claims. The table of strangers is filled from the
 * front: whoever claims an entry writes its address, which never changes then.
 * A vCPU that looks in between takes it for a stranger's and goes on, so that at
 * worst an address is listed twice.
 */
static void count_stranger(struct bus_map *map, uint64_t address)
{
	count(&map->unclaimed);
	for (unsigned i = 0; i < BUS_MAX_STRANGERS; i++) {
		struct bus_stranger *stranger = &map->strangers[i];
		uint32_t unclaimed = 0;

		if (__atomic_compare_exchange_n(&stranger->claimed, &unclaimed, 1, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			__atomic_store_n(&stranger->address, address, __ATOMIC_RELAXED);
		else if (__atomic_load_n(&stranger->address, __ATOMIC_RELAXED) != address)
			continue;
		count(&stranger->count);
		return;
	}
}

static void call_handler(const struct target *target, uint64_t offset, void *data,
			 unsigned size, bool is_write)
{
	uint64_t value = 0;

	if (is_write)
		memcpy(&value, data, size);
	if (target->lock)
		pthread_mutex_lock(target->lock);
	if (is_write)
		target->ops->write(target->dev, offset, size, value);
	else
		value = target->ops->read(target->dev, offset, size);
	if (target->lock)
		pthread_mutex_unlock(target->lock);
	if (!is_write)
		memcpy(data, &value, size);
}

static bool is_power_of_two(unsigned n)
{
	return n && !(n & (n - 1));
}

/* Try the access as a whole. false if it has to be cut into bytes. */
static bool access_once(struct bus_map *map, uint64_t address, void *data, unsigned size,
			bool is_write)
{
	struct target target = look_up(map, address);
	struct bus_range *range;

	if (!target.found) {
		if (size > 1)
			return false;
		count_stranger(map, address);
		if (!is_write)
			memset(data, 0xff, 1);
		return true;
	}
	if (!range_within(address - target.base, size, target.size) ||
	    size > target.ops->max_size || !is_power_of_two(size))
		return false;
	/* The table may have shifted since: then a neighbour's count is one too high. */
	range = &map->ranges[target.index];
	count(is_write ? &range->writes : &range->reads);
	call_handler(&target, address - target.base, data, size, is_write);
	return true;
}

/* Nothing of [address, address + size) is claimed. */
static bool all_unclaimed(const struct bus_map *map, uint64_t address, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		if (look_up(map, address + i).found)
			return false;
	}
	return true;
}

void bus_access(struct bus *bus, enum bus_space space, uint64_t address, void *data,
		unsigned size, bool is_write)
{
	struct bus_map *map = &bus->maps[space];
	uint8_t *bytes = data;

	if (access_once(map, address, data, size, is_write))
		return;
	if (all_unclaimed(map, address, size)) {
		count_stranger(map, address);
		if (!is_write)
			memset(data, 0xff, size);
		return;
	}
	for (unsigned i = 0; i < size; i++) {
		uint64_t at = address + i;

		if (space == BUS_PIO)
			at %= PIO_SPACE_SIZE;
		(void)access_once(map, at, &bytes[i], 1, is_write);
	}
}

/* Hand all of them to the chip. false: it takes them one by one. */
static bool call_string_handler(struct bus_map *map, uint64_t port, void *data,
				unsigned size, unsigned nr, bool is_write)
{
	const struct target target = look_up(map, port);
	struct bus_range *range;

	if (!target.found || !range_within(port - target.base, size, target.size) ||
	    size > target.ops->max_size || !is_power_of_two(size) ||
	    !(is_write ? target.ops->write_string != NULL
		       : target.ops->read_string != NULL))
		return false;
	range = &map->ranges[target.index];
	__atomic_fetch_add(is_write ? &range->writes : &range->reads, nr,
			   __ATOMIC_RELAXED);
	if (target.lock)
		pthread_mutex_lock(target.lock);
	if (is_write)
		target.ops->write_string(target.dev, port - target.base, size, nr, data);
	else
		target.ops->read_string(target.dev, port - target.base, size, nr, data);
	if (target.lock)
		pthread_mutex_unlock(target.lock);
	return true;
}

void bus_access_string(struct bus *bus, uint64_t port, void *data, unsigned size,
		       unsigned nr, bool is_write)
{
	if (nr > 1 &&
	    call_string_handler(&bus->maps[BUS_PIO], port, data, size, nr, is_write))
		return;
	for (unsigned i = 0; i < nr; i++)
		bus_access(bus, BUS_PIO, port, (uint8_t *)data + (size_t)i * size, size,
			   is_write);
}

const char *bus_name(struct bus *bus, enum bus_space space, uint64_t address)
{
	struct target target = look_up(&bus->maps[space], address);

	return target.found ? target.name : "unclaimed";
}

static void print_map(const struct bus_map *map, const char *space, FILE *out)
{
	for (unsigned i = 0; i < map->nr_ranges; i++) {
		const struct bus_range *range = &map->ranges[i];

		if (range->reads || range->writes)
			fprintf(out,
				"  %-4s %-18s 0x%-8" PRIx64 " reads %-8" PRIu64
				" writes %" PRIu64 "\n",
				space, range->name, range->base, range->reads,
				range->writes);
	}
	if (map->unclaimed)
		fprintf(out, "  %-4s %-18s %10s accesses %" PRIu64 "\n", space,
			"unclaimed", "", map->unclaimed);
	for (unsigned i = 0; i < BUS_MAX_STRANGERS && map->strangers[i].count; i++)
		fprintf(out,
			"  %-4s   unclaimed        0x%-8" PRIx64 " accesses %" PRIu64
			"\n",
			space, map->strangers[i].address, map->strangers[i].count);
}

void bus_print_stats(struct bus *bus, FILE *out)
{
	print_map(&bus->maps[BUS_PIO], "port", out);
	print_map(&bus->maps[BUS_MMIO], "mmio", out);
}
