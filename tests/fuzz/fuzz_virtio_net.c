/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card, on a back end that does what the input says: it has frames of any
 * length, is full at times, and goes away.
 */
#include <errno.h>

#include "virtio/net.h"
#include "virtio_fuzz.h"

#define PAIRS 2u
#define F_CSUM_TO_USO                                                          \
	(net_bit(VIRTIO_NET_F_CSUM) | net_bit(VIRTIO_NET_F_GUEST_CSUM) |       \
	 net_bit(VIRTIO_NET_F_GUEST_TSO4) | net_bit(VIRTIO_NET_F_GUEST_TSO6) | \
	 net_bit(VIRTIO_NET_F_HOST_TSO4) | net_bit(VIRTIO_NET_F_HOST_TSO6) |   \
	 net_bit(VIRTIO_NET_F_GUEST_USO4) | net_bit(VIRTIO_NET_F_GUEST_USO6) | \
	 net_bit(VIRTIO_NET_F_HOST_USO))

struct back_end {
	struct net_backend backend; /* must be first */
	const struct memory *memory;
	unsigned frames[PAIRS]; /* that wait to be received */
	size_t length;          /* of each, with the header */
	bool wanted[PAIRS], full[PAIRS], refused[PAIRS];
	unsigned sent;
	uint64_t last_sent; /* bytes */
	bool fail;
};

static struct back_end *to_back_end(struct net_backend *backend)
{
	return (struct back_end *)backend;
}

/* Touch all of it, as writev(2) would. */
static uint64_t touch(const struct iovec *iov, unsigned nr_iov)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < nr_iov; i++) {
		const volatile uint8_t *base = iov[i].iov_base;

		for (size_t k = 0; k < iov[i].iov_len; k++)
			(void)base[k];
		size += iov[i].iov_len;
	}
	return size;
}

static ssize_t receive(struct net_backend *backend, unsigned queue,
		       const struct iovec *iov, unsigned nr_iov)
{
	struct back_end *be = to_back_end(backend);
	size_t left = be->length;

	FUZZ_CHECK(queue < PAIRS && nr_iov <= 1024);
	if (!be->frames[queue])
		return -EAGAIN;
	be->frames[queue]--;
	for (unsigned i = 0; i < nr_iov && left; i++) {
		size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;

		memset(iov[i].iov_base, 0, n);
		left -= n;
	}
	return left ? -EMSGSIZE : (ssize_t)be->length;
}

static int send(struct net_backend *backend, unsigned queue, const struct iovec *iov,
		unsigned nr_iov)
{
	struct back_end *be = to_back_end(backend);
	uint64_t size;

	FUZZ_CHECK(queue < PAIRS && nr_iov && nr_iov <= 1024);
	FUZZ_CHECK(iov[0].iov_len == NET_HEADER_SIZE);
	if (be->full[queue]) {
		be->refused[queue] = true;
		return -EAGAIN;
	}
	size = touch(iov, nr_iov);
	FUZZ_CHECK(size >= NET_HEADER_SIZE + 14 && size <= NET_MAX_FRAME);
	be->sent++;
	be->last_sent = size;
	return 0;
}

static void want_frames(struct net_backend *backend, unsigned queue, bool wanted)
{
	FUZZ_CHECK(queue < PAIRS);
	to_back_end(backend)->wanted[queue] = wanted;
}

static int set_offloads(struct net_backend *backend, uint64_t features, struct err *err)
{
	(void)features;
	return to_back_end(backend)->fail ? err_set(err, "it fails") : 0;
}

static int set_queues(struct net_backend *backend, unsigned pairs, struct err *err)
{
	FUZZ_CHECK(pairs >= 1 && pairs <= PAIRS);
	return to_back_end(backend)->fail ? err_set(err, "it fails") : 0;
}

static void close_nothing(struct net_backend *backend)
{
	(void)backend;
}

static const struct net_backend_ops ops = {
	.receive = receive,
	.send = send,
	.want_frames = want_frames,
	.set_offloads = set_offloads,
	.set_queues = set_queues,
	.close = close_nothing,
};

/* One at a time, and there is one VM in an input. */
static struct back_end *the_back_end(void)
{
	static struct back_end be;

	return &be;
}

static struct virtio *make(struct fuzz_virtio *fuzz)
{
	struct back_end *be = the_back_end();
	const struct config_net net = { .kind = NET_TAP, .fd = -1 };
	struct err err;

	*be = (struct back_end){
		.backend = {
			.ops = &ops,
			.info = {
				.queues = 1 + fuzz->variant % PAIRS,
				.offloads = fuzz->variant & 2 ? F_CSUM_TO_USO : 0,
				.mtu = fuzz->variant & 4 ? 9000 : 1500,
				.tap_fds = { -1, -1 },
			},
		},
		.memory = fuzz->memory,
		.length = 64,
	};
	return virtio_net_new_on(&fuzz->platform, &be->backend, &net, 0, fuzz->packed,
				 &err);
}

