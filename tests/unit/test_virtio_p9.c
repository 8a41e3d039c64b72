/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A share as its driver sees it: chains cut in any way, what waits for what, and what no
 * honest driver would send. fstatfs() is ours here, and waits as told: Tstatfs is the
 * message that takes its time. What messages mean is for test_p9.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/pool.h"
#include "device_rig.h"
#include "util/bytes.h"
#include "virtio/p9.h"

#define F_TAG      VIRTIO_BIT(0)
#define F_PACKED   VIRTIO_BIT(VIRTIO_F_RING_PACKED)
#define F_INDIRECT VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)
#define F_EVENT    VIRTIO_BIT(VIRTIO_F_EVENT_IDX)

enum {
	RLERROR = 7,
	STATFS = 8,
	GETATTR = 24,
	VERSION = 100,
	ATTACH = 104,
	FLUSH = 108,
	CLUNK = 120
};

#define NO_TAG 0xffffu
#define NO_FID 0xffffffffu
#define ROOT   1u
#define ROOM   4096u

static struct rig rig;
static struct config_share share;
static char folder[] = "/tmp/tane-test-virtio-p9-XXXXXX";
static bool no_threads;

/* -- the host -- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned calls; /* that have begun */
	bool hold;      /* they wait */
} statfs_ctl = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

int fstatfs(int fd, struct statfs *buffer)
{
	pthread_mutex_lock(&statfs_ctl.lock);
	statfs_ctl.calls++;
	while (statfs_ctl.hold)
		pthread_cond_wait(&statfs_ctl.change, &statfs_ctl.lock);
	pthread_mutex_unlock(&statfs_ctl.lock);
	return (int)syscall(SYS_fstatfs, fd, buffer);
}

static void hold(bool hold)
{
	pthread_mutex_lock(&statfs_ctl.lock);
	statfs_ctl.hold = hold;
	statfs_ctl.calls = 0;
	pthread_cond_broadcast(&statfs_ctl.change);
	pthread_mutex_unlock(&statfs_ctl.lock);
}

static void wait_for_calls(unsigned calls)
{
	const int64_t until = loop_now() + 20000000000ll;
	unsigned now = 0;

	while (now < calls) {
		assert_true(loop_now() < until);
		pthread_mutex_lock(&statfs_ctl.lock);
		now = statfs_ctl.calls;
		pthread_mutex_unlock(&statfs_ctl.lock);
	}
}

/* Ours too: whether there are threads to be had. Their stacks have the usual size. */
int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
	(void)attributes;
	(void)size;
	return no_threads ? EINVAL : 0;
}

/* -- messages -- */

struct message {
	uint8_t bytes[256];
	uint32_t size;
};

static void put(struct message *m, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		m->bytes[m->size++] = (uint8_t)(value >> (8 * i));
	store_le32(m->bytes, m->size);
}

static void put_string(struct message *m, const char *text)
{
	put(m, strlen(text), 2);
	for (; *text; text++)
		put(m, (uint8_t)*text, 1);
}

static struct message begin(unsigned type, unsigned tag)
{
	struct message m = { .size = 0 };

	put(&m, 0, 4);
	put(&m, type, 1);
	put(&m, tag, 2);
	return m;
}

static struct message version(void)
{
	struct message m = begin(VERSION, NO_TAG);

	put(&m, 8192, 4);
	put_string(&m, "9P2000.L");
	return m;
}

static struct message attach_root(unsigned tag)
{
	struct message m = begin(ATTACH, tag);

	put(&m, ROOT, 4);
	put(&m, NO_FID, 4);
	put_string(&m, "root");
	put_string(&m, "");
	put(&m, 0, 4);
	return m;
}

static struct message about_root(unsigned type, unsigned tag)
{
	struct message m = begin(type, tag);

	put(&m, ROOT, 4);
	if (type == GETATTR)
		put(&m, 0x7ff, 8);
	return m;
}

static struct message flush(unsigned tag, unsigned old_tag)
{
	struct message m = begin(FLUSH, tag);

	put(&m, old_tag, 2);
	return m;
}

