/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The small chips of the machine with a device tree: a real-time clock, of the kind that
 * the ISA's kernels have a driver for; a GPIO with the power button; the register for
 * milestones; and SiFive's test device, by which a guest ends with a status (--debug-exit).
 *
 * They share a mutex: each is touched a few times in a boot. Where dt_layout names no
 * address there is no such chip.
 */
#include <stdlib.h>

#include "arch/dt_chips.h"
#include "dev/goldfish_rtc.h"
#include "dev/milestone.h"
#include "dev/pl031.h"
#include "dev/pl061.h"
#include "dev/sifive_test.h"

#define BUTTON_LINE    3         /* of the GPIO, as on other machines of this kind */
#define BUTTON_HOLD_NS 100000000 /* longer than a driver's time to debounce */
#define KEY_POWER      116       /* linux/input-event-codes.h */

struct dt_chips {
	pthread_mutex_t lock; /* guards all of them */
	union {
		struct goldfish_rtc goldfish;
		struct pl031 pl031;
	} rtc; /* dt_layout.rtc_kind */
	struct loop_timer rtc_timer, button_timer;
	struct pl061 gpio;
	struct milestone milestone;
	struct sifive_test test;
	bool has_test;
};

static void rtc_arm(void *opaque, int64_t deadline_ns)
{
	struct vm *vm = opaque;

	if (deadline_ns != INT64_MAX)
		deadline_ns += loop_now() - machine_real_time(vm);
	loop_timer_arm(&vm->machine->chips->rtc_timer, deadline_ns);
}

static const struct goldfish_rtc_ops goldfish_ops = {
	.now = machine_real_time,
	.arm = rtc_arm,
};

static const struct pl031_ops pl031_ops = {
	.now = machine_real_time,
	.arm = rtc_arm,
};

static void rtc_tick(void *opaque)
{
	struct dt_chips *chips = opaque;

	pthread_mutex_lock(&chips->lock);
	if (dt_layout.rtc_kind == DT_RTC_PL031)
		pl031_tick(&chips->rtc.pl031);
	else
		goldfish_rtc_tick(&chips->rtc.goldfish);
	pthread_mutex_unlock(&chips->lock);
}

static void set_button(struct dt_chips *chips, bool level)
{
	pthread_mutex_lock(&chips->lock);
	pl061_set(&chips->gpio, BUTTON_LINE, level);
	pthread_mutex_unlock(&chips->lock);
}

static void release_button(void *opaque)
{
	set_button(opaque, false);
}

static void on_finish(void *opaque, enum sifive_test_finish how, uint16_t code)
{
	switch (how) {
	case SIFIVE_TEST_FAIL:
		machine_on_debug_exit(opaque, code);
		break;
	case SIFIVE_TEST_PASS:
		machine_on_power_off(opaque);
		break;
	case SIFIVE_TEST_RESET:
		machine_on_reset(opaque);
		break;
	}
}

static int add(struct vm *vm, uint64_t base, uint64_t size, const char *name,
	       const struct io_ops *ops, void *dev, struct err *err)
{
	const struct bus_range range = {
		.base = base,
		.size = size,
		.name = name,
		.ops = ops,
		.dev = dev,
		.lock = &vm->machine->chips->lock,
	};

	return bus_add(&vm->bus, BUS_MMIO, &range, err);
}

static int build_rtc(struct vm *vm, struct err *err)
{
	struct dt_chips *chips = vm->machine->chips;
	const struct irq_line irq = wires_connect(&vm->machine->common.wires, DT_IRQ_RTC);

	if (loop_timer_init(&chips->rtc_timer, vm->loop, rtc_tick, chips, err))
		return -1;
	if (dt_layout.rtc_kind == DT_RTC_PL031) {
		pl031_init(&chips->rtc.pl031, &pl031_ops, &irq, vm);
		return add(vm, dt_layout.rtc, PRIMECELL_SIZE, "pl031", &pl031_io,
			   &chips->rtc.pl031, err);
	}
	goldfish_rtc_init(&chips->rtc.goldfish, &goldfish_ops, &irq, vm);
	return add(vm, dt_layout.rtc, GOLDFISH_RTC_SIZE, "goldfish-rtc", &goldfish_rtc_io,
		   &chips->rtc.goldfish, err);
}

static int build_button(struct vm *vm, struct err *err)
{
	struct dt_chips *chips = vm->machine->chips;
	const struct irq_line irq =
		wires_connect(&vm->machine->common.wires, DT_IRQ_GPIO);

	pl061_init(&chips->gpio, &irq);
	if (loop_timer_init(&chips->button_timer, vm->loop, release_button, chips, err))
		return -1;
	return add(vm, dt_layout.gpio, PRIMECELL_SIZE, "pl061", &pl061_io, &chips->gpio,
		   err);
}

