/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card between a driver that the test plays and a back end that the test
 * plays too: buffers merged and missing, back-pressure both ways, queue pairs, and what
 * a hostile driver may say on the control queue.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_rig.h"
#include "net/frame.h"
#include "net/net.h"
#include "virtio/net.h"

#define F(name) VIRTIO_BIT(name)

#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU                 3
#define VIRTIO_NET_F_MAC                 5
#define VIRTIO_NET_F_MRG_RXBUF           15
#define VIRTIO_NET_F_STATUS              16
#define VIRTIO_NET_F_CTRL_VQ             17
#define VIRTIO_NET_F_CTRL_RX             18
#define VIRTIO_NET_F_CTRL_RX_EXTRA       20
#define VIRTIO_NET_F_MQ                  22
#define VIRTIO_NET_F_CTRL_MAC_ADDR       23

#define MRG    F(VIRTIO_NET_F_MRG_RXBUF)
#define TSO    (F(VIRTIO_NET_F_GUEST_CSUM) | F(VIRTIO_NET_F_GUEST_TSO4))
#define CTRL   F(VIRTIO_NET_F_CTRL_VQ)
#define PACKED F(VIRTIO_F_RING_PACKED)
#define EVENTS F(VIRTIO_F_EVENT_IDX)
#define ALL_OFFLOADS                                                                    \
	(F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4) | F(VIRTIO_NET_F_HOST_TSO6) | \
	 TSO | F(VIRTIO_NET_F_GUEST_TSO6))

#define PAIRS      4
#define MAX_FRAMES 600
#define FRAME      100 /* bytes of a frame of this test, if nothing else is said */

enum { RX, TX };

/* A network that the test plays. */
struct wire {
	struct net_backend backend; /* must be first */
	/* Frames for the guest, per queue: sizes, and a byte that fills them. */
	struct {
		size_t size;
		uint8_t fill;
	} waiting[PAIRS][MAX_FRAMES];
	unsigned nr_waiting[PAIRS], taken[PAIRS];
	bool wanted[PAIRS];
	uint8_t receive_flags;

	/* Frames of the guest. */
	bool full; /* no room: -EAGAIN */
	unsigned nr_sent, nr_refused, sent_all;
	uint8_t last[NET_MAX_FRAME];
	size_t last_size;
	unsigned last_queue;

	uint64_t offloads;
	unsigned pairs;
	bool fails; /* set_offloads() and set_queues() do not work */
	bool closed;
};

static struct wire *to_wire(struct net_backend *backend)
{
	return (struct wire *)backend;
}

static ssize_t wire_receive(struct net_backend *backend, unsigned queue,
			    const struct iovec *iov, unsigned nr_iov)
{
	struct wire *wire = to_wire(backend);
	const unsigned next = wire->taken[queue];
	uint8_t *frame;
	size_t size, room = 0;

	assert_true(nr_iov <= 1024);
	if (next == wire->nr_waiting[queue])
		return -EAGAIN;
	wire->taken[queue]++;
	for (unsigned i = 0; i < nr_iov; i++)
		room += iov[i].iov_len;
	size = NET_HEADER_SIZE + wire->waiting[queue][next].size;
	frame = malloc(size);
	memset(frame, wire->waiting[queue][next].fill, size);
	memset(frame, 0, NET_HEADER_SIZE);
	frame[NET_HDR_FLAGS] = wire->receive_flags;
	frame[NET_HDR_NUM_BUFFERS] = 0xee;
	if (size > room) /* cut, as a tap does */
		size = room;
	frame_scatter(iov, nr_iov, 0, (struct bytes){ frame, size });
	free(frame);
	return (ssize_t)size;
}

static int wire_send(struct net_backend *backend, unsigned queue, const struct iovec *iov,
		     unsigned nr_iov)
{
	struct wire *wire = to_wire(backend);

	if (wire->full) {
		wire->nr_refused++;
		return -EAGAIN;
	}
	assert_true(nr_iov <= 257);
	wire->last_size = frame_gather(wire->last, sizeof(wire->last), iov, nr_iov);
	assert_true(wire->last_size >= NET_HEADER_SIZE + FRAME_HEADER);
	wire->last_queue = queue;
	wire->nr_sent++;
	return 0;
}

static void wire_sent_all(struct net_backend *backend, unsigned queue)
{
	(void)queue;
	to_wire(backend)->sent_all++;
}

static void wire_want_frames(struct net_backend *backend, unsigned queue, bool wanted)
{
	to_wire(backend)->wanted[queue] = wanted;
}

static int wire_set_offloads(struct net_backend *backend, uint64_t features,
			     struct err *err)
{
	if (to_wire(backend)->fails)
		return err_set(err, "no");
	to_wire(backend)->offloads = features & ALL_OFFLOADS;
	return 0;
}