/* -- the driver -- */

static struct {
	int id;
	uint64_t in;
} sent[RING_DRIVER_MAX]; /* by ID */

/* What came back. */
struct reply {
	int id;
	uint32_t written;
	unsigned type, tag, error;
};

static unsigned random_below(unsigned n)
{
	static uint32_t seed = 12345;

	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Cut [gpa, gpa + size) into at most `pieces` segments. */
static unsigned cut(struct ring_segment *segments, uint64_t gpa, uint32_t size,
		    unsigned pieces, enum ring_direction direction)
{
	unsigned n = 0;

	for (; pieces > 1 && size > 1; pieces--) {
		const uint32_t len = 1 + random_below(size < 9 ? size - 1 : 9);

		segments[n++] = (struct ring_segment){ gpa, len, direction };
		gpa += len;
		size -= len;
	}
	if (size)
		segments[n++] = (struct ring_segment){ gpa, size, direction };
	return n;
}

static int add_cut(const void *data, uint32_t size, uint32_t room, unsigned pieces,
		   bool indirect)
{
	struct ring_driver *ring = &rig.rings[0];
	struct ring_segment segments[32];
	uint64_t in = 0;
	unsigned n = 0;
	int id;

	if (size)
		n = cut(segments, ring_driver_buffer(ring, data, size), size, pieces,
			RING_OUT);
	if (room) {
		in = ring_driver_buffer(ring, NULL, room);
		n += cut(segments + n, in, room, pieces, RING_IN);
	}
	id = indirect ? ring_driver_add_indirect(ring, segments, n)
		      : ring_driver_add(ring, segments, n);
	assert_int_not_equal(id, -1);
	sent[id].id = id;
	sent[id].in = in;
	return id;
}

static int add(struct message m)
{
	return add_cut(m.bytes, m.size, ROOM, 1, false);
}

/* Add, and let the device see it. */
static int send(struct message m)
{
	const int id = add(m);

	rig_kick(&rig, 0);
	return id;
}

static struct reply take(void)
{
	struct reply reply = { .id = -1 };
	uint8_t bytes[11] = { 0 };

	rig_wait_until(
		&rig, (reply.id = ring_driver_take(&rig.rings[0], &reply.written)) != -1);
	if (!reply.written)
		return reply;
	assert_true(memory_read(&rig.memory, sent[reply.id].in, bytes, sizeof(bytes)));
	assert_int_equal(load_le32(bytes), reply.written);
	reply.type = bytes[4];
	reply.tag = load_le16(bytes + 5);
	if (reply.type == RLERROR)
		reply.error = load_le32(bytes + 7);
	return reply;
}

/* It is the next to come back, with a reply of that type. */
static void expect(int id, unsigned type)
{
	const struct reply reply = take();

	assert_int_equal(reply.id, id);
	assert_int_equal(reply.type, type);
}

static void expect_error(int id, unsigned error)
{
	const struct reply reply = take();

	assert_int_equal(reply.id, id);
	assert_int_equal(reply.type, RLERROR);
	assert_int_equal(reply.error, error);
}

static void expect_nothing(void)
{
	rig_settle(&rig);
	assert_int_equal(ring_driver_take(&rig.rings[0], NULL), -1);
}

/* It takes a moment, since fids are forgotten by a thread. */
static void reset(void)
{
	if (!rig.virtio)
		return;
	virtio_set_status(rig.virtio, 0);
	rig_wait_until(&rig, rig.virtio->status == 0);
}

static int setup(void **state)
{
	(void)state;
	share = (struct config_share){ .path = folder, .tag = "files" };
	no_threads = false;
	return rig_init(&rig);
}

static int teardown(void **state)
{
	(void)state;
	hold(false);
	reset();
	rig_destroy(&rig);
	return 0;
}

static void make(void)
{
	struct err err;
	struct virtio *virtio = virtio_p9_new(&rig.platform, &share, 3, 64, true, &err);

	if (!virtio)
		fail_msg("%s", err.text);
	rig_attach(&rig, virtio);
}

/* A driver that has mounted the share. */
static void mount(uint64_t features, uint16_t ring_size)
{
	rig_drive_ring(&rig, F_TAG | features, ring_size);
	expect(send(version()), VERSION + 1);
	expect(send(attach_root(1)), ATTACH + 1);
}

static void make_and_mount(void)
{
	make();
	mount(0, 128);
}

/* Keep all threads at work; the IDs of the messages go to `ids`, tags are 100 and up. */
static void keep_busy(int ids[POOL_MAX_THREADS])
{
	hold(true);
	for (unsigned i = 0; i < POOL_MAX_THREADS; i++)
		ids[i] = send(about_root(STATFS, 100 + i));
	wait_for_calls(POOL_MAX_THREADS);
}

static void expect_all(const int *ids, unsigned count, unsigned type)
{
	for (unsigned n = 0; n < count; n++) {
		const struct reply reply = take();
		unsigned i = 0;

		while (i < count && ids[i] != reply.id)
			i++;
		assert_true(i < count);
		assert_int_equal(reply.type, type);
	}
}

/* -- what it says of itself -- */

static void test_configuration(void **state)
{
	char tag[CONFIG_MAX_TAG + 1];

	(void)state;
	make();
	assert_int_equal(rig.virtio->id, 9);
	assert_string_equal(rig.virtio->name, "virtio-9p.3");
	assert_int_equal(rig.virtio->offered & 0xffffff, F_TAG);
	assert_int_equal(rig_config(&rig, 0, 2), strlen("files"));
	assert_int_equal(rig_config(&rig, 2, 1), 'f');
	assert_int_equal(rig_config(&rig, 3, 4), load_le32((const uint8_t *)"iles"));
	assert_int_equal(rig_config(&rig, 6, 2), 's');
	assert_int_equal(rig_config(&rig, 7, 8), 0);
	assert_int_equal(rig_config(&rig, 0xffffffff, 4), 0);
	virtio_free(rig.virtio);
	memset(tag, 'x', sizeof(tag) - 1);
	tag[sizeof(tag) - 1] = '\0';
	share.tag = tag;
	make();
	assert_int_equal(rig_config(&rig, 0, 2), CONFIG_MAX_TAG);
	assert_int_equal(rig_config(&rig, 1 + CONFIG_MAX_TAG, 1), 'x');
	assert_int_equal(rig_config(&rig, 2 + CONFIG_MAX_TAG, 1), 0);
}

static void test_folder_is_missing(void **state)
{
	struct err err;

	(void)state;
	share.path = "/nowhere/at/all";
	assert_null(virtio_p9_new(&rig.platform, &share, 0, 64, true, &err));
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	share.path = folder;
	make();
}

/* -- messages, cut in any way -- */

static void serve_as(uint64_t features, bool indirect)
{
	mount(features, 64);
	for (unsigned i = 0; i < 300; i++) {
		const struct message m = about_root(GETATTR, i);
		const int id = add_cut(m.bytes, m.size, 160 + random_below(100),
				       1 + random_below(8), indirect);
		struct reply reply;

		virtio_kick(rig.virtio, 0);
		reply = take();
		assert_int_equal(reply.id, id);
		assert_int_equal(reply.type, GETATTR + 1);
		assert_int_equal(reply.tag, i);
		assert_int_equal(reply.written, 7 + 153);
	}
	reset();
}

static void test_every_layout(void **state)
{
	(void)state;
	make();
	serve_as(0, false);
	serve_as(F_EVENT, false);
	serve_as(F_INDIRECT, true);
	serve_as(F_PACKED, false);
	serve_as(F_PACKED | F_EVENT | F_INDIRECT, true);
}

static void test_no_threads(void **state)
{
	(void)state;
	no_threads = true;
	make();
	serve_as(0, false);
	mount(0, 128);
	expect(send(flush(1, 7)), FLUSH + 1);
	expect(send(version()), VERSION + 1);
	expect_error(send(about_root(GETATTR, 1)), EBADF);
}

/* More than there are threads: each is answered, and many by one interrupt. */
static void test_a_full_ring(void **state)
{
	int ids[64];

	(void)state;
	make_and_mount();
	rig.interrupts[0] = 0;
	hold(true);
	for (unsigned i = 0; i < 64; i++)
		ids[i] = add(about_root(STATFS, i));
	rig_kick(&rig, 0);
	wait_for_calls(POOL_MAX_THREADS);
	hold(false);
	expect_all(ids, 64, STATFS + 1);
	assert_in_range(rig.interrupts[0], 1, 64);
}

/* A slow one does not keep others waiting. */
static void test_out_of_order(void **state)
{
	int slow;

	(void)state;
	make_and_mount();
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	expect(send(about_root(GETATTR, 2)), GETATTR + 1);
	hold(false);
	expect(slow, STATFS + 1);
}

/* -- Tflush -- */

static void test_flush_of_nothing(void **state)
{
	(void)state;
	make_and_mount();
	expect(send(flush(5, 77)), FLUSH + 1);
	expect(send(flush(5, 5)), FLUSH + 1); /* of itself */
	expect(send(flush(NO_TAG, NO_TAG)), FLUSH + 1);
}

static void test_flush_waits_for_what_runs(void **state)
{
	int slow, waits;

	(void)state;
	make_and_mount();
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	waits = send(flush(2, 1));
	expect_nothing();
	/* Others go on meanwhile, flushes of others too. */
	expect(send(about_root(GETATTR, 3)), GETATTR + 1);
	expect(send(flush(4, 3)), FLUSH + 1);
	hold(false);
	expect(slow, STATFS + 1);
	expect(waits, FLUSH + 1);
}

/* Its chain comes back empty, before Rflush; it was never carried out. */
static void test_flush_drops_what_has_not_begun(void **state)
{
	int busy[POOL_MAX_THREADS], dropped, kept, flushed;
	struct reply reply;

	(void)state;
	make_and_mount();
	keep_busy(busy);
	dropped = send(about_root(CLUNK, 1));
	kept = send(about_root(GETATTR, 2));
	expect_nothing();
	flushed = send(flush(3, 1));
	reply = take();
	assert_int_equal(reply.id, dropped);
	assert_int_equal(reply.written, 0);
	expect(flushed, FLUSH + 1);
	hold(false);
	for (unsigned i = 0; i < POOL_MAX_THREADS + 1; i++) {
		reply = take();
		assert_int_equal(reply.type, reply.id == kept ? GETATTR + 1 : STATFS + 1);
	}
}

/* Each waits for the one before; a flush that is waiting is not dropped. */
static void test_flush_of_a_flush(void **state)
{
	int slow, first, second, third;

	(void)state;
	make_and_mount();
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	first = send(flush(2, 1));
	second = send(flush(3, 2));
	third = send(flush(2, 3)); /* a tag that is taken */
	expect_nothing();
	hold(false);
	expect(slow, STATFS + 1);
	expect(first, FLUSH + 1);
	expect(second, FLUSH + 1);
	expect(third, FLUSH + 1);
}

static void test_flush_of_a_doubled_tag(void **state)
{
	int slow[2], flushed;

	(void)state;
	make_and_mount();
	hold(true);
	slow[0] = send(about_root(STATFS, 1));
	slow[1] = send(about_root(STATFS, 1));
	wait_for_calls(2);
	flushed = send(flush(1, 1));
	expect_nothing();
	hold(false);
	expect_all(slow, 2, STATFS + 1);
	expect(flushed, FLUSH + 1);
}

static void test_flush_that_is_cut(void **state)
{
	struct message m = begin(FLUSH, 1);

	(void)state;
	make_and_mount();
	expect_error(send(m), EBADMSG);
	put(&m, 1, 1);
	expect_error(send(m), EBADMSG);
}

/* -- Tversion -- */

static void test_version_waits_for_all(void **state)
{
	int slow, again, behind;

	(void)state;
	make_and_mount();
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	again = send(version());
	behind = send(about_root(GETATTR, 2));
	expect_nothing();
	hold(false);
	expect(slow, STATFS + 1);
	expect(again, VERSION + 1);
	/* It was carried out behind it: there is no such fid any more. */
	expect_error(behind, EBADF);
	expect(send(attach_root(1)), ATTACH + 1);
	expect(send(about_root(GETATTR, 2)), GETATTR + 1);
}

static void test_version_waits_for_flushes(void **state)
{
	int slow, flushed, again;

	(void)state;
	make_and_mount();
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	flushed = send(flush(2, 1));
	again = send(version());
	hold(false);
	expect(slow, STATFS + 1);
	expect(flushed, FLUSH + 1);
	expect(again, VERSION + 1);
}

static void test_many_versions(void **state)
{
	int ids[20];

	(void)state;
	make_and_mount();
	for (unsigned i = 0; i < 20; i++)
		ids[i] = add(version());
	rig_kick(&rig, 0);
	for (unsigned i = 0; i < 20; i++)
		expect(ids[i], VERSION + 1);
}

/* -- reset -- */

static void test_reset_waits_and_forgets(void **state)
{
	int busy[POOL_MAX_THREADS];

	(void)state;
	make_and_mount();
	keep_busy(busy);
	send(about_root(CLUNK, 1)); /* is not begun, and never will */
	send(flush(2, 100));        /* waits */
	send(version());            /* waits */
	virtio_set_status(rig.virtio, 0);
	rig_settle(&rig);
	assert_int_not_equal(rig.virtio->status, 0);
	hold(false);
	rig_wait_until(&rig, rig.virtio->status == 0);
	/* Nothing was given back, and nothing is known any more. */
	assert_int_equal(ring_driver_take(&rig.rings[0], NULL), -1);
	rig_drive_ring(&rig, F_TAG, 128);
	expect_error(send(about_root(GETATTR, 1)), EPROTO);
	expect(send(version()), VERSION + 1);
	expect_error(send(about_root(GETATTR, 1)), EBADF);
	expect(send(attach_root(1)), ATTACH + 1);
	expect(send(about_root(GETATTR, 1)), GETATTR + 1);
}

static void test_reset_of_a_quiet_device(void **state)
{
	(void)state;
	make();
	for (unsigned i = 0; i < 5; i++) {
		mount(0, 128);
		reset();
	}
}

static void test_power_on_in_the_middle(void **state)
{
	struct err err;
	int busy[POOL_MAX_THREADS];

	(void)state;
	make_and_mount();
	keep_busy(busy);
	assert_int_equal(virtio_power_on(rig.virtio, 50, &err), -1);
	assert_non_null(strstr(err.text, "in flight"));
	hold(false);
	assert_int_equal(virtio_power_on(rig.virtio, 20000, &err), 0);
}

/* -- what no driver should send -- */

static void assert_breaks(const void *data, uint32_t size, uint32_t room)
{
	mount(0, 128);
	add_cut(data, size, room, 1, false);
	virtio_kick(rig.virtio, 0);
	rig_wait_until(&rig, rig_is_broken(&rig));
	reset();
}

static void test_bad_chains(void **state)
{
	const struct message m = about_root(GETATTR, 1), f = flush(1, 2);

	(void)state;
	make();
	assert_breaks(m.bytes, 6, ROOM);
	assert_breaks(NULL, 0, ROOM);
	assert_breaks(m.bytes, m.size, 0);
	assert_breaks(m.bytes, m.size, 10); /* not even an error fits */
	assert_breaks(f.bytes, f.size, 6);
	/* And it works again. */
	mount(0, 128);
	expect(send(m), GETATTR + 1);
}

/* A broken device waits for what is in flight before it takes a reset. */
static void test_bad_chain_among_others(void **state)
{
	int busy[POOL_MAX_THREADS];

	(void)state;
	make_and_mount();
	keep_busy(busy);
	add_cut("bad", 3, ROOM, 1, false);
	rig_kick(&rig, 0);
	assert_true(rig_is_broken(&rig));
	virtio_set_status(rig.virtio, 0);
	rig_settle(&rig);
	assert_int_not_equal(rig.virtio->status, 0);
	hold(false);
	rig_wait_until(&rig, rig.virtio->status == 0);
	mount(0, 128);
}

static void test_sizes_that_lie(void **state)
{
	static const uint32_t sizes[] = { 0, 6, 20, 0x1000, 0x7fffffff, 0xffffffff };

	(void)state;
	make_and_mount();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct message m = about_root(GETATTR, 1);

		assert_int_not_equal(sizes[i], m.size);
		store_le32(m.bytes, sizes[i]);
		/* Of 20 bytes: an argument for getattr that is there, but is not sent. */
		if (sizes[i] == 20)
			store_le32(m.bytes, m.size - 1);
		expect_error(send(m), EBADMSG);
	}
	expect(send(about_root(GETATTR, 1)), GETATTR + 1);
}

