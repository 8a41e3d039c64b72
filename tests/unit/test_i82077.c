/* SPDX-License-Identifier: BSD-2-Clause */
/* The floppy controller: registers, resets, and the commands that move no data. */
#include "floppy_bench.h"

static void test_media(void **state)
{
	static const struct {
		uint32_t kib, type;
	} good[] = { { 360, 1 }, { 1200, 2 }, { 720, 3 }, { 1440, 4 }, { 2880, 5 } };
	const struct i82077_medium *m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(good); i++) {
		m = i82077_medium_of((uint64_t)good[i].kib << 10);
		assert_non_null(m);
		assert_int_equal(m->cmos_type, good[i].type);
		assert_int_equal(m->size, m->tracks * m->heads * m->sectors * 512);
		assert_in_range(m->sectors, 1, I82077_MAX_SECTORS);
	}
	assert_null(i82077_medium_of(0));
	assert_null(i82077_medium_of(IMAGE_144 - 512));
	assert_null(i82077_medium_of(1ull << 32 | IMAGE_144));
}

static void test_power_on(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	assert_int_equal(in(&b, 0x3f2), 0);
	assert_int_equal(in(&b, 0x3f4), 0); /* DOR holds it in reset */
	out(&b, 0x3f5, 0x08);
	assert_int_equal(in(&b, 0x3f4), 0);
	assert_false(b.irq.level);
	start(&b, false);
	SEND(&b, 0x08); /* nothing left to tell */
	EXPECT(&b, 0x80);
}

/* Firmware asks for the first of the four only, and interrupts go on. */
static void test_one_sense_after_reset(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	out(&b, 0x3f2, 0x1c);
	assert_true(b.irq.level);
	SEND(&b, 0x08);
	assert_false(b.irq.level);
	EXPECT(&b, 0xc0, 0);
	SEND(&b, 0x07, 0);
	assert_true(b.irq.level);
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 0);
	assert_false(b.irq.level);
}

static void test_interrupt_gate(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	out(&b, 0x3f2, 0x04);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, 0x3f0) & 0x80, 0x80);
	out(&b, 0x3f2, 0x0c);
	assert_true(b.irq.level);
	out(&b, 0x3f2, 0x08);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, 0x3f0) & 0x80, 0);
	assert_int_equal(b.irq.redundant, 0);
}

static void test_reset_by_dsr(void **state)
{
	static struct bench b;
	unsigned raised;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	start(&b, false);
	SEND(&b, 0x07,
	     0); /* nobody asks for the end of this, and each reset is an edge */
	raised = b.irq.raised;
	out(&b, 0x3f4, 0x80);
	assert_int_equal(b.irq.raised, raised + 1);
	out(&b, 0x3f4, 0x80);
	assert_int_equal(b.irq.raised, raised + 2);
	out(&b, 0x3f5, 0x06); /* in the middle of a command */
	out(&b, 0x3f4, 0x82);
	assert_int_equal(in(&b, 0x3f4), RQM);
	assert_true(b.irq.level);
	SEND(&b, 0x08);
	EXPECT(&b, 0xc0, 0);
	/* A reset turns polling on again. */
	SEND(&b, 0x13, 0, 0x1f, 0);
	out(&b, 0x3f4, 0x80);
	assert_true(b.irq.level);
}

/* CONFIGURE's FIFO and threshold outlive a reset after LOCK; the pin resets all. */
static void test_lock(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	start(&b, false);
	seek(&b, 1, 7);
	SEND(&b, 0x13, 0, 0x5a, 0x21);
	SEND(&b, 0x12, 0xaf);
	SEND(&b, 0x94);
	EXPECT(&b, 0x10);
	SEND(&b, 0x0e);
	EXPECT(&b, 0, 7, 0, 0, 0xdf, 0x02, 0, 0x80 | 0x2f, 0x5a, 0x21);
	out(&b, 0x3f4, 0x80);
	SEND(&b, 0x0e);
	EXPECT(&b, 0, 7, 0, 0, 0xdf, 0x02, 0, 0x80 | 0x2c, 0x0a, 0x21);
	SEND(&b, 0x14);
	EXPECT(&b, 0x00);
	out(&b, 0x3f4, 0x80);
	SEND(&b, 0x0e);
	EXPECT(&b, 0, 7, 0, 0, 0xdf, 0x02, 0, 0x2c, 0x20, 0);
	i82077_reset(&b.fdc);
	assert_false(b.irq.level);
	out(&b, 0x3f2, 0x0c);
	SEND(&b, 0x0e);
	EXPECT(&b, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0);
}