static int wire_set_queues(struct net_backend *backend, unsigned pairs, struct err *err)
{
	if (to_wire(backend)->fails)
		return err_set(err, "no");
	to_wire(backend)->pairs = pairs;
	return 0;
}

static void wire_close(struct net_backend *backend)
{
	to_wire(backend)->closed = true;
}

static const struct net_backend_ops wire_ops = {
	.receive = wire_receive,
	.send = wire_send,
	.sent_all = wire_sent_all,
	.want_frames = wire_want_frames,
	.set_offloads = wire_set_offloads,
	.set_queues = wire_set_queues,
	.close = wire_close,
};

static struct rig rig;
static struct wire wire;

static void plug(const struct config_net *net, unsigned pairs)
{
	struct err err;

	memset(&wire, 0, sizeof(wire));
	wire.backend = (struct net_backend){
		.ops = &wire_ops,
		.info = { .queues = pairs, .offloads = ALL_OFFLOADS, .mtu = 1500 },
	};
	rig_attach(&rig,
		   virtio_net_new_on(&rig.platform, &wire.backend, net, 3, true, &err));
}

static int setup(void **state)
{
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };

	(void)state;
	if (rig_init(&rig))
		return -1;
	plug(&net, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	assert_true(wire.closed);
	return 0;
}

static void replug(const struct config_net *net, unsigned pairs)
{
	virtio_free(rig.virtio);
	plug(net, pairs);
}

/* A frame arrives on the wire. */
static void arrive(unsigned pair, size_t size, uint8_t fill)
{
	assert_true(wire.nr_waiting[pair] < MAX_FRAMES);
	wire.waiting[pair][wire.nr_waiting[pair]].size = size;
	wire.waiting[pair][wire.nr_waiting[pair]++].fill = fill;
}

/* The back end's loop turn: it calls while something is left and wanted, not for ever. */
static void poll_wire(unsigned pair)
{
	const struct net_client *client = &wire.backend.client;

	for (unsigned i = 0;
	     wire.wanted[pair] && wire.taken[pair] < wire.nr_waiting[pair]; i++) {
		assert_true(i < MAX_FRAMES);
		client->readable(client->opaque, pair);
	}
	rig_settle(&rig);
}

/* The driver got the next buffer back, with `size` bytes. */
static void assert_used(unsigned queue, uint32_t size)
{
	uint32_t written = 0;

	assert_int_not_equal(ring_driver_take(&rig.rings[queue], &written), -1);
	assert_int_equal(written, size);
}

static void assert_none_used(unsigned queue)
{
	assert_int_equal(ring_driver_take(&rig.rings[queue], NULL), -1);
}

static uint8_t byte_at(uint64_t gpa)
{
	uint8_t byte;

	assert_true(memory_read(&rig.memory, gpa, &byte, 1));
	return byte;
}

static unsigned num_buffers(uint64_t gpa)
{
	return byte_at(gpa + NET_HDR_NUM_BUFFERS) |
	       (unsigned)byte_at(gpa + NET_HDR_NUM_BUFFERS + 1) << 8;
}

/* -- configuration -- */

static void test_configuration(void **state)
{
	const struct config_net given = { .kind = NET_TAP,
					  .fd = -1,
					  .has_mac = true,
					  .mac = { 2, 1, 2, 3, 4, 5 },
					  .mtu = 9000,
					  .link_down = true };

	(void)state;
	assert_string_equal(rig.virtio->name, "virtio-net.3");
	/* Locally administered, not multicast; LINK_UP; one pair; no MTU. */
	assert_int_equal(rig_config(&rig, 0, 1) & 3, 2);
	assert_int_equal(rig_config(&rig, 6, 2), 1);
	assert_int_equal(rig_config(&rig, 8, 2), 1);
	assert_int_equal(rig.virtio->nr_queues, 3);
	assert_false(rig.virtio->offered & (F(VIRTIO_NET_F_MQ) | F(VIRTIO_NET_F_MTU)));
	assert_true(rig.virtio->offered & F(VIRTIO_NET_F_MAC));
	assert_int_equal(rig.virtio->offered & ALL_OFFLOADS, ALL_OFFLOADS);

	replug(&given, PAIRS);
	assert_int_equal(rig_config(&rig, 0, 8), 0x0000050403020102ull);
	assert_int_equal(rig_config(&rig, 8, 2), PAIRS);
	assert_int_equal(rig_config(&rig, 10, 2), 9000);
	assert_int_equal(rig_config(&rig, 12, 4), 0);
	assert_int_equal(rig.virtio->nr_queues, 2 * PAIRS + 1);
	assert_true(rig.virtio->offered & F(VIRTIO_NET_F_MQ));
	assert_true(rig.virtio->offered & F(VIRTIO_NET_F_MTU));
}

