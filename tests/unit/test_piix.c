/* SPDX-License-Identifier: BSD-2-Clause */
/* The ISA bridge's interrupt routing, and what firmware reads of power management. */
#include <stdlib.h>

#include "pci_test.h"

#include "dev/piix.h"

#define PIRQRCA 0x60u
#define OFF     0x80u

struct rig {
	struct test_bus t;
	struct piix_isa isa;
	struct piix_pm pm;
	struct chip_irq irqs[PIIX_ISA_IRQS];
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct irq_line irqs[PIIX_ISA_IRQS];
	struct err err = { "" };

	test_bus_make(&rig->t, true);
	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++)
		irqs[i] = chip_irq_line(&rig->irqs[i]);
	piix_isa_init(&rig->isa, irqs);
	piix_pm_init(&rig->pm, 0x600);
	assert_int_equal(pci_bus_plug_at(&rig->t.pci, &rig->isa.function, 1, 0, &err), 0);
	assert_int_equal(pci_bus_plug_at(&rig->t.pci, &rig->pm.function, 1, 3, &err), 0);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++)
		assert_int_equal(rig->irqs[i].redundant, 0);
	piix_isa_destroy(&rig->isa);
	test_bus_destroy(&rig->t);
	free(rig);
	return 0;
}

static void route(struct rig *rig, unsigned pirq, unsigned value)
{
	config_out(&rig->t, 1, 0, PIRQRCA + pirq, 1, value);
}

/* The ISA interrupts that are high. */
static unsigned levels(const struct rig *rig)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < PIIX_ISA_IRQS; i++)
		bits |= (unsigned)rig->irqs[i].level << i;
	return bits;
}

static void test_identity(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(config_in(&rig->t, 1, 0, 0x00, 4), 0x70008086);
	assert_int_equal(config_in(&rig->t, 1, 0, 0x08, 4) >> 8, 0x060100);
	assert_int_equal(config_in(&rig->t, 1, 0, 0x0e, 1), 0x80); /* many functions */
	assert_int_equal(config_in(&rig->t, 1, 3, 0x00, 4), 0x71138086);
	assert_int_equal(config_in(&rig->t, 1, 3, 0x08, 4) >> 8, 0x068000);
}

static void test_nothing_is_routed_at_first(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(config_in(&rig->t, 1, 0, PIRQRCA, 4), 0x80808080);
	for (unsigned i = 0; i < PIIX_PIRQS; i++)
		piix_set_pirq(&rig->isa, i, true);
	assert_int_equal(levels(rig), 0);
}

static void test_every_route(void **state)
{
	struct rig *rig = *state;

	for (unsigned pirq = 0; pirq < PIIX_PIRQS; pirq++) {
		piix_set_pirq(&rig->isa, pirq, true);
		for (unsigned value = 0; value < 256; value++) {
			const unsigned irq = value & 15;
			/* 0, 1, 2, 8 and 13 are the board's own (82371SB, 2.3.8). */
			const bool can = irq >= 3 && irq != 8 && irq != 13;

			route(rig, pirq, value);
			assert_int_equal(config_in(&rig->t, 1, 0, PIRQRCA + pirq, 1),
					 value & 0x8f);
			assert_int_equal(levels(rig),
					 can && !(value & OFF) ? 1u << irq : 0);
		}
		piix_set_pirq(&rig->isa, pirq, false);
		assert_int_equal(levels(rig), 0);
		route(rig, pirq, OFF);
	}
}

/* Two share an ISA interrupt: it is high while either is pulled. */
static void test_sharing(void **state)
{
	struct rig *rig = *state;

	config_out(&rig->t, 1, 0, PIRQRCA, 4, 0x0b0b0a0a);
	piix_set_pirq(&rig->isa, 0, true);
	piix_set_pirq(&rig->isa, 1, true);
	piix_set_pirq(&rig->isa, 2, true);
	assert_int_equal(levels(rig), 1u << 10 | 1u << 11);
	piix_set_pirq(&rig->isa, 0, false);
	assert_int_equal(levels(rig), 1u << 10 | 1u << 11);
	piix_set_pirq(&rig->isa, 1, false);
	assert_int_equal(levels(rig), 1u << 11);
	piix_set_pirq(&rig->isa, 2, false);
	assert_int_equal(levels(rig), 0);
	assert_int_equal(rig->irqs[10].raised, 1);
}

static void test_a_new_route_while_pulled(void **state)
{
	struct rig *rig = *state;

	route(rig, 3, 5);
	piix_set_pirq(&rig->isa, 3, true);
	assert_int_equal(levels(rig), 1u << 5);
	route(rig, 3, 7);
	assert_int_equal(levels(rig), 1u << 7);
	route(rig, 3, OFF | 7);
	assert_int_equal(levels(rig), 0);
}

static void test_reset(void **state)
{
	struct rig *rig = *state;

	route(rig, 0, 10);
	piix_set_pirq(&rig->isa, 0, true);
	pci_bus_reset(&rig->t.pci);
	piix_isa_reset(&rig->isa);
	assert_int_equal(config_in(&rig->t, 1, 0, PIRQRCA, 4), 0x80808080);
	assert_int_equal(levels(rig), 0);
}

static void test_saved_state(void **state)
{
	struct rig *rig = *state;
	struct state_writer writer = { 0 };
	struct err err = { "" };

	config_out(&rig->t, 1, 0, PIRQRCA, 4, 0x80090b8a);
	piix_set_pirq(&rig->isa, 1, true);
	assert_int_equal(piix_isa_save(&rig->isa, &writer, &err), 0);
	config_out(&rig->t, 1, 0, PIRQRCA, 4, 0x80808080);
	assert_int_equal(levels(rig), 0);
	assert_int_equal(piix_isa_load(&rig->isa, chip_image(&writer), &err), 0);
	assert_int_equal(config_in(&rig->t, 1, 0, PIRQRCA, 4), 0x80090b8a);
	assert_int_equal(levels(rig), 1u << 11);
	state_writer_free(&writer);
}

/* Firmware writes where it wants the ports, which is where they are. */
static void test_power_management(void **state)
{
	struct rig *rig = *state;

	config_out(&rig->t, 1, 3, 0x40, 4, 0xffffffff);
	assert_int_equal(config_in(&rig->t, 1, 3, 0x40, 4), 0x601);
	config_out(&rig->t, 1, 3, 0x80, 1, 0xff);
	assert_int_equal(config_in(&rig->t, 1, 3, 0x80, 1), 1);
	/* SMIs look set up, so nobody sets them up. */
	config_out(&rig->t, 1, 3, 0x58, 4, 0);
	assert_int_equal(config_in(&rig->t, 1, 3, 0x58, 4), 0x02000000);
	assert_int_equal(config_in(&rig->t, 1, 3, 0x3d, 1), 4); /* function 3: INTD# */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_routed_at_first, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_every_route, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sharing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_new_route_while_pulled, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_saved_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_power_management, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