/* As Linux finds out which controller this is: "FDC 0 is a post-1991 82077". */
static void test_linux_probe(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	start(&b, false);
	SEND(&b, 0x0e);
	for (unsigned i = 0; i < 10; i++)
		in(&b, 0x3f5);
	assert_int_equal(in(&b, 0x3f4), RQM);
	SEND(&b, 0x13, 0, 0x4a, 0);
	SEND(&b, 0x12, 0x80);
	SEND(&b, 0x14);
	EXPECT(&b, 0x00);
	SEND(&b, 0x18); /* PARTID */
	EXPECT(&b, 0x80);
	SEND(&b, 0x10);
	EXPECT(&b, 0x90);
}

static void test_invalid_commands(void **state)
{
	static const uint8_t bad[] = { 0x00, 0x01, 0x0b, 0x11, 0x15, 0x17, 0x18, 0x19,
				       0x1d, 0x1f, 0xd1, 0xd9, 0x27, 0x4f, 0xff };
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	start(&b, false);
	for (unsigned i = 0; i < sizeof(bad); i++) {
		SEND(&b, bad[i]);
		out(&b, 0x3f5, 0x55); /* a driver that goes on */
		EXPECT(&b, 0x80);
	}
	assert_false(b.irq.level);
}

static void test_seeks(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	start(&b, false);
	seek(&b, 0, 20);
	seek(&b, 1, 79);
	SEND(&b, 0xcf, 0, 5); /* relative, inwards */
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 25);
	SEND(&b, 0x8f, 0, 30);
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 0);
	SEND(&b, 0xcf, 0, 200);
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 200);
	SEND(&b, 0xcf, 0, 200);
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 255);
	SEND(&b, 0x07, 1);
	SEND(&b, 0x08);
	EXPECT(&b, 0x21, 0);
	SEND(&b, 0x0f, 5, 3); /* head 1 */
	SEND(&b, 0x08);
	EXPECT(&b, 0x25, 3);
}

/* Two seeks at once are two interrupts. */
static void test_overlapped_seeks(void **state)
{
	static struct bench b;
	unsigned raised;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	start(&b, false);
	raised = b.irq.raised;
	SEND(&b, 0x0f, 0, 1);
	SEND(&b, 0x0f, 1, 2);
	assert_int_equal(b.irq.raised, raised + 1);
	SEND(&b, 0x08);
	assert_int_equal(b.irq.raised, raised + 2);
	EXPECT(&b, 0x20, 1);
	assert_true(b.irq.level);
	SEND(&b, 0x08);
	EXPECT(&b, 0x21, 2);
	assert_false(b.irq.level);
}

static void test_absent_drive(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	start(&b, false);
	SEND(&b, 0x07, 1);
	SEND(&b, 0x08);
	EXPECT(&b, 0x71, 0); /* no track 0 */
	SEND(&b, 0x04, 1);
	EXPECT(&b, 0x29);
	SEND(&b, 0x4a, 1);
	EXPECT(&b, 0x41, 0x01, 0, 0, 0, 0, 0);
	out(&b, 0x3f2, 0x3d);
	assert_int_equal(in(&b, 0x3f7), 0);
}

static void test_drive_status(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	b.fdc.drives[1].read_only = true;
	start(&b, false);
	SEND(&b, 0x04, 0);
	EXPECT(&b, 0x38);
	SEND(&b, 0x04, 5);
	EXPECT(&b, 0x7d);
	seek(&b, 1, 1);
	SEND(&b, 0x04, 1);
	EXPECT(&b, 0x69);
}