/* The same address at each start, and another for each interface. */
static void test_default_mac(void **state)
{
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };
	static const char *const names[] = { "", "tap0", "tap0", "tap1" };
	uint64_t macs[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct err err;
		struct virtio *other;
		struct wire *own = calloc(1, sizeof(*own));

		own->backend.ops = &wire_ops;
		own->backend.info.queues = 1;
		(void)snprintf(own->backend.info.name, NET_NAME_SIZE, "%s", names[i]);
		other = virtio_net_new_on(&rig.platform, &own->backend, &net, 0, false,
					  &err);
		assert_non_null(other);
		macs[i] = 0;
		virtio_read_config(other, 0, &macs[i], 6);
		assert_int_equal(macs[i] & 3, 2);
		virtio_free(other);
		free(own);
	}
	assert_int_equal(macs[1], macs[2]);
	assert_int_not_equal(macs[1], macs[3]);
	assert_int_not_equal(macs[0], macs[1]);
}

static void test_deleted_interface(void **state)
{
	(void)state;
	rig_drive(&rig, F(VIRTIO_NET_F_STATUS));
	wire.backend.client.gone(wire.backend.client.opaque);
	rig_settle(&rig);
	assert_int_equal(rig_config(&rig, 6, 2), 0);
	assert_int_equal(rig.config_interrupts, 1);
	assert_false(rig_is_broken(&rig));
}

/* -- receive -- */

static void receive_merged_as(uint64_t features)
{
	uint64_t buffers[RIG_RING_SIZE];

	/* Enough for the longest frame: they are read straight into the buffers. */
	rig_drive(&rig, features | MRG | TSO);
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		buffers[i] = rig_post(&rig, RX, 5000);
	rig_kick(&rig, RX);
	assert_true(wire.wanted[0]);
	arrive(0, FRAME, 0x11);
	arrive(0, 5000 - NET_HEADER_SIZE, 0x22); /* just one */
	arrive(0, 5001 - NET_HEADER_SIZE, 0x33); /* just two */
	poll_wire(0);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
	assert_int_equal(num_buffers(buffers[0]), 1);
	assert_int_equal(byte_at(buffers[0] + NET_HEADER_SIZE + FRAME - 1), 0x11);
	assert_int_equal(byte_at(buffers[0] + NET_HEADER_SIZE + FRAME), 0);
	assert_used(RX, 5000);
	assert_int_equal(num_buffers(buffers[1]), 1);
	assert_int_equal(byte_at(buffers[1] + 4999), 0x22);
	assert_used(RX, 5000);
	assert_used(RX, 1);
	assert_int_equal(num_buffers(buffers[2]), 2);
	assert_int_equal(byte_at(buffers[3]), 0x33);
	assert_int_equal(byte_at(buffers[3] + 1), 0);
	assert_none_used(RX);
	assert_true(rig.interrupts[RX] > 0);
	assert_false(rig_is_broken(&rig));
}

static void test_receive_merged(void **state)
{
	(void)state;
	receive_merged_as(0);
}

static void test_receive_merged_packed(void **state)
{
	(void)state;
	receive_merged_as(PACKED | EVENTS);
}

/* A frame of 60 KiB needs many buffers; it waits until the driver has posted them. */
static void large_frames_as(uint64_t features)
{
	const size_t size = 14 * 4096 + 100;
	uint64_t first;

	rig_drive(&rig, features | MRG | TSO);
	assert_true(wire.offloads & F(VIRTIO_NET_F_GUEST_TSO4));
	first = rig_post(&rig, RX, 4096);
	for (unsigned i = 0; i < 9; i++)
		rig_post(&rig, RX, 4096);
	rig_kick(&rig, RX);
	arrive(0, size, 0x44);
	arrive(0, FRAME, 0x55);
	poll_wire(0);
	assert_none_used(RX);
	assert_false(wire.wanted[0]); /* the rest stays in the host */
	assert_int_equal(wire.taken[0], 1);
	assert_true(ring_driver_must_kick(&rig.rings[RX]));
	for (unsigned i = 0; i < 6; i++)
		rig_post(&rig, RX, 4096);
	assert_true(ring_driver_must_kick(&rig.rings[RX]));
	rig_kick(&rig, RX);
	poll_wire(0);
	for (unsigned i = 0; i < 14; i++)
		assert_used(RX, 4096);
	assert_used(RX, 100 + NET_HEADER_SIZE);
	assert_int_equal(num_buffers(first), 15);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
	assert_none_used(RX);
	/* None is left. */
	assert_false(wire.wanted[0]);
	assert_false(rig_is_broken(&rig));
}

static void test_large_frames(void **state)
{
	(void)state;
	large_frames_as(0);
}

static void test_large_frames_packed(void **state)
{
	(void)state;
	large_frames_as(PACKED);
}