static int build_registers(struct vm *vm, struct err *err)
{
	struct dt_chips *chips = vm->machine->chips;

	milestone_init(&chips->milestone, machine_on_milestone, vm);
	if (add(vm, dt_layout.milestone, MILESTONE_SIZE, "milestone", &milestone_io,
		&chips->milestone, err))
		return -1;
	chips->has_test = vm->config->debug_exit;
	if (!chips->has_test)
		return 0;
	sifive_test_init(&chips->test, on_finish, vm);
	return add(vm, dt_layout.test, SIFIVE_TEST_SIZE, "sifive-test", &sifive_test_io,
		   &chips->test, err);
}

int dt_chips_build(struct vm *vm, struct err *err)
{
	struct dt_chips *chips = calloc(1, sizeof(*chips));

	if (!chips)
		return err_set(err, "no memory for the chips");
	vm->machine->chips = chips;
	chips->rtc_timer.source.fd = chips->button_timer.source.fd = -1;
	pthread_mutex_init(&chips->lock, NULL);
	if (build_rtc(vm, err) || build_registers(vm, err))
		return -1;
	return dt_layout.gpio ? build_button(vm, err) : 0;
}

void dt_chips_destroy(struct vm *vm)
{
	struct dt_chips *chips = vm->machine->chips;

	if (!chips)
		return;
	loop_timer_destroy(&chips->rtc_timer, vm->loop);
	loop_timer_destroy(&chips->button_timer, vm->loop);
	pthread_mutex_destroy(&chips->lock);
	free(chips);
	vm->machine->chips = NULL;
}

void dt_chips_reset(struct vm *vm)
{
	struct dt_chips *chips = vm->machine->chips;

	pthread_mutex_lock(&chips->lock);
	if (dt_layout.rtc_kind == DT_RTC_PL031)
		pl031_reset(&chips->rtc.pl031);
	else
		goldfish_rtc_reset(&chips->rtc.goldfish);
	if (dt_layout.gpio)
		pl061_reset(&chips->gpio);
	pthread_mutex_unlock(&chips->lock);
}

bool dt_chips_press_button(struct vm *vm)
{
	struct dt_chips *chips = vm->machine->chips;

	if (!dt_layout.gpio)
		return false;
	set_button(chips, true);
	loop_timer_arm(&chips->button_timer, loop_now() + BUTTON_HOLD_NS);
	return true;
}

static void put_rtc(struct fdt_writer *fdt, const struct vm *vm)
{
	fdt_node(fdt, "rtc@%llx", (unsigned long long)dt_layout.rtc);
	dt_fdt_reg(fdt, dt_layout.rtc, PRIMECELL_SIZE);
	dt_fdt_irq(fdt, vm, DT_IRQ_RTC);
	if (dt_layout.rtc_kind == DT_RTC_PL031)
		dt_fdt_primecell(fdt, "arm,pl031", NULL);
	else
		fdt_text(fdt, "compatible", "google,goldfish-rtc");
	fdt_node_end(fdt);
}

/* The GPIO, and what Linux's gpio-keys makes of its line. */
static void put_button(struct fdt_writer *fdt, const struct vm *vm)
{
	const uint32_t line[] = { DT_PHANDLE_GPIO, BUTTON_LINE, 0 };

	fdt_node(fdt, "gpio@%llx", (unsigned long long)dt_layout.gpio);
	dt_fdt_reg(fdt, dt_layout.gpio, PRIMECELL_SIZE);
	dt_fdt_irq(fdt, vm, DT_IRQ_GPIO);
	dt_fdt_primecell(fdt, "arm,pl061", NULL);
	fdt_u32(fdt, "#gpio-cells", 2);
	fdt_flag(fdt, "gpio-controller");
	fdt_flag(fdt, "interrupt-controller");
	fdt_u32(fdt, "#interrupt-cells", 2);
	fdt_u32(fdt, "#address-cells", 0);
	fdt_u32(fdt, "phandle", DT_PHANDLE_GPIO);
	fdt_node_end(fdt);

	fdt_node(fdt, "gpio-keys");
	fdt_text(fdt, "compatible", "gpio-keys");
	fdt_node(fdt, "power");
	fdt_text(fdt, "label", "Power Button");
	fdt_u32(fdt, "linux,code", KEY_POWER);
	fdt_cells(fdt, "gpios", line, 3);
	fdt_node_end(fdt);
	fdt_node_end(fdt);
}

static void put_registers(struct fdt_writer *fdt, const struct vm *vm)
{
	static const char *const test[] = { "sifive,test1", "sifive,test0" };

	fdt_node(fdt, "milestone@%llx", (unsigned long long)dt_layout.milestone);
	fdt_text(fdt, "compatible", "tane,milestone");
	dt_fdt_reg(fdt, dt_layout.milestone, MILESTONE_SIZE);
	fdt_node_end(fdt);
	if (!vm->machine->chips->has_test)
		return;
	fdt_node(fdt, "test@%llx", (unsigned long long)dt_layout.test);
	fdt_texts(fdt, "compatible", test, 2);
	dt_fdt_reg(fdt, dt_layout.test, SIFIVE_TEST_SIZE);
	fdt_node_end(fdt);
}

void dt_chips_fdt(struct fdt_writer *fdt, const struct vm *vm)
{
	put_rtc(fdt, vm);
	put_registers(fdt, vm);
	if (dt_layout.gpio)
		put_button(fdt, vm);
}
