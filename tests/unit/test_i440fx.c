/* SPDX-License-Identifier: BSD-2-Clause */
/* The host bridge with PAM, on a bus as firmware finds it. */
#include <stdlib.h>

#include "pci_test.h"

#include "dev/i440fx.h"

#define PAM0 0x59u

/* What the bridge told of its segments. */
struct routes {
	unsigned route[I440FX_SEGMENTS];
	unsigned told; /* calls */
};

struct rig {
	struct test_bus t;
	struct i440fx bridge;
	struct routes routes;
};

static void set_route(void *opaque, unsigned segment, unsigned route)
{
	struct routes *routes = opaque;

	assert_true(segment < I440FX_SEGMENTS && route < 4);
	assert_int_not_equal(routes->route[segment], route);
	routes->route[segment] = route;
	routes->told++;
}

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = { "" };

	test_bus_make(&rig->t, true);
	i440fx_init(&rig->bridge, set_route, &rig->routes);
	assert_int_equal(pci_bus_plug_at(&rig->t.pci, &rig->bridge.function, 0, 0, &err),
			 0);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	test_bus_destroy(&rig->t);
	free(rig);
	return 0;
}

/* Firmware asks for it by these numbers. */
static void test_identity(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(config_in(&rig->t, 0, 0, 0x00, 4), 0x12378086);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x08, 4) >> 8, 0x060000);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x2c, 4), 0x11001af4);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x0e, 1), 0);
}

static void test_segments(void **state)
{
	uint32_t end = 0xc0000;

	(void)state;
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
		assert_int_equal(i440fx_segment_base(i), end);
		end += i440fx_segment_size(i);
	}
	assert_int_equal(end, 0x100000);
	assert_int_equal(i440fx_segment_base(12), 0xf0000);
}

/* Where each register's halves are (82441FX, table 7). */
static void test_which_half_is_which_segment(void **state)
{
	static const struct {
		uint32_t low, high;
	} halves[7] = {
		{ 0, 0xf0000 },       { 0xc0000, 0xc4000 }, { 0xc8000, 0xcc000 },
		{ 0xd0000, 0xd4000 }, { 0xd8000, 0xdc000 }, { 0xe0000, 0xe4000 },
		{ 0xe8000, 0xec000 },
	};
	struct rig *rig = *state;

	for (unsigned reg = 0; reg < 7; reg++) {
		config_out(&rig->t, 0, 0, PAM0 + reg, 1, 0x21);
		for (unsigned i = 0; i < I440FX_SEGMENTS; i++) {
			const uint32_t base = i440fx_segment_base(i);
			const unsigned route = base == halves[reg].high  ? 2
					       : base == halves[reg].low ? 1
									 : 0;

			assert_int_equal(rig->routes.route[i], route);
		}
		config_out(&rig->t, 0, 0, PAM0 + reg, 1, 0);
	}
}

static void test_all_states(void **state)
{
	struct rig *rig = *state;

	for (unsigned value = 0; value < 256; value++) {
		config_out(&rig->t, 0, 0, PAM0 + 6, 1, value);
		assert_int_equal(config_in(&rig->t, 0, 0, PAM0 + 6, 1), value & 0x77);
		assert_int_equal(rig->routes.route[10], value & 3);
		assert_int_equal(rig->routes.route[11], value >> 4 & 3);
	}
	config_out(&rig->t, 0, 0, PAM0, 1, 0xff);
	assert_int_equal(config_in(&rig->t, 0, 0, PAM0, 1), 0x70);
	assert_int_equal(rig->routes.route[12], 3);
}

/* What changes nothing costs nothing: no slot of KVM is touched. */
static void test_the_same_again(void **state)
{
	struct rig *rig = *state;

	config_out(&rig->t, 0, 0, PAM0 + 1, 1, 0x33);
	assert_int_equal(rig->routes.told, 2);
	config_out(&rig->t, 0, 0, PAM0 + 1, 1, 0x33);
	config_out(&rig->t, 0, 0, PAM0 + 1, 1, 0x77); /* only the cache bits are others */
	config_out(&rig->t, 0, 0, PAM0 - 1, 1, 0xff);
	config_out(&rig->t, 0, 0, PAM0 + 7, 1, 0xff);
	assert_int_equal(rig->routes.told, 2);
}

static void test_wide_accesses(void **state)
{
	struct rig *rig = *state;

	config_out(&rig->t, 0, 0, 0x58, 4, 0x33333333);
	config_out(&rig->t, 0, 0, 0x5c, 4, 0x33333333);
	assert_int_equal(rig->routes.told, I440FX_SEGMENTS);
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++)
		assert_int_equal(rig->routes.route[i], 3);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x58, 4), 0x33333000);
}

static void test_reset(void **state)
{
	struct rig *rig = *state;

	config_out(&rig->t, 0, 0, 0x5c, 4, 0x33333333);
	pci_bus_reset(&rig->t.pci);
	i440fx_reset(&rig->bridge);
	for (unsigned i = 0; i < I440FX_SEGMENTS; i++)
		assert_int_equal(rig->routes.route[i], 0);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x5c, 4), 0);
}

static void test_saved_state(void **state)
{
	struct rig *rig = *state;
	struct state_writer writer = { 0 };
	struct err err = { "" };

	config_out(&rig->t, 0, 0, 0x5c, 4, 0x31323330);
	assert_int_equal(i440fx_save(&rig->bridge, &writer, &err), 0);
	config_out(&rig->t, 0, 0, 0x5c, 4, 0);
	assert_int_equal(i440fx_load(&rig->bridge, chip_image(&writer), &err), 0);
	assert_int_equal(config_in(&rig->t, 0, 0, 0x5c, 4), 0x31323330);
	assert_int_equal(rig->routes.route[6], 3);
	assert_int_equal(rig->routes.route[8], 2);
	assert_int_equal(rig->routes.route[10], 1);

	/* Of another machine: nothing changes. */
	writer.data[0] ^= 1;
	config_out(&rig->t, 0, 0, 0x5c, 4, 0);
	assert_int_equal(i440fx_load(&rig->bridge, chip_image(&writer), &err), -1);
	assert_int_equal(rig->routes.route[6], 0);
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test(test_segments),
		cmocka_unit_test_setup_teardown(test_which_half_is_which_segment, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_all_states, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_same_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wide_accesses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_saved_state, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