/* With all its buffers posted a driver cannot take the frame: it is lost, not the rest. */
static void test_frame_that_never_fits(void **state)
{
	(void)state;
	rig_drive(&rig, MRG | TSO);
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		rig_post(&rig, RX, 1000);
	rig_kick(&rig, RX);
	arrive(0, 20000, 1);
	arrive(0, FRAME, 2);
	poll_wire(0);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
	assert_none_used(RX);
	assert_true(wire.wanted[0]);
}

/* Without MRG_RXBUF a frame has one buffer; one that is longer is lost. */
static void test_receive_unmerged(void **state)
{
	uint64_t buffers[4];

	(void)state;
	rig_drive(&rig, 0);
	for (unsigned i = 0; i < 4; i++)
		buffers[i] = rig_post(&rig, RX, 1526);
	rig_kick(&rig, RX);
	arrive(0, 1514, 1); /* just fits */
	arrive(0, 1515, 2);
	arrive(0, FRAME, 3);
	poll_wire(0);
	assert_used(RX, 1526);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
	assert_none_used(RX);
	assert_int_equal(num_buffers(buffers[0]), 1);
	assert_int_equal(num_buffers(buffers[1]), 1);
}

/* No buffers: nothing is taken from the wire, nobody is called again, and then all is. */
static void test_no_buffers(void **state)
{
	(void)state;
	rig_drive(&rig, MRG);
	assert_false(wire.wanted[0]);
	for (unsigned i = 0; i < 100; i++)
		arrive(0, FRAME, (uint8_t)i);
	poll_wire(0);
	assert_int_equal(wire.taken[0], 0);
	assert_false(rig_is_busy(&rig, 50));
	for (unsigned i = 0; i < 100;) {
		unsigned posted = 0;

		while (posted < 7 && i + posted < 100) {
			rig_post(&rig, RX, 300);
			posted++;
		}
		assert_true(ring_driver_must_kick(&rig.rings[RX]));
		rig_kick(&rig, RX);
		poll_wire(0);
		for (unsigned j = 0; j < posted; j++, i++)
			assert_used(RX, FRAME + NET_HEADER_SIZE);
		assert_none_used(RX);
		assert_false(wire.wanted[0] && i < 100);
	}
	assert_false(rig_is_busy(&rig, 50));
}

/* A turn is bounded, and still all frames come. */
static void test_many_frames(void **state)
{
	const struct net_client *client = &wire.backend.client;
	unsigned got = 0;

	(void)state;
	rig_drive(&rig, MRG);
	for (unsigned i = 0; i < MAX_FRAMES; i++)
		arrive(0, FRAME, (uint8_t)i);
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		rig_post(&rig, RX, 1600);
	rig_kick(&rig, RX);
	while (got < MAX_FRAMES) {
		if (wire.wanted[0])
			client->readable(client->opaque, 0);
		while (ring_driver_take(&rig.rings[RX], NULL) != -1) {
			got++;
			rig_post(&rig, RX, 1600);
		}
		rig_kick(&rig, RX);
	}
	assert_int_equal(wire.taken[0], MAX_FRAMES);
}

/* 5.1.6.4.1: flags are zero unless the driver agreed to GUEST_CSUM. */
static void test_receive_flags(void **state)
{
	uint64_t buffer;

	(void)state;
	wire.receive_flags = VIRTIO_NET_HDR_F_DATA_VALID;
	for (unsigned agreed = 0; agreed < 2; agreed++) {
		rig_drive(&rig, MRG | (agreed ? F(VIRTIO_NET_F_GUEST_CSUM) : 0));
		buffer = rig_post(&rig, RX, 2048);
		rig_kick(&rig, RX);
		arrive(0, FRAME, 1);
		poll_wire(0);
		assert_used(RX, FRAME + NET_HEADER_SIZE);
		assert_int_equal(byte_at(buffer), agreed * VIRTIO_NET_HDR_F_DATA_VALID);
		rig_reset(&rig);
	}
}

/* The header itself may be spread over segments. */
static void test_scattered_buffers(void **state)
{
	struct ring_driver *ring = &rig.rings[RX];
	struct ring_segment segments[4];

	(void)state;
	rig_drive(&rig, MRG);
	for (unsigned i = 0; i < 4; i++)
		segments[i] = (struct ring_segment){ ring_driver_buffer(ring, NULL, 1600),
						     i < 2 ? 5 : 800, RING_IN };
	assert_int_not_equal(ring_driver_add(ring, segments, 4), -1);
	rig_kick(&rig, RX);
	arrive(0, FRAME, 0x66);
	poll_wire(0);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
	assert_int_equal(byte_at(segments[2].gpa), 1); /* num_buffers: offset 10 */
	assert_int_equal(byte_at(segments[2].gpa + 1), 0);
	assert_int_equal(byte_at(segments[2].gpa + 2), 0x66);
}

