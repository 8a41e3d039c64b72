/* SPDX-License-Identifier: BSD-2-Clause */
/* Port 0xcf9, and what must not happen at its neighbours. */
#include "chip.h"

#include "dev/reset_control.h"

static void count(void *opaque)
{
	unsigned *resets = opaque;

	(*resets)++;
}

static uint8_t in(struct reset_control *rc)
{
	return chip_in(&reset_control_io, rc, RESET_CONTROL_OFFSET);
}

static void out(struct reset_control *rc, unsigned value)
{
	chip_out(&reset_control_io, rc, RESET_CONTROL_OFFSET, value);
}

static void test_linux_reboot(void **state)
{
	struct reset_control rc;
	unsigned resets = 0;

	(void)state;
	reset_control_init(&rc, count, &resets);
	assert_int_equal(in(&rc), 0);
	out(&rc, in(&rc) | RESET_CONTROL_HARD); /* what kind */
	assert_int_equal(resets, 0);
	assert_int_equal(in(&rc), RESET_CONTROL_HARD);
	out(&rc, in(&rc) | RESET_CONTROL_HARD | RESET_CONTROL_CPU);
	assert_int_equal(resets, 1);
}

/* 4 is a soft reset, 6 a hard one, 0xe a power cycle: all of them start anew. */
static void test_kinds_of_reset(void **state)
{
	struct reset_control rc;
	unsigned resets = 0;

	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		reset_control_init(&rc, count, &resets);
		resets = 0;
		out(&rc, value);
		assert_int_equal(resets, !!(value & 4));
		assert_int_equal(in(&rc), value & 0x0e);
	}
}

static void test_rising_edge_only(void **state)
{
	struct reset_control rc;
	unsigned resets = 0;

	(void)state;
	reset_control_init(&rc, count, &resets);
	out(&rc, 6);
	out(&rc, 6);
	assert_int_equal(resets, 1);
	out(&rc, 2);
	out(&rc, 6);
	assert_int_equal(resets, 2);
	reset_control_reset(&rc);
	assert_int_equal(in(&rc), 0);
	out(&rc, 6);
	assert_int_equal(resets, 3);
}

/* A scan of PCI writes addresses to 0xcf8 whose second byte has bit 2 set. */
static void test_pci_address_is_no_reset(void **state)
{
	struct reset_control rc;
	unsigned resets = 0;

	(void)state;
	reset_control_init(&rc, count, &resets);
	for (unsigned offset = 0; offset < RESET_CONTROL_NR_PORTS; offset++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			uint64_t ones = size == 4 ? UINT32_MAX : (1u << 8 * size) - 1;

			if (offset == RESET_CONTROL_OFFSET && size == 1)
				continue;
			reset_control_io.write(&rc, offset, size, ones);
			assert_int_equal(reset_control_io.read(&rc, offset, size) & ones,
					 ones);
		}
	}
	assert_int_equal(resets, 0);
	assert_int_equal(in(&rc), 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct reset_control a, b;
	const uint8_t bad = 0x10;
	unsigned resets = 0;
	struct err err;

	(void)state;
	reset_control_init(&a, count, &resets);
	reset_control_init(&b, count, &resets);
	out(&a, RESET_CONTROL_HARD | RESET_CONTROL_FULL);
	assert_int_equal(reset_control_save(&a, &writer, "chip", &err), 0);
	assert_int_equal(reset_control_load(&b, chip_image(&writer), "chip", &err), 0);
	assert_int_equal(in(&b), RESET_CONTROL_HARD | RESET_CONTROL_FULL);
	chip_section(&writer, "control", &bad, 1);
	assert_int_equal(reset_control_load(&b, chip_image(&writer), "chip", &err), -1);
	assert_int_equal(in(&b), RESET_CONTROL_HARD | RESET_CONTROL_FULL);
	assert_int_equal(resets, 0);
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linux_reboot),
		cmocka_unit_test(test_kinds_of_reset),
		cmocka_unit_test(test_rising_edge_only),
		cmocka_unit_test(test_pci_address_is_no_reset),
		cmocka_unit_test(test_save_and_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