static void test_status_registers(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, 0);
	start(&b, false);
	assert_int_equal(in(&b, 0x3f0), 0x46);
	seek(&b, 0, 3);
	assert_int_equal(in(&b, 0x3f0), 0x57); /* not at track 0; went inwards */
	assert_int_equal(in(&b, 0x3f1), 0xc3);
	out(&b, 0x3f2, 0x2d);
	assert_int_equal(in(&b, 0x3f1), 0xe2);
	assert_int_equal(in(&b, 0x3f2), 0x2d);
	out(&b, 0x3f3, 0xfe);
	assert_int_equal(in(&b, 0x3f3), 0x02);
	out(&b, 0x3f0, 0xff);
	out(&b, 0x3f1, 0xff);
	assert_int_equal(in(&b, 0x3f5), 0); /* nobody has asked for anything */
}

/* It is there until the head has moved. */
static void test_disk_change(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	start(&b, false);
	assert_int_equal(in(&b, 0x3f7), 0x80);
	SEND(&b, 0x07, 0); /* at track 0 it does not step */
	SEND(&b, 0x08);
	EXPECT(&b, 0x20, 0);
	assert_int_equal(in(&b, 0x3f7), 0x80);
	seek(&b, 0, 1);
	assert_int_equal(in(&b, 0x3f7), 0);
	out(&b, 0x3f2, 0x3d);
	assert_int_equal(in(&b, 0x3f7), 0x80); /* the other drive's */
}

static void test_read_id(void **state)
{
	static struct bench b;

	(void)state;
	bench_init_drives(&b, 360u << 10, IMAGE_144);
	start(&b, false);
	out(&b, 0x3f7, 2);
	seek(&b, 0, 5);
	for (unsigned i = 0; i < 20; i++) {
		SEND(&b, 0x4a, 4);
		assert_true(b.irq.level);
		EXPECT(&b, 0x04, 0, 0, 5, 1, (uint8_t)(i % 9 + 1), 2);
		assert_false(b.irq.level);
	}
	out(&b, 0x3f7, 1); /* as in a drive that turns faster */
	SEND(&b, 0x4a, 0);
	EXPECT(&b, 0, 0, 0, 5, 0, 3, 2);
	for (unsigned rate = 0; rate <= 3; rate += 3) {
		out(&b, 0x3f7, rate);
		SEND(&b, 0x4a, 0);
		EXPECT(&b, 0x40, 0x01, 0, 0, 0, 0, 0);
	}
	out(&b, 0x3f4, 0x02); /* DSR sets the rate, too */
	SEND(&b, 0x0a, 0);    /* FM */
	EXPECT(&b, 0x40, 0x01, 0, 0, 0, 0, 0);
	out(&b, 0x3f2, 0x0c); /* motor off */
	SEND(&b, 0x4a, 0);
	EXPECT(&b, 0x40, 0x01, 0, 0, 0, 0, 0);
	out(&b, 0x3f2, 0x1c);
	seek(&b, 0, 40); /* the disk ends before */
	SEND(&b, 0x4a, 0);
	EXPECT(&b, 0x40, 0x01, 0, 0, 0, 0, 0);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	static struct bench a, b;
	struct err err;

	(void)state;
	bench_init_drives(&a, IMAGE_144, IMAGE_144);
	start(&a, false);
	seek(&a, 0, 12);
	SEND(&a, 0x12, 0x88);
	SEND(&a, 0x94);
	EXPECT(&a, 0x10);
	SEND(&a, 0x0f, 1, 9); /* its interrupt waits */
	SEND(&a, 0x0e);       /* so does half of a result */
	in(&a, 0x3f5);
	assert_int_equal(i82077_save(&a.fdc, &writer, "chip", &err), 0);
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	assert_int_equal(i82077_load(&b.fdc, chip_image(&writer), "chip", &err), 0);
	state_writer_free(&writer);
	assert_true(b.irq.level);
	EXPECT(&b, 9, 0, 0, 0xdf, 0x02, 0, 0x88, 0x20, 0);
	SEND(&b, 0x08);
	EXPECT(&b, 0x21, 9);
	assert_false(b.irq.level);
	assert_int_equal(in(&b, 0x3f7), 0);
	SEND(&b, 0x4a, 0);
	EXPECT(&b, 0, 0, 0, 12, 0, 1, 2);
}