static void test_bad_receive_buffers(void **state)
{
	struct ring_driver *ring = &rig.rings[RX];

	(void)state;
	rig_drive(&rig, MRG);
	rig_post(&rig, RX, NET_HEADER_SIZE - 1);
	rig_kick(&rig, RX);
	assert_true(rig_is_broken(&rig));
	assert_false(wire.wanted[0]);
	rig_reset(&rig);

	rig_drive(&rig, MRG);
	assert_int_not_equal(
		ring_driver_add(
			ring,
			(struct ring_segment[]){
				{ ring_driver_buffer(ring, NULL, 100), 100, RING_OUT },
				{ ring_driver_buffer(ring, NULL, 1600), 1600, RING_IN } },
			2),
		-1);
	rig_kick(&rig, RX);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);

	/* And the card works again. */
	rig_drive(&rig, MRG);
	rig_post(&rig, RX, 1600);
	rig_kick(&rig, RX);
	arrive(0, FRAME, 1);
	poll_wire(0);
	assert_used(RX, FRAME + NET_HEADER_SIZE);
}

/* After a reset nothing of the driver's old buffers is written. */
static void test_reset_with_buffers_in_hand(void **state)
{
	uint64_t buffer;

	(void)state;
	rig_drive(&rig, MRG | TSO);
	buffer = rig_post(&rig, RX, 1600);
	rig_kick(&rig, RX);
	arrive(0, 5000, 0x77); /* waits aside for more buffers */
	poll_wire(0);
	rig_reset(&rig);
	assert_false(wire.wanted[0]);
	assert_int_equal(wire.offloads, 0);
	arrive(0, FRAME, 0x77);
	wire.backend.client.readable(wire.backend.client.opaque, 0);
	rig_settle(&rig);
	for (unsigned i = 0; i < 1600; i += 100)
		assert_int_equal(byte_at(buffer + i), 0);
}

/* -- transmit -- */

static uint8_t frame[NET_HEADER_SIZE + 70000];

static void make_frame(size_t size, uint8_t fill)
{
	memset(frame, 0, NET_HEADER_SIZE);
	memset(frame + NET_HEADER_SIZE, fill, size);
}

static void send_frame(size_t size)
{
	assert_int_not_equal(rig_send(&rig, TX, frame, NET_HEADER_SIZE + size), -1);
}

static void transmit_as(uint64_t features)
{
	struct ring_driver *ring = &rig.rings[TX];
	struct ring_segment parts[3];
	uint64_t gpa;

	rig_drive(&rig, features);
	make_frame(1514, 0x10);
	send_frame(1514);
	rig_kick(&rig, TX);
	assert_used(TX, 0);
	assert_int_equal(wire.nr_sent, 1);
	assert_int_equal(wire.last_size, NET_HEADER_SIZE + 1514);
	assert_int_equal(wire.last[NET_HEADER_SIZE + 1513], 0x10);
	assert_true(wire.sent_all > 0);

	/* Header and frame cut anywhere. */
	for (uint32_t cut = 1; cut < 40; cut++) {
		gpa = ring_driver_buffer(ring, frame, NET_HEADER_SIZE + FRAME);
		parts[0] = (struct ring_segment){ gpa, cut, RING_OUT };
		parts[1] = (struct ring_segment){ gpa + cut, 7, RING_OUT };
		parts[2] = (struct ring_segment){ gpa + cut + 7,
						  NET_HEADER_SIZE + FRAME - cut - 7,
						  RING_OUT };
		assert_int_not_equal(ring_driver_add(ring, parts, 3), -1);
		assert_true(ring_driver_must_kick(ring));
		rig_kick(&rig, TX);
		assert_used(TX, 0);
		assert_int_equal(wire.nr_sent, 1 + cut);
		assert_int_equal(wire.last_size, NET_HEADER_SIZE + FRAME);
		assert_memory_equal(wire.last, frame, NET_HEADER_SIZE + FRAME);
	}
	assert_false(rig_is_broken(&rig));
}

static void test_transmit(void **state)
{
	(void)state;
	transmit_as(0);
}

static void test_transmit_packed(void **state)
{
	(void)state;
	transmit_as(PACKED | EVENTS);
}

/* The wire is full: the frame waits, nobody spins, and then it goes, once, in order. */
static void test_full_wire(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	wire.full = true;
	for (unsigned i = 0; i < 5; i++) {
		make_frame(FRAME, (uint8_t)(0x20 + i));
		send_frame(FRAME);
	}
	assert_true(ring_driver_must_kick(&rig.rings[TX]));
	rig_kick(&rig, TX);
	assert_none_used(TX);
	assert_true(wire.nr_refused <= 2);
	assert_false(rig_is_busy(&rig, 50));
	wire.full = false;
	wire.backend.client.writable(wire.backend.client.opaque, 0);
	rig_settle(&rig);
	assert_int_equal(wire.nr_sent, 5);
	assert_int_equal(wire.last[NET_HEADER_SIZE], 0x24);
	for (unsigned i = 0; i < 5; i++)
		assert_used(TX, 0);
	assert_none_used(TX);
}