static unsigned add_frame(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint8_t header[NET_HEADER_SIZE] = { 0 };
	unsigned how = fuzz_below(fuzz, 256);
	unsigned nr = 1;

	if (how & 1) {
		header[NET_HDR_FLAGS] = (uint8_t)fuzz_below(fuzz, 4);
		header[NET_HDR_GSO_TYPE] = (uint8_t)fuzz_below(fuzz, 8);
		for (unsigned i = NET_HDR_HDR_LEN; i < NET_HDR_NUM_BUFFERS; i += 2)
			store_le16(header + i, (uint16_t)fuzz_below(fuzz, 256));
	}
	segments[0] = fuzz_data(fuzz, header, sizeof(header));
	while (nr <= how / 2 % 8) {
		segments[nr] = fuzz_segment(fuzz, how & 0x20 ? 16000 : 600, RING_OUT);
		nr++;
	}
	return nr;
}

static unsigned add_command(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint8_t command[64] = { 0 };
	unsigned size = 2 + fuzz_below(fuzz, 30);

	command[0] = (uint8_t)fuzz_below(fuzz, 6);
	command[1] = (uint8_t)fuzz_below(fuzz, 6);
	for (unsigned i = 2; i < size; i++)
		command[i] = (uint8_t)fuzz_below(fuzz, 256);
	if (command[0] == 4) { /* MQ */
		size = 4;
		command[3] = 0;
	}
	segments[0] = fuzz_data(fuzz, command, size);
	segments[1] = (struct ring_segment){ FUZZ_BUFFERS, 1, RING_IN };
	return 2;
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	unsigned nr;

	if (queue == fuzz->virtio->nr_queues - 1)
		return add_command(fuzz, segments);
	if (queue % 2)
		return add_frame(fuzz, segments);
	nr = 1 + fuzz_below(fuzz, 3);
	for (unsigned i = 0; i < nr; i++) {
		segments[i] = fuzz_segment(fuzz, 4096, RING_IN);
		segments[i].len += NET_HEADER_SIZE;
	}
	return nr;
}

static void outside(struct fuzz_virtio *fuzz)
{
	struct back_end *be = the_back_end();
	const struct net_client *client = &be->backend.client;
	unsigned what = fuzz_below(fuzz, 8);
	unsigned queue = fuzz_below(fuzz, be->backend.info.queues);

	switch (what) {
	case 0 ... 3: /* frames come */
		be->frames[queue] = fuzz_below(fuzz, 100);
		be->length = NET_HEADER_SIZE + fuzz_next(&fuzz->input, 2);
		/* As a back end: again and again, as long as it wants them. */
		for (unsigned i = 0; be->frames[queue] && be->wanted[queue]; i++) {
			FUZZ_CHECK(i < 1000);
			client->readable(client->opaque, queue);
			fuzz_settle(fuzz);
		}
		break;
	case 4:
		be->full[queue] = true;
		break;
	case 5:
		be->full[queue] = false;
		if (be->refused[queue])
			client->writable(client->opaque, queue);
		be->refused[queue] = false;
		break;
	case 6:
		client->gone(client->opaque);
		break;
	default:
		be->fail = !be->fail;
	}
	fuzz_settle(fuzz);
}

static void calm_down(struct fuzz_virtio *fuzz)
{
	struct back_end *be = the_back_end();

	(void)fuzz;
	for (unsigned i = 0; i < PAIRS; i++) {
		be->full[i] = false;
		be->frames[i] = 0;
	}
	be->fail = false;
}

/* A frame goes out whole, and one comes in. */
static void check_alive(struct fuzz_virtio *fuzz)
{
	struct back_end *be = the_back_end();
	struct ring_segment out[2] = { { FUZZ_BUFFERS, NET_HEADER_SIZE, RING_OUT },
				       { FUZZ_BUFFERS + 0x1000, 1000, RING_OUT } };
	struct ring_segment in = { FUZZ_BUFFERS + 0x2000, 4096, RING_IN };
	const uint8_t header[NET_HEADER_SIZE] = { 0 };
	uint32_t written = 0;
	int id;

	be->sent = 0;
	FUZZ_CHECK(memory_write(fuzz->memory, FUZZ_BUFFERS, header, sizeof(header)));
	fuzz_ask(fuzz, 1, out, 2);
	FUZZ_CHECK(be->sent == 1 && be->last_sent == NET_HEADER_SIZE + 1000);

	id = ring_driver_add(&fuzz->rings[0], &in, 1);
	virtio_kick(fuzz->virtio, 0);
	fuzz_settle(fuzz);
	FUZZ_CHECK(be->wanted[0]);
	be->frames[0] = 1;
	be->length = NET_HEADER_SIZE + 100;
	be->backend.client.readable(be->backend.client.opaque, 0);
	fuzz_settle(fuzz);
	FUZZ_CHECK(ring_driver_take(&fuzz->rings[0], &written) == id);
	FUZZ_CHECK(written == NET_HEADER_SIZE + 100);
}

static const struct fuzz_target net = { make, request, outside, calm_down, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&net, data, size);
}
