/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control port of a command: whatever a guest says is a start, a stop, an end or
 * nothing, and what is printed of it prints.
 */
#include <stdio.h>

#include "chip.h"

#include "vmm/command.h"

struct events {
	struct command command;
	unsigned starts, stops, exits;
};

static void on_started(void *opaque)
{
	struct events *events = opaque;

	FUZZ_CHECK(++events->starts == 1 && !events->exits);
}

static void on_stopped(void *opaque)
{
	const struct events *events = opaque;

	FUZZ_CHECK(events->starts && !events->exits);
}

static void on_exited(void *opaque, uint8_t status)
{
	struct events *events = opaque;

	FUZZ_CHECK(++events->exits == 1 && status == events->command.status);
}

static const struct command_ops ops = { on_started, on_stopped, on_exited };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct events *events = calloc(1, sizeof(*events));
	char line[INIT_LINE_MAX];
	size_t n;

	FUZZ_CHECK(events);
	command_init(&events->command, false, &ops, events);
	/* Warnings are printed at once, and that is not to be seen here. */
	events->command.warnings = COMMAND_MAX_WARNINGS;
	command_hear(&events->command, data, size / 2);
	events->command.kernel_tap.output(&events->command, data, size);
	command_hear(&events->command, data + size / 2, size - size / 2);
	for (const char *c = events->command.error; *c; c++)
		FUZZ_CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
	command_resize(&events->command, (uint16_t)size, 1);
	command_signal(&events->command, size ? data[0] : 0);
	while ((n = command_say(&events->command, line, sizeof(line))))
		FUZZ_CHECK(n < sizeof(line) && line[n - 1] == '\n');
	free(events);
	return 0;
}