static void test_reset_with_a_frame_waiting(void **state)
{
	(void)state;
	rig_drive(&rig, 0);
	wire.full = true;
	make_frame(FRAME, 1);
	send_frame(FRAME);
	rig_kick(&rig, TX);
	rig_reset(&rig);
	wire.full = false;
	wire.backend.client.writable(wire.backend.client.opaque, 0);
	rig_settle(&rig);
	assert_int_equal(wire.nr_sent, 0);
	rig_drive(&rig, 0);
	send_frame(FRAME);
	rig_kick(&rig, TX);
	assert_int_equal(wire.nr_sent, 1);
}

/* Frames that must not reach the host; the driver gets its buffers back. */
static void test_refused_frames(void **state)
{
	static const struct {
		const char *what;
		size_t size;
		uint8_t header[NET_HEADER_SIZE];
	} cases[] = {
		{ "no frame behind the header", 0, { 0 } },
		{ "shorter than Ethernet", 13, { 0 } },
		{ "longer than all", 65551, { 0 } },
		{ "checksum outside", FRAME, { 1, 0, 0, 0, 0, 0, 98, 0, 1, 0 } },
		{ "checksum far outside",
		  FRAME,
		  { 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff } },
		{ "segments of no size", FRAME, { 1, 1, 54, 0, 0, 0, 34, 0, 16, 0 } },
		{ "segments without checksum",
		  FRAME,
		  { 0, 1, 54, 0, 9, 0, 34, 0, 16, 0 } },
		{ "header longer than all", FRAME, { 1, 1, 101, 0, 9, 0, 34, 0, 16, 0 } },
		{ "UFO was not offered", FRAME, { 1, 3, 54, 0, 9, 0, 34, 0, 16, 0 } },
		{ "TSO6 was not agreed", FRAME, { 1, 4, 54, 0, 9, 0, 34, 0, 16, 0 } },
		{ "ECN was not offered", FRAME, { 1, 0x81, 54, 0, 9, 0, 34, 0, 16, 0 } },
		{ "no such segmentation", FRAME, { 1, 2, 54, 0, 9, 0, 34, 0, 16, 0 } },
	};

	(void)state;
	rig_drive(&rig, F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4));
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(frame, 0x45, sizeof(frame));
		memcpy(frame, cases[i].header, NET_HEADER_SIZE);
		send_frame(cases[i].size);
		rig_kick(&rig, TX);
		if (wire.nr_sent)
			fail_msg("%s: it was sent", cases[i].what);
		assert_used(TX, 0);
	}
	assert_false(rig_is_broken(&rig));
	/* What is left is right: TSO4, and the longest frame. */
	memset(frame, 0, NET_HEADER_SIZE);
	memcpy(frame, (uint8_t[]){ 1, 1, 54, 0, 100, 0, 34, 0, 16, 0 }, 10);
	send_frame(FRAME);
	rig_kick(&rig, TX);
	assert_int_equal(wire.nr_sent, 1);
	assert_memory_equal(wire.last, frame, NET_HEADER_SIZE + FRAME);
	memset(frame, 0, NET_HEADER_SIZE);
	send_frame(65550);
	rig_kick(&rig, TX);
	assert_int_equal(wire.nr_sent, 2);
}