/* -- saved state -- */

/* What the guest has open is not in it, so it has to have nothing open. */
static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;
	int slow;

	(void)state;
	make_and_mount();
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), -1);
	assert_non_null(strstr(err.text, "virtio-9p.3: the guest has mounted \"files\""));
	hold(true);
	slow = send(about_root(STATFS, 1));
	wait_for_calls(1);
	expect(send(about_root(CLUNK, 2)), CLUNK + 1);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), -1);
	hold(false);
	expect(slow, STATFS + 1);
	state_writer_free(&writer);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), 0);
	virtio_free(rig.virtio);
	make();
	if (virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err))
		fail_msg("%s", err.text);
	state_writer_free(&writer);
	rig_settle(&rig);
	/* A new mount, by the same driver. */
	expect_error(send(about_root(GETATTR, 1)), EPROTO);
	expect(send(version()), VERSION + 1);
	expect(send(attach_root(1)), ATTACH + 1);
	expect(send(about_root(GETATTR, 1)), GETATTR + 1);
}

/* -- a driver that does anything -- */

static struct message any_message(void)
{
	static const unsigned types[] = { STATFS, GETATTR, GETATTR, GETATTR, VERSION,
					  FLUSH,  FLUSH,   ATTACH,  CLUNK };
	const unsigned type = types[random_below(sizeof(types) / sizeof(types[0]))];
	const unsigned tag = random_below(8);

