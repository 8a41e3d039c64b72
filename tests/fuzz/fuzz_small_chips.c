/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chips with one register: any sequence of accesses to any of them, and any
 * saved state of those that have one.
 */
#include "chip.h"

#include "dev/debug_console.h"
#include "dev/debug_exit.h"
#include "dev/milestone.h"
#include "dev/port92.h"
#include "dev/post_code.h"
#include "dev/reset_control.h"
#include "dev/sifive_test.h"

struct bench {
	struct port92 port92;
	struct reset_control reset_control;
	struct post_code post_code;
	struct debug_console debug_console;
	struct debug_exit debug_exit;
	struct milestone milestone;
	struct sifive_test sifive_test;
	unsigned calls;
};

static void called(void *opaque)
{
	struct bench *bench = opaque;

	bench->calls++;
}

static void called_with_byte(void *opaque, uint8_t byte)
{
	(void)byte;
	called(opaque);
}

static void called_with_value(void *opaque, uint32_t value)
{
	(void)value;
	called(opaque);
}

static void finished(void *opaque, enum sifive_test_finish how, uint16_t code)
{
	FUZZ_CHECK(how == SIFIVE_TEST_PASS || how == SIFIVE_TEST_FAIL ||
		   how == SIFIVE_TEST_RESET);
	FUZZ_CHECK(!code || how == SIFIVE_TEST_FAIL);
	called(opaque);
}

static void reload(struct fuzz_input *input, struct bench *b, unsigned which)
{
	struct state_writer w = { 0 };
	struct bytes image;
	struct err err;

	switch (which) {
	case 0:
		FUZZ_CHECK(port92_save(&b->port92, &w, "u", &err) == 0);
		break;
	case 1:
		FUZZ_CHECK(reset_control_save(&b->reset_control, &w, "u", &err) == 0);
		break;
	default:
		FUZZ_CHECK(post_code_save(&b->post_code, &w, "u", &err) == 0);
		break;
	}
	fuzz_damage(input, &w);
	image = (struct bytes){ w.data, w.size };
	switch (which) {
	case 0:
		(void)port92_load(&b->port92, image, "u", &err);
		break;
	case 1:
		(void)reset_control_load(&b->reset_control, image, "u", &err);
		break;
	default:
		(void)post_code_load(&b->post_code, image, "u", &err);
		break;
	}
	state_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bench b = { 0 };
	const struct {
		const struct io_ops *io;
		void *dev;
		unsigned nr_ports;
	} chips[] = {
		{ &port92_io, &b.port92, 1 },
		{ &reset_control_io, &b.reset_control, RESET_CONTROL_NR_PORTS },
		{ &post_code_io, &b.post_code, 1 },
		{ &debug_console_io, &b.debug_console, 1 },
		{ &debug_exit_io, &b.debug_exit, DEBUG_EXIT_NR_PORTS },
		{ &milestone_io, &b.milestone, MILESTONE_SIZE },
		{ &sifive_test_io, &b.sifive_test, SIFIVE_TEST_SIZE },
	};

	port92_init(&b.port92, called, &b);
	reset_control_init(&b.reset_control, called, &b);
	post_code_init(&b.post_code);
	debug_console_init(&b.debug_console, called_with_byte, &b);
	debug_exit_init(&b.debug_exit, called_with_value, &b);
	milestone_init(&b.milestone, called_with_byte, &b);
	sifive_test_init(&b.sifive_test, finished, &b);
	while (input.size) {
		unsigned op = (unsigned)fuzz_next(&input, 1);
		unsigned which = op % (sizeof(chips) / sizeof(chips[0]));

		if (op >> 5 == 0)
			reload(&input, &b, op % 3);
		else
			fuzz_access(&input, chips[which].io, chips[which].dev,
				    chips[which].nr_ports);
		/* Where no bit was written there is none, whatever happens. */
		FUZZ_CHECK(!(
			reset_control_io.read(&b.reset_control, RESET_CONTROL_OFFSET, 1) &
			0xf1));
	}
	return 0;
}