/* What a driver should not set does not reach the kernel; without CSUM nothing does. */
static void test_cleaned_header(void **state)
{
	static const uint8_t zeroes[NET_HEADER_SIZE];

	(void)state;
	rig_drive(&rig, 0);
	make_frame(FRAME, 1);
	memcpy(frame, (uint8_t[]){ 0xfe, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9 }, 12);
	send_frame(FRAME);
	rig_kick(&rig, TX);
	assert_int_equal(wire.nr_sent, 1);
	assert_memory_equal(wire.last, zeroes, NET_HEADER_SIZE);
	frame[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM; /* not agreed */
	send_frame(FRAME);
	rig_kick(&rig, TX);
	assert_int_equal(wire.nr_sent, 1);
}

/* -- the control queue -- */

#define OK  0
#define ERR 1

/* A command with `size` bytes of data: the answer. */
static int control(unsigned queue, uint8_t class, uint8_t command, const void *data,
		   size_t size)
{
	struct ring_driver *ring = &rig.rings[queue];
	const uint8_t header[2] = { class, command };
	struct ring_segment segments[3] = {
		{ ring_driver_buffer(ring, header, 2), 2, RING_OUT },
	};
	unsigned n = 1;
	uint64_t ack = ring_driver_buffer(ring, "\xaa", 1);

	if (size)
		segments[n++] =
			(struct ring_segment){ ring_driver_buffer(ring, data, size),
					       (uint32_t)size, RING_OUT };
	segments[n++] = (struct ring_segment){ ack, 1, RING_IN };
	assert_int_not_equal(ring_driver_add(ring, segments, n), -1);
	assert_true(ring_driver_must_kick(ring));
	rig_kick(&rig, queue);
	assert_used(queue, 1);
	return byte_at(ack);
}

static void test_control(void **state)
{
	const unsigned queue = 2; /* without MQ */
	const uint64_t tso = F(VIRTIO_NET_F_GUEST_CSUM), no = F(VIRTIO_NET_F_GUEST_TSO6);
	const uint8_t table[] = { 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0 };
	uint8_t bad[sizeof(table)];

	(void)state;
	rig_drive(&rig, CTRL | TSO | EVENTS | F(VIRTIO_NET_F_CTRL_RX) |
				F(VIRTIO_NET_F_CTRL_MAC_ADDR) |
				F(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS));
	/* Promiscuous and all multicast; the others need CTRL_RX_EXTRA. */
	assert_int_equal(control(queue, 0, 0, "\1", 1), OK);
	assert_int_equal(control(queue, 0, 1, "\0", 1), OK);
	assert_int_equal(control(queue, 0, 0, "\2", 1), ERR);
	assert_int_equal(control(queue, 0, 0, "\1\1", 2), ERR);
	assert_int_equal(control(queue, 0, 0, NULL, 0), ERR);
	assert_int_equal(control(queue, 0, 2, "\1", 1), ERR);

	assert_int_equal(control(queue, 1, 0, table, sizeof(table)), OK);
	for (size_t size = 0; size < sizeof(table); size++)
		assert_int_equal(control(queue, 1, 0, table, size), ERR);
	memcpy(bad, table, sizeof(bad));
	memset(bad, 0xff, 4);
	assert_int_equal(control(queue, 1, 0, bad, sizeof(bad)), ERR);
	memcpy(bad, table, sizeof(bad));
	memset(bad + 10, 0xff, 4);
	assert_int_equal(control(queue, 1, 0, bad, sizeof(bad)), ERR);

	assert_int_equal(control(queue, 1, 1, "\2\1\2\3\4\5", 6), OK);
	assert_int_equal(rig_config(&rig, 0, 8), 0x0001050403020102ull);
	assert_int_equal(control(queue, 1, 1, "\2\1\2\3\4", 5), ERR);
	assert_int_equal(control(queue, 1, 1, "\2\1\2\3\4\5\6", 7), ERR);

	assert_int_equal(control(queue, 5, 0, &tso, 8), OK);
	assert_int_equal(wire.offloads, tso);
	assert_int_equal(control(queue, 5, 0, &no, 8), ERR); /* not agreed */
	assert_int_equal(control(queue, 5, 0, &tso, 7), ERR);
	assert_int_equal(wire.offloads, tso);
	wire.fails = true;
	assert_int_equal(control(queue, 5, 0, &tso, 8), ERR);
	wire.fails = false;

	assert_int_equal(control(queue, 4, 0, "\1\0", 2), ERR); /* no MQ */
	assert_int_equal(control(queue, 2, 0, "\1\0", 2), ERR); /* no VLAN filter */
	assert_int_equal(control(queue, 3, 0, NULL, 0), ERR);
	assert_int_equal(control(queue, 255, 255, NULL, 0), ERR);
	assert_false(rig_is_broken(&rig));

	/* The address of the card comes back with a reset. */
	rig_reset(&rig);
	assert_int_not_equal(rig_config(&rig, 0, 8), 0x0001050403020102ull);
}

static void test_control_without_features(void **state)
{
	(void)state;
	rig_drive(&rig, CTRL);
	assert_int_equal(control(2, 0, 0, "\1", 1), ERR);
	assert_int_equal(control(2, 1, 0, "\0\0\0\0\0\0\0\0", 8), ERR);
	assert_int_equal(control(2, 1, 1, "\2\1\2\3\4\5", 6), ERR);
	assert_int_equal(control(2, 5, 0, "\0\0\0\0\0\0\0\0", 8), ERR);
	assert_false(rig_is_broken(&rig));
}

/* No place for the answer, or no command: the driver has to start anew. */
static void test_malformed_commands(void **state)
{
	(void)state;
	rig_drive(&rig, CTRL);
	rig_send(&rig, 2, "\0\0\1", 3);
	rig_kick(&rig, 2);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	rig_drive(&rig, CTRL);
	rig_post(&rig, 2, 1);
	rig_kick(&rig, 2);
	assert_true(rig_is_broken(&rig));
	rig_reset(&rig);
	rig_drive(&rig, CTRL | F(VIRTIO_NET_F_CTRL_RX));
	assert_int_equal(control(2, 0, 0, "\1", 1), OK);
}

/* -- queue pairs -- */

static void test_queue_pairs(void **state)
{
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };
	const unsigned queue = 2 * PAIRS;

	(void)state;
	replug(&net, PAIRS);
	rig_drive(&rig, CTRL | MRG | F(VIRTIO_NET_F_MQ));
	assert_int_equal(wire.pairs, 1);
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		rig_post(&rig, 2 * pair, 1600);
		rig_kick(&rig, 2 * pair);
	}
	/* Queues that are not in use are not touched. */
	assert_true(wire.wanted[0]);
	assert_false(wire.wanted[PAIRS - 1]);
	assert_int_equal(control(queue, 4, 0, "\0\0", 2), ERR);
	assert_int_equal(control(queue, 4, 0, "\5\0", 2), ERR);
	assert_int_equal(control(queue, 4, 0, "\1", 1), ERR);
	assert_int_equal(control(queue, 4, 1, "\1\0", 2), ERR);
	wire.fails = true;
	assert_int_equal(control(queue, 4, 0, "\2\0", 2), ERR);
	wire.fails = false;
	assert_int_equal(wire.pairs, 1);

	assert_int_equal(control(queue, 4, 0, "\4\0", 2), OK);
	assert_int_equal(wire.pairs, PAIRS);
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		/* Without another kick: the buffers were posted before. */
		assert_true(wire.wanted[pair]);
		arrive(pair, FRAME, (uint8_t)pair);
		poll_wire(pair);
		assert_used(2 * pair, FRAME + NET_HEADER_SIZE);
		make_frame(FRAME, (uint8_t)(0x30 + pair));
		assert_int_not_equal(
			rig_send(&rig, 2 * pair + 1, frame, NET_HEADER_SIZE + FRAME), -1);
		rig_kick(&rig, 2 * pair + 1);
		assert_used(2 * pair + 1, 0);
		assert_int_equal(wire.last_queue, pair);
		assert_int_equal(wire.last[NET_HEADER_SIZE], 0x30 + pair);
	}
	rig_reset(&rig);
	assert_int_equal(wire.pairs, 1);
	for (unsigned pair = 0; pair < PAIRS; pair++)
		assert_false(wire.wanted[pair]);
}

