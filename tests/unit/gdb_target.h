/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target for the gdb stub that is no VM: three CPUs with three registers each, 256 bytes
 * of memory at 0x1000, and a note of all that was asked of it.
 */
#ifndef TESTS_UNIT_GDB_TARGET_H
#define TESTS_UNIT_GDB_TARGET_H

#include <stdio.h>
#include <string.h>

#include "gdb/stub.h"

#define FAKE_CPUS   3u
#define FAKE_MEMORY 0x1000ull

struct fake_registers {
	uint32_t a;
	uint64_t b;
	uint8_t v[16];
};

struct fake_target {
	struct fake_registers cpus[FAKE_CPUS];
	uint8_t memory[256];
	uint8_t actions[FAKE_CPUS];
	char calls[512]; /* what was called, a word each */
	bool refuses;    /* all that can be refused */
	unsigned breaks;
};

static const struct debug_register fake_low[] = {
	{ "a", "int32", 32, offsetof(struct fake_registers, a), 4, 0 },
	{ "b", "int64", 64, offsetof(struct fake_registers, b), 8, 0 },
};
static const struct debug_register fake_high[] = {
	{ "v", "uint128", 128, offsetof(struct fake_registers, v), 16, 0 },
};
static const struct debug_layout fake_layout = {
	.architecture = "fake",
	.features = { { "low", NULL, fake_low, 2, false },
		      { "high", "<flags id=\"f\" size=\"4\"/>", fake_high, 1, true } },
	.nr_features = 2,
};

static inline void fake_note(struct fake_target *fake, const char *call)
{
	const size_t used = strlen(fake->calls);

	snprintf(fake->calls + used, sizeof(fake->calls) - used, "%s ", call);
}

static inline bool fake_stop(void *opaque, unsigned *cpu)
{
	fake_note(opaque, "stop");
	*cpu = 1;
	return !((struct fake_target *)opaque)->refuses;
}

static inline void fake_interrupt(void *opaque)
{
	fake_note(opaque, "interrupt");
}

static inline bool fake_resume(void *opaque, const uint8_t *actions)
{
	struct fake_target *fake = opaque;

	fake_note(fake, "resume");
	memcpy(fake->actions, actions, FAKE_CPUS);
	return !fake->refuses;
}

static inline void fake_detach(void *opaque)
{
	fake_note(opaque, "detach");
}

static inline void fake_kill(void *opaque)
{
	fake_note(opaque, "kill");
}

static inline unsigned fake_nr_cpus(void *opaque)
{
	(void)opaque;
	return FAKE_CPUS;
}

static inline const struct debug_layout *fake_get_layout(void *opaque, unsigned cpu)
{
	(void)opaque;
	(void)cpu;
	return &fake_layout;
}

static inline void fake_describe(void *opaque, unsigned cpu, char *to, size_t size)
{
	(void)opaque;
	snprintf(to, size, "mode %u", cpu);
}

static inline void fake_get(void *opaque, unsigned cpu, const struct debug_register *r,
			    uint8_t to[DEBUG_REGISTER_BYTES])
{
	const struct fake_target *fake = opaque;

	memcpy(to, (const uint8_t *)&fake->cpus[cpu] + r->offset, r->size);
}

static inline void fake_set(void *opaque, unsigned cpu, const struct debug_register *r,
			    const uint8_t from[DEBUG_REGISTER_BYTES])
{
	struct fake_target *fake = opaque;

	memcpy((uint8_t *)&fake->cpus[cpu] + r->offset, from, r->size);
}

static inline bool fake_store(void *opaque, unsigned cpu)
{
	(void)cpu;
	fake_note(opaque, "store");
	return !((struct fake_target *)opaque)->refuses;
}

static inline size_t fake_read(void *opaque, unsigned cpu, uint64_t address, void *to,
			       size_t size)
{
	const struct fake_target *fake = opaque;
	const uint64_t offset = address - FAKE_MEMORY;

	(void)cpu;
	if (offset >= sizeof(fake->memory))
		return 0;
	if (size > sizeof(fake->memory) - offset)
		size = sizeof(fake->memory) - offset;
	memcpy(to, fake->memory + offset, size);
	return size;
}

static inline bool fake_write(void *opaque, unsigned cpu, uint64_t address,
			      const void *from, size_t size)
{
	struct fake_target *fake = opaque;
	const uint64_t offset = address - FAKE_MEMORY;

	(void)cpu;
	if (offset >= sizeof(fake->memory) || size > sizeof(fake->memory) - offset)
		return false;
	memcpy(fake->memory + offset, from, size);
	return true;
}

static inline bool fake_insert(void *opaque, unsigned cpu, enum debug_kind kind,
			       uint64_t address, uint64_t length)
{
	struct fake_target *fake = opaque;
	char text[64];

	(void)cpu;
	snprintf(text, sizeof(text), "insert:%u:%llx:%llx", (unsigned)kind,
		 (unsigned long long)address, (unsigned long long)length);
	fake_note(fake, text);
	fake->breaks++;
	return !fake->refuses;
}

static inline bool fake_remove(void *opaque, enum debug_kind kind, uint64_t address,
			       uint64_t length)
{
	struct fake_target *fake = opaque;

	(void)kind;
	(void)address;
	(void)length;
	fake_note(fake, "remove");
	return !fake->refuses;
}

static inline void fake_monitor(void *opaque, unsigned cpu, const char *command,
				const struct gdb_printer *printer)
{
	(void)opaque;
	(void)cpu;
	printer->print(printer->opaque, "you said ", 9);
	printer->print(printer->opaque, command, strlen(command));
}

static const struct gdb_target_ops fake_ops = {
	.stop = fake_stop,
	.interrupt = fake_interrupt,
	.resume = fake_resume,
	.detach = fake_detach,
	.kill = fake_kill,
	.nr_cpus = fake_nr_cpus,
	.layout = fake_get_layout,
	.describe = fake_describe,
	.get_register = fake_get,
	.set_register = fake_set,
	.store_registers = fake_store,
	.read_memory = fake_read,
	.write_memory = fake_write,
	.insert = fake_insert,
	.remove = fake_remove,
	.monitor = fake_monitor,
};

#endif
