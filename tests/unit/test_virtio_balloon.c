/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon: pages go back to the host, and nothing that the guest tells does harm. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_rig.h"
#include "virtio/balloon.h"

#define STATS_VQ       VIRTIO_BIT(1)
#define DEFLATE_ON_OOM VIRTIO_BIT(2)
#define REPORTING      VIRTIO_BIT(5)
#define PACKED         VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define EVENT_IDX      VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

#define PAGE     4096u
#define LAST_PFN ((uint32_t)(RIG_RAM / PAGE) - 1)

enum { INFLATE, DEFLATE, STATS, FREE_PAGE, REPORT };

static struct rig rig;

static int setup(void **state)
{
	struct err err;

	(void)state;
	if (rig_init(&rig))
		return -1;
	rig_attach(&rig, virtio_balloon_new(&rig.platform, 8 << 20, false, true, &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	return 0;
}

/* Page `pfn` has the byte 0x55 in it, all over. */
static void fill(uint32_t pfn)
{
	void *page = memory_map(&rig.memory, (uint64_t)pfn * PAGE, PAGE);

	assert_non_null(page);
	memset(page, 0x55, PAGE);
}

static uint8_t byte_of(uint32_t pfn)
{
	uint8_t byte;

	assert_true(memory_read(&rig.memory, (uint64_t)pfn * PAGE + 100, &byte, 1));
	return byte;
}

static void tell(unsigned queue, const uint32_t *pfns, size_t n)
{
	int id = rig_send(&rig, queue, pfns, n * sizeof(*pfns));

	assert_int_not_equal(id, -1);
	rig_kick(&rig, queue);
	assert_false(rig_is_broken(&rig));
	assert_int_equal(ring_driver_take(&rig.rings[queue], NULL), id);
}

static char *report(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	virtio_balloon_print_stats(rig.virtio, out);
	fclose(out);
	return text;
}

static void assert_reports(const char *words)
{
	char *text = report();

	if (!strstr(text, words))
		fail_msg("\"%s\" is not in: %s", words, text);
	free(text);
}

static void test_configuration(void **state)
{
	uint32_t value = 0x12345678;

	(void)state;
	assert_int_equal(rig.virtio->offered & 0xffffff,
			 STATS_VQ | DEFLATE_ON_OOM | REPORTING);
	assert_int_equal(rig_config(&rig, 0, 4), (8 << 20) / PAGE);
	assert_int_equal(rig_config(&rig, 4, 4), 0);
	/* The driver writes `actual`, whole or by bytes; num_pages is not its to write. */
	virtio_write_config(rig.virtio, 4, &value, 4);
	assert_int_equal(rig_config(&rig, 4, 4), value);
	virtio_write_config(rig.virtio, 5, "\xaa", 1);
	assert_int_equal(rig_config(&rig, 4, 4), 0x1234aa78);
	virtio_write_config(rig.virtio, 0, "\xff\xff\xff\xff", 4);
	assert_int_equal(rig_config(&rig, 0, 4), (8 << 20) / PAGE);
	virtio_write_config(rig.virtio, 2, "\xff\xff\x11\x22", 4);
	assert_int_equal(rig_config(&rig, 0, 4), (8 << 20) / PAGE);
	assert_int_equal(rig_config(&rig, 4, 4), 0x12342211);
	/* Behind the end, and over it. */
	virtio_write_config(rig.virtio, 6, &value, 4);
	virtio_write_config(rig.virtio, 0xffffffff, &value, 4);
	assert_int_equal(rig_config(&rig, 4, 4), 0x12342211);
	assert_int_equal(rig_config(&rig, 8, 8), 0);
}

static void test_keep_on_oom(void **state)
{
	struct err err;
	struct virtio *other = virtio_balloon_new(&rig.platform, 0, true, false, &err);

	(void)state;
	assert_non_null(other);
	assert_int_equal(other->offered & DEFLATE_ON_OOM, 0);
	virtio_free(other);
}

static void inflate_as(uint64_t features)
{
	/* In no order, neighbours apart, one twice. */
	static const uint32_t pfns[] = { 102, 200, 100, 101, 200, LAST_PFN, 0 };

	rig_drive(&rig, features);
	for (uint32_t pfn = 99; pfn <= 103; pfn++)
		fill(pfn);
	fill(0);
	fill(199);
	fill(200);
	fill(LAST_PFN);
	tell(INFLATE, pfns, 7);
	assert_int_equal(byte_of(99), 0x55);
	assert_int_equal(byte_of(100), 0);
	assert_int_equal(byte_of(101), 0);
	assert_int_equal(byte_of(102), 0);
	assert_int_equal(byte_of(103), 0x55);
	assert_int_equal(byte_of(199), 0x55);
	assert_int_equal(byte_of(200), 0);
	assert_int_equal(byte_of(LAST_PFN), 0);
	assert_int_equal(byte_of(0), 0);
	/* As a snapshot sees it, they changed. */
	assert_true(memory_take_dirty(&rig.memory, 0, 101));
	assert_false(memory_take_dirty(&rig.memory, 0, 103));
	assert_reports("given back 24 KiB");

	/* The guest takes some back: they are there, and zero. */
	tell(DEFLATE, pfns, 2);
	assert_reports("taken again 8 KiB");
	fill(102);
	assert_int_equal(byte_of(102), 0x55);
	assert_true(rig.interrupts[INFLATE] > 0);
}

static void test_inflate(void **state)
{
	(void)state;
	inflate_as(EVENT_IDX);
	rig_reset(&rig);
	rig.interrupts[INFLATE] = 0;
}

static void test_inflate_packed(void **state)
{
	(void)state;
	inflate_as(PACKED);
}

static void test_junk_is_harmless(void **state)
{
	static const uint32_t junk[] = { UINT32_MAX, UINT32_MAX - 1, LAST_PFN + 1,
					 0x80000000, LAST_PFN + 1 };
	/* A run over the end of RAM: its first half is RAM. */
	static const uint32_t edge[] = { LAST_PFN + 2, LAST_PFN, LAST_PFN + 1,
					 LAST_PFN - 1 };

	(void)state;
	rig_drive(&rig, 0);
	tell(INFLATE, junk, 5);
	assert_reports("given back 0 KiB");
	assert_reports("4 pages were not RAM");
	fill(LAST_PFN);
	fill(LAST_PFN - 1);
	tell(INFLATE, edge, 4);
	assert_int_equal(byte_of(LAST_PFN), 0);
	assert_int_equal(byte_of(LAST_PFN - 1), 0);
	tell(DEFLATE, junk, 5);
	assert_false(rig_is_broken(&rig));
	/* Bytes that are no whole number are not used. */
	fill(77);
	assert_int_not_equal(rig_send(&rig, INFLATE, "\x4d\0\0", 3), -1);
	rig_kick(&rig, INFLATE);
	assert_int_equal(byte_of(77), 0x55);
	assert_false(rig_is_broken(&rig));
}

/* One number, cut into pieces by a chain of many segments. */
static void test_pieces(void **state)
{
	const uint32_t pfns[] = { 300, 302 };
	struct ring_segment segments[8];
	uint64_t gpa;

	(void)state;
	rig_drive(&rig, 0);
	fill(300);
	fill(301);
	fill(302);
	gpa = ring_driver_buffer(&rig.rings[INFLATE], pfns, sizeof(pfns));
	for (unsigned i = 0; i < 8; i++)
		segments[i] = (struct ring_segment){ gpa + i, 1, RING_OUT };
	assert_int_not_equal(ring_driver_add(&rig.rings[INFLATE], segments, 8), -1);
	rig_kick(&rig, INFLATE);
	assert_int_equal(byte_of(300), 0);
	assert_int_equal(byte_of(301), 0x55);
	assert_int_equal(byte_of(302), 0);
}

static void test_breaches(void **state)
{
	const struct {
		unsigned queue;
		struct ring_segment segment;
	} cases[] = {
		/* More pages than anybody tells at once; nothing to read; nothing at all. */
		{ INFLATE, { 0x100000, 4097 * 4, RING_OUT } },
		{ DEFLATE, { 0x100000, 4097 * 4, RING_OUT } },
		{ INFLATE, { 0x100000, 1024, RING_IN } },
		{ INFLATE, { 0x100000, 0, RING_OUT } },
		{ REPORT, { 0x100000, 4096, RING_OUT } },
		{ FREE_PAGE, { 0x100000, 4096, RING_OUT } },
		/* The ring's own rules. */
		{ INFLATE, { RIG_RAM, 4, RING_OUT } },
		{ REPORT, { RIG_RAM - 4096, 8192, RING_IN } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_drive(&rig, REPORTING | STATS_VQ);
		fill(256);
		ring_driver_add(&rig.rings[cases[i].queue], &cases[i].segment, 1);
		rig.config_interrupts = 0;
		rig_kick(&rig, cases[i].queue);
		assert_true(rig_is_broken(&rig));
		assert_int_equal(rig.config_interrupts, 1);
		assert_int_equal(byte_of(256), 0x55);
		rig_reset(&rig);
	}
	/* It works as before. */
	inflate_as(0);
}

/* More than a turn of the loop serves. */
static void test_full_ring(void **state)
{
	(void)state;
	rig_drive(&rig, EVENT_IDX);
	for (uint32_t i = 0; i < RIG_RING_SIZE; i++) {
		const uint32_t pfn = 1000 + 2 * i;

		fill(pfn);
		assert_int_not_equal(rig_send(&rig, INFLATE, &pfn, 4), -1);
	}
	rig_kick(&rig, INFLATE);
	for (uint32_t i = 0; i < RIG_RING_SIZE; i++) {
		assert_int_not_equal(ring_driver_take(&rig.rings[INFLATE], NULL), -1);
		assert_int_equal(byte_of(1000 + 2 * i), 0);
	}
}

static void report_on(unsigned queue, uint64_t features)
{
	/* Linux reports a block of pages in each segment; odd ends stay. */
	const struct ring_segment segments[] = {
		{ 8 << 20, 2 << 20, RING_IN },
		{ (12 << 20) + 1, 3 * PAGE, RING_IN },
		{ (12 << 20) + 100, 10, RING_IN },
	};

	rig_drive(&rig, features);
	fill((8 << 20) / PAGE - 1);
	for (uint32_t pfn = (8 << 20) / PAGE; pfn < (10 << 20) / PAGE; pfn++)
		fill(pfn);
	for (uint32_t pfn = (12 << 20) / PAGE; pfn < (12 << 20) / PAGE + 4; pfn++)
		fill(pfn);
	assert_int_not_equal(ring_driver_add(&rig.rings[queue], segments, 3), -1);
	rig_kick(&rig, queue);
	assert_false(rig_is_broken(&rig));
	assert_int_not_equal(ring_driver_take(&rig.rings[queue], NULL), -1);
	assert_int_equal(byte_of((8 << 20) / PAGE - 1), 0x55);
	assert_int_equal(byte_of((8 << 20) / PAGE), 0);
	assert_int_equal(byte_of((10 << 20) / PAGE - 1), 0);
	assert_int_equal(byte_of((12 << 20) / PAGE), 0x55);
	assert_int_equal(byte_of((12 << 20) / PAGE + 1), 0);
	assert_int_equal(byte_of((12 << 20) / PAGE + 2), 0);
	assert_int_equal(byte_of((12 << 20) / PAGE + 3), 0x55);
	rig_reset(&rig);
}

/* Drivers disagree about the number of the queue. */
static void test_reporting(void **state)
{
	(void)state;
	report_on(REPORT, REPORTING | STATS_VQ);
	report_on(FREE_PAGE, REPORTING | STATS_VQ | PACKED);
	report_on(STATS, REPORTING);
	assert_reports("reported free 6168 KiB");
}

static void test_not_agreed(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	fill(3000);
	for (unsigned queue = STATS; queue <= REPORT; queue++) {
		ring_driver_add(&rig.rings[queue],
				&(struct ring_segment){ 3000 * PAGE, PAGE, RING_IN }, 1);
		rig_kick(&rig, queue);
		assert_int_equal(ring_driver_take(&rig.rings[queue], NULL), -1);
	}
	assert_int_equal(byte_of(3000), 0x55);
}

static size_t put_stat(uint8_t *at, uint16_t tag, uint64_t value)
{
	store_le16(at, tag);
	store_le64(at + 2, value);
	return 10;
}

static void stats_as(uint64_t features)
{
	uint8_t stats[400];
	size_t n = 0;
	struct err err;
	int id;

	assert_int_equal(virtio_balloon_poll_stats(rig.virtio, &err), 0);
	rig_drive(&rig, STATS_VQ | features);
	n += put_stat(stats + n, 4, 123 << 10);
	n += put_stat(stats + n, 10, 1);
	n += put_stat(stats + n, 0xffff, 2);
	n += put_stat(stats + n, 5, UINT64_MAX);
	n += put_stat(stats + n, 4, 45 << 10);    /* the last word counts */
	id = rig_send(&rig, STATS, stats, n + 9); /* and a piece of one more */
	rig_kick(&rig, STATS);
	assert_reports("free         45 KiB");
	assert_reports("total        18014398509481983 KiB");
	/* It stays with us for a while, then the driver shall fill it anew. */
	assert_int_equal(ring_driver_take(&rig.rings[STATS], NULL), -1);
	rig_wait_until(&rig, rig.interrupts[STATS]);
	assert_int_equal(ring_driver_take(&rig.rings[STATS], NULL), id);
	put_stat(stats, 4, 99 << 10);
	rig_send(&rig, STATS, stats, 10);
	assert_true(ring_driver_must_kick(&rig.rings[STATS]));
	rig_kick(&rig, STATS);
	assert_reports("free         99 KiB");
	/* A reset in between, with the timer under way. */
	rig_reset(&rig);
	rig_drive(&rig, STATS_VQ | features);
	put_stat(stats, 4, 7 << 10);
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		rig_send(&rig, STATS, stats, 10);
	rig_kick(&rig, STATS);
	assert_reports("free         7 KiB");
	rig.interrupts[STATS] = 0;
	rig_wait_until(&rig, rig.interrupts[STATS]);
	assert_false(rig_is_broken(&rig));
}

static void test_stats(void **state)
{
	(void)state;
	stats_as(EVENT_IDX);
}

static void test_stats_packed(void **state)
{
	(void)state;
	stats_as(EVENT_IDX | PACKED);
}

static void test_size_changes(void **state)
{
	uint8_t generation;

	(void)state;
	/* Nobody is there to be told. */
	virtio_balloon_set_size(rig.virtio, 3 * PAGE + 5);
	assert_int_equal(rig_config(&rig, 0, 4), 3);
	assert_int_equal(rig.config_interrupts, 0);
	rig_drive(&rig, 0);
	generation = rig.virtio->config_generation;
	virtio_balloon_set_size(rig.virtio, 16 << 20);
	assert_int_equal(rig_config(&rig, 0, 4), 4096);
	assert_int_equal(rig.config_interrupts, 1);
	assert_int_not_equal(rig.virtio->config_generation, generation);
}

static void test_reset_empties_it(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	virtio_write_config(rig.virtio, 4, "\x10\0\0\0", 4);
	virtio_write_config(rig.virtio, 4, "\x02\0\0\0", 4);
	rig_reset(&rig);
	assert_reports("8192 KiB asked for, held 64 KiB at most");
	assert_int_equal(rig_config(&rig, 4, 4), 0);
	assert_int_equal(rig_config(&rig, 0, 4), (8 << 20) / PAGE);
}

/* Whatever the guest tells, however often: we keep nothing of it. */
static void test_memory_does_not_grow(void **state)
{
	static uint32_t pfns[4096];
	struct ring_driver *ring = &rig.rings[INFLATE];
	size_t before = 0;
	uint64_t gpa;

	(void)state;
	rig_drive(&rig, 0);
	for (uint32_t i = 0; i < 4096; i++)
		pfns[i] = i * 2654435761u;
	gpa = ring_driver_buffer(ring, pfns, sizeof(pfns));
	for (unsigned i = 0; i < 50; i++) {
		const struct ring_segment segment = { gpa, sizeof(pfns), RING_OUT };

		if (i == 1) /* what is needed once is there */
			before = mallinfo2().uordblks;
		assert_int_not_equal(ring_driver_add(ring, &segment, 1), -1);
		rig_kick(&rig, i % 2 ? DEFLATE : INFLATE);
		rig_kick(&rig, INFLATE);
		assert_int_not_equal(ring_driver_take(ring, NULL), -1);
	}
	assert_int_equal(mallinfo2().uordblks, before);
}

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;

	(void)state;
	rig_drive(&rig, 0);
	virtio_balloon_set_size(rig.virtio, 5 * PAGE);
	virtio_write_config(rig.virtio, 4, "\x03\0\0\0", 4);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), 0);
	virtio_free(rig.virtio);
	rig_attach(&rig, virtio_balloon_new(&rig.platform, 0, false, true, &err));
	assert_int_equal(
		virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err),
		0);
	rig_settle(&rig);
	assert_int_equal(rig_config(&rig, 0, 4), 5);
	assert_int_equal(rig_config(&rig, 4, 4), 3);
	fill(500);
	tell(INFLATE, (const uint32_t[]){ 500 }, 1);
	assert_int_equal(byte_of(500), 0);
	state_writer_free(&writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configuration),
		TEST(test_keep_on_oom),
		TEST(test_inflate),
		TEST(test_inflate_packed),
		TEST(test_junk_is_harmless),
		TEST(test_pieces),
		TEST(test_breaches),
		TEST(test_full_ring),
		TEST(test_reporting),
		TEST(test_not_agreed),
		TEST(test_stats),
		TEST(test_stats_packed),
		TEST(test_size_changes),
		TEST(test_reset_empties_it),
		TEST(test_memory_does_not_grow),
		TEST(test_save_and_load),
	};

	return cmocka_run_group_tests_name("virtio_balloon", tests, NULL, NULL);
}