/* The chip is saved when the last sector has just passed, on the longest track there is. */
static void test_save_after_the_last_id(void **state)
{
	struct state_writer writer = { 0 };
	static struct bench a, b;
	struct err err;

	(void)state;
	bench_init_drives(&a, 2880u << 10, 0);
	start(&a, false);
	out(&a, 0x3f7, 3);
	for (unsigned i = 1; i <= 36; i++) {
		SEND(&a, 0x4a, 0);
		EXPECT(&a, 0, 0, 0, 0, 0, (uint8_t)i, 2);
	}
	assert_int_equal(i82077_save(&a.fdc, &writer, "chip", &err), 0);
	bench_init_drives(&b, 2880u << 10, 0);
	if (i82077_load(&b.fdc, chip_image(&writer), "chip", &err))
		fail_msg("%s", err.text);
	state_writer_free(&writer);
	SEND(&b, 0x4a, 0);
	EXPECT(&b, 0, 0, 0, 0, 0, 1, 2);
}

static void test_hostile_states_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint8_t value[9], size;
	} bad[] = {
		{ "phase", { 6 }, 1 },
		{ "phase", { I82077_COMMAND }, 1 }, /* though DOR says reset */
		{ "phase", { I82077_DATA }, 1 },
		{ "dor", { 0x04 }, 1 },
		{ "tdr", { 4 }, 1 },
		{ "dsr", { 0x80 }, 1 },
		{ "configure", { 0x80 }, 1 },
		{ "perpendicular", { 0x40 }, 1 },
		{ "lock", { 2 }, 1 },
		{ "interrupt", { 8 }, 1 },
		{ "interrupt", { 1 }, 1 }, /* in reset */
		{ "sra", { 0x80 }, 1 },
		{ "changed", { 4 }, 1 },
		{ "seek_done", { 0x10 }, 1 },
		{ "next_id", { 1, 0, 1, 1 }, 4 },
		{ "next_id", { 1, 37, 1, 1 }, 4 },
		{ "command_size", { 1 }, 1 },
	};
	struct state_writer writer = { 0 };
	static struct bench b;
	struct err err;

	(void)state;
	bench_init_drives(&b, IMAGE_144, IMAGE_144);
	start(&b, false);
	seek(&b, 0, 33);
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		chip_section(&writer, bad[i].name, bad[i].value, bad[i].size);
		if (i82077_load(&b.fdc, chip_image(&writer), "chip", &err) == 0)
			fail_msg("%s (row %u) was taken", bad[i].name, i);
		SEND(&b, 0x4a, 0);
		in(&b, 0x3f5);
		in(&b, 0x3f5);
		in(&b, 0x3f5);
		assert_int_equal(in(&b, 0x3f5), 33);
		for (unsigned n = 0; n < 3; n++)
			in(&b, 0x3f5);
	}
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_media),
		cmocka_unit_test(test_power_on),
		cmocka_unit_test(test_one_sense_after_reset),
		cmocka_unit_test(test_interrupt_gate),
		cmocka_unit_test(test_reset_by_dsr),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_linux_probe),
		cmocka_unit_test(test_invalid_commands),
		cmocka_unit_test(test_seeks),
		cmocka_unit_test(test_overlapped_seeks),
		cmocka_unit_test(test_absent_drive),
		cmocka_unit_test(test_drive_status),
		cmocka_unit_test(test_status_registers),
		cmocka_unit_test(test_disk_change),
		cmocka_unit_test(test_read_id),
		cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_save_after_the_last_id),
		cmocka_unit_test(test_hostile_states_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