	switch (type) {
	case VERSION:
		return version();
	case FLUSH:
		return flush(tag, random_below(8));
	case ATTACH:
		return attach_root(tag);
	default:
		return about_root(type, tag);
	}
}

/* Whatever depends on whatever: each message comes back, and once. */
static void test_any_order(void **state)
{
	unsigned in_flight = 0;
	int id;

	(void)state;
	make_and_mount();
	for (unsigned i = 0; i < 5000; i++) {
		if (in_flight < 40 && random_below(2)) {
			send(any_message());
			in_flight++;
		}
		if (random_below(50) == 0)
			hold(random_below(2));
		while ((id = ring_driver_take(&rig.rings[0], NULL)) != -1) {
			assert_true(in_flight > 0);
			in_flight--;
		}
	}
	hold(false);
	for (; in_flight; in_flight--)
		take();
	expect_nothing();
	assert_false(rig_is_broken(&rig));
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_configuration),
		TEST(test_folder_is_missing),
		TEST(test_every_layout),
		TEST(test_no_threads),
		TEST(test_a_full_ring),
		TEST(test_out_of_order),
		TEST(test_flush_of_nothing),
		TEST(test_flush_waits_for_what_runs),
		TEST(test_flush_drops_what_has_not_begun),
		TEST(test_flush_of_a_flush),
		TEST(test_flush_of_a_doubled_tag),
		TEST(test_flush_that_is_cut),
		TEST(test_version_waits_for_all),
		TEST(test_version_waits_for_flushes),
		TEST(test_many_versions),
		TEST(test_reset_waits_and_forgets),
		TEST(test_reset_of_a_quiet_device),
		TEST(test_power_on_in_the_middle),
		TEST(test_bad_chains),
		TEST(test_bad_chain_among_others),
		TEST(test_sizes_that_lie),
		TEST(test_save_and_load),
		TEST(test_any_order),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