/* Without MQ the control queue is queue 2 (5.1.2), which otherwise receives. */
static void test_pairs_without_mq(void **state)
{
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };

	(void)state;
	replug(&net, PAIRS);
	rig_drive(&rig, CTRL | F(VIRTIO_NET_F_CTRL_RX));
	assert_int_equal(control(2, 0, 0, "\1", 1), OK);
	rig_kick(&rig, 2 * PAIRS);
	rig_kick(&rig, 3);
	assert_false(rig_is_broken(&rig));
}

/* -- state -- */

static void test_save_and_load(void **state)
{
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };
	struct state_writer writer = { 0 };
	struct err err;

	(void)state;
	replug(&net, PAIRS);
	rig_drive(&rig, CTRL | TSO | F(VIRTIO_NET_F_MQ) | F(VIRTIO_NET_F_CTRL_MAC_ADDR));
	assert_int_equal(control(2 * PAIRS, 1, 1, "\2\6\6\6\6\6", 6), OK);
	assert_int_equal(control(2 * PAIRS, 4, 0, "\3\0", 2), OK);
	assert_int_equal(virtio_save(rig.virtio, &writer, &err), 0);

	replug(&net, PAIRS);
	assert_int_equal(
		virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err),
		0);
	rig_settle(&rig);
	assert_int_equal(rig_config(&rig, 0, 6), 0x060606060602ull);
	assert_int_equal(wire.pairs, 3);
	assert_int_equal(wire.offloads, TSO);

	/* A card with fewer pairs cannot have got there. */
	replug(&net, 2);
	assert_int_equal(
		virtio_load(rig.virtio, (struct bytes){ writer.data, writer.size }, &err),
		-1);
	state_writer_free(&writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configuration),
		TEST(test_default_mac),
		TEST(test_deleted_interface),
		TEST(test_receive_merged),
		TEST(test_receive_merged_packed),
		TEST(test_large_frames),
		TEST(test_large_frames_packed),
		TEST(test_frame_that_never_fits),
		TEST(test_receive_unmerged),
		TEST(test_no_buffers),
		TEST(test_many_frames),
		TEST(test_receive_flags),
		TEST(test_scattered_buffers),
		TEST(test_bad_receive_buffers),
		TEST(test_reset_with_buffers_in_hand),
		TEST(test_transmit),
		TEST(test_transmit_packed),
		TEST(test_full_wire),
		TEST(test_reset_with_a_frame_waiting),
		TEST(test_refused_frames),
		TEST(test_cleaned_header),
		TEST(test_control),
		TEST(test_control_without_features),
		TEST(test_malformed_commands),
		TEST(test_queue_pairs),
		TEST(test_pairs_without_mq),
		TEST(test_save_and_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
