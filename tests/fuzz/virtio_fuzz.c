/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device driven by the input of a fuzzer: see virtio_fuzz.h. */
#include <poll.h>

#include "virtio/transport.h"
#include "virtio_fuzz.h"

#define MMIO_BASE   0xd0000000ull
#define MAX_RING    16u
#define MAX_TURNS   20000u
#define PATIENCE_MS 10000

unsigned fuzz_below(struct fuzz_virtio *fuzz, unsigned below)
{
	return (unsigned)fuzz_next(&fuzz->input, 1) % below;
}

/* -- around the device -- */

static struct memory *make_memory(void)
{
	static struct memory memory;
	struct err err;

	if (!memory.nr_regions)
		FUZZ_CHECK(!memory_add_ram(&memory, 0, FUZZ_LOW_SIZE, &err) &&
			   !memory_add_ram(&memory, FUZZ_HIGH, FUZZ_HIGH_SIZE, &err));
	return &memory;
}

static void count_interrupt(void *opaque, bool level)
{
	struct fuzz_virtio *fuzz = opaque;

	fuzz->interrupts += level;
}

static void interrupt(void *transport, int queue)
{
	struct fuzz_virtio *fuzz = transport;

	FUZZ_CHECK(queue == VIRTIO_CONFIG_QUEUE ||
		   (unsigned)queue < fuzz->virtio->nr_queues);
	fuzz->interrupts++;
}

static int interrupt_fd(void *transport, unsigned queue)
{
	(void)transport;
	(void)queue;
	return -1;
}

static void nothing(void *transport)
{
	(void)transport;
}

static int save_nothing(const void *transport, struct state_writer *writer,
			struct err *err)
{
	(void)transport;
	(void)writer;
	(void)err;
	return 0;
}

static int load_nothing(void *transport, struct bytes image, struct err *err)
{
	(void)transport;
	(void)image;
	(void)err;
	return 0;
}

static const struct virtio_transport_ops no_transport = {
	.interrupt = interrupt,
	.interrupt_fd = interrupt_fd,
	.start = nothing,
	.reset = nothing,
	.free = nothing,
	.save = save_nothing,
	.load = load_nothing,
};

static void make_device(struct fuzz_virtio *fuzz)
{
	const struct irq_line irq = { count_interrupt, fuzz };
	struct err err;

	fuzz->virtio = fuzz->target->make(fuzz);
	FUZZ_CHECK(fuzz->virtio && fuzz->virtio->nr_queues <= FUZZ_MAX_QUEUES);
	fuzz->virtio->warnings = 0;
	if (fuzz->has_transport) {
		FUZZ_CHECK(!virtio_mmio_attach(fuzz->virtio, MMIO_BASE, &irq, &err));
		return;
	}
	fuzz->virtio->transport_ops = &no_transport;
	fuzz->virtio->transport = fuzz;
}

static bool is_busy(const struct fuzz_virtio *fuzz, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fuzz->loop.epoll_fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) > 0;
}

void fuzz_settle(struct fuzz_virtio *fuzz)
{
	struct err err;

	for (unsigned i = 0; is_busy(fuzz, 0); i++) {
		FUZZ_CHECK(i < MAX_TURNS);
		FUZZ_CHECK(!loop_turn(&fuzz->loop, 0, &err));
	}
}

static void reset(struct fuzz_virtio *fuzz)
{
	struct err err;

	FUZZ_CHECK(!virtio_power_on(fuzz->virtio, PATIENCE_MS, &err));
	FUZZ_CHECK(fuzz->virtio->status == 0);
}

/* -- an honest driver -- */

static void drive(struct fuzz_virtio *fuzz, uint64_t features, unsigned ring_size)
{
	struct virtio *virtio = fuzz->virtio;
	unsigned status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	reset(fuzz);
	features = (features & virtio->offered) | VIRTIO_BIT(VIRTIO_F_VERSION_1);
	virtio_set_status(virtio, (uint8_t)status);
	virtio_accept(virtio, 0, (uint32_t)features);
	virtio_accept(virtio, 1, (uint32_t)(features >> 32));
	virtio_set_status(virtio, (uint8_t)(status |= VIRTIO_STATUS_FEATURES_OK));
	FUZZ_CHECK(virtio->status & VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		FUZZ_CHECK(!ring_driver_init(&fuzz->rings[i], fuzz->memory,
					     FUZZ_RINGS + FUZZ_RING_STRIDE * i,
					     (uint16_t)ring_size, features));
		ring_driver_set_up(&fuzz->rings[i], &virtio->queues[i].ring);
	}
	virtio_set_status(virtio, (uint8_t)(status | VIRTIO_STATUS_DRIVER_OK));
	fuzz_settle(fuzz);
}

static void drive_anyhow(struct fuzz_virtio *fuzz)
{
	uint64_t features = ~fuzz_next(&fuzz->input, 8);
	unsigned size = 1u << fuzz_below(fuzz, 5);

	drive(fuzz, features, size);
}

struct ring_segment fuzz_segment(struct fuzz_virtio *fuzz, uint32_t max_len,
				 enum ring_direction direction)
{
	uint64_t where = fuzz_next(&fuzz->input, 2);
	uint32_t len = (uint32_t)fuzz_next(&fuzz->input, 2) % (max_len + 1);

	return (struct ring_segment){ FUZZ_BUFFERS + where * 8, len, direction };
}

struct ring_segment fuzz_data(struct fuzz_virtio *fuzz, const void *data, uint32_t size)
{
	struct ring_segment segment = fuzz_segment(fuzz, 0, RING_OUT);

	segment.len = size;
	FUZZ_CHECK(memory_write(fuzz->memory, segment.gpa, data, size));
	return segment;
}

static struct ring_driver *any_ring(struct fuzz_virtio *fuzz, unsigned *queue)
{
	*queue = fuzz_below(fuzz, fuzz->virtio->nr_queues);
	return fuzz->rings[*queue].memory ? &fuzz->rings[*queue] : NULL;
}

static void add(struct ring_driver *ring, const struct ring_segment *segments,
		unsigned nr, bool indirect)
{
	if (indirect)
		ring_driver_add_indirect(ring, segments, nr);
	else
		ring_driver_add(ring, segments, nr);
}

static void add_request(struct fuzz_virtio *fuzz)
{
	struct ring_segment segments[FUZZ_MAX_SEGMENTS];
	unsigned queue;
	struct ring_driver *ring = any_ring(fuzz, &queue);
	bool indirect = fuzz_below(fuzz, 2);
	unsigned nr = fuzz->target->request(fuzz, queue, segments);

	FUZZ_CHECK(nr <= FUZZ_MAX_SEGMENTS);
	if (ring)
		add(ring, segments, nr, indirect);
}

static void take_used(struct fuzz_virtio *fuzz)
{
	unsigned queue;
	struct ring_driver *ring = any_ring(fuzz, &queue);

	for (unsigned i = 0; ring && i < MAX_RING; i++)
		if (ring_driver_take(ring, NULL) < 0)
			break;
}

uint32_t fuzz_ask(struct fuzz_virtio *fuzz, unsigned queue,
		  const struct ring_segment *segments, unsigned nr_segments)
{
	struct ring_driver *ring = &fuzz->rings[queue];
	const int64_t deadline = loop_now() + PATIENCE_MS * 1000000ll;
	uint32_t written = 0;
	struct err err;
	int id = ring_driver_add(ring, segments, nr_segments);

	FUZZ_CHECK(id >= 0);
	virtio_kick(fuzz->virtio, queue);
	for (;;) {
		int used;

		FUZZ_CHECK(loop_now() < deadline);
		FUZZ_CHECK(!loop_turn(&fuzz->loop, 10, &err));
		used = ring_driver_take(ring, &written);
		FUZZ_CHECK(used < 0 || used == id);
		if (used == id)
			return written;
	}
}

/* -- and a bad one -- */

static void add_junk(struct fuzz_virtio *fuzz)
{
	struct ring_segment segments[FUZZ_MAX_SEGMENTS];
	unsigned queue;
	struct ring_driver *ring = any_ring(fuzz, &queue);
	unsigned how = fuzz_below(fuzz, 256);
	unsigned nr = 1 + how % 8, nr_out = how / 8 % (nr + 1);

	for (unsigned i = 0; i < nr; i++)
		segments[i] = fuzz_segment(fuzz, 0xffff, i < nr_out ? RING_OUT : RING_IN);
	if (how >= 0xc0)
		segments[0].gpa = fuzz_next(&fuzz->input, 8);
	if (ring)
		add(ring, segments, nr, how & 0x20);
}

/* Bytes of a ring, or of what a request is made of. */
static void corrupt(struct fuzz_virtio *fuzz)
{
	unsigned queue;
	const struct ring_driver *ring = any_ring(fuzz, &queue);
	size_t size = 1u << fuzz_below(fuzz, 4);
	uint64_t at = fuzz_next(&fuzz->input, 2);
	uint64_t value = fuzz_next(&fuzz->input, size);

	if (at & 1 || !ring)
		at = FUZZ_BUFFERS + at * 4;
	else
		at = ring->desc_gpa + at % (ring->heap - ring->desc_gpa);
	FUZZ_CHECK(memory_write(fuzz->memory, at, &value, size));
}

static void add_raw(struct fuzz_virtio *fuzz)
{
	unsigned queue;
	struct ring_driver *ring = any_ring(fuzz, &queue);
	unsigned what = fuzz_below(fuzz, 256);

	if (ring && ring->packed)
		ring_driver_add_packed(ring, FUZZ_BUFFERS + what * 16, what,
				       (uint16_t)(what % 32), what % 8);
	else if (ring)
		ring_driver_add_head(ring, (uint16_t)(what % 32));
}

/* Past a transport: what one could let through. */
static void touch_state(struct fuzz_virtio *fuzz)
{
	struct virtio *virtio = fuzz->virtio;
	unsigned what = fuzz_below(fuzz, 8);
	uint64_t value = fuzz_next(&fuzz->input, 4) * FUZZ_BUFFERS / 16;
	struct virtio_queue *queue;

	if (what == 0) {
		virtio_set_status(virtio, (uint8_t)fuzz_next(&fuzz->input, 1));
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	queue = virtio_queue_setup(virtio, fuzz_below(fuzz, 64));
	if (what == 1)
		virtio_accept(virtio, fuzz_below(fuzz, 3), (uint32_t)value);
	else if (queue && what == 2)
		queue->ring.state.desc = value;
	else if (queue && what == 3)
		queue->ring.state.driver = value;
	else if (queue && what == 4)
		queue->ring.state.device = value;
	else if (queue && what == 5)
		queue->ring.state.size = (uint16_t)value;
	else if (queue && what == 6)
		queue->ring.state.ready = value & 1;
	pthread_mutex_unlock(&virtio->lock);
}

static void touch_config(struct fuzz_virtio *fuzz)
{
	struct virtio *virtio = fuzz->virtio;
	unsigned how = fuzz_below(fuzz, 256);
	uint64_t offset = fuzz_next(&fuzz->input, 1 + how % 4);
	unsigned size = 1u << how / 4 % 4;
	uint64_t value = 0;

	if (how & 0x80)
		value = fuzz_next(&fuzz->input, size);
	pthread_mutex_lock(&virtio->lock);
	if (how & 0x80)
		virtio_write_config(virtio, offset, &value, size);
	else
		virtio_read_config(virtio, offset, &value, size);
	pthread_mutex_unlock(&virtio->lock);
}

/* Any register of the transport, any value; the queues' registers more often. */
static void touch_register(struct fuzz_virtio *fuzz)
{
	unsigned how = fuzz_below(fuzz, 256);
	uint64_t offset = fuzz_below(fuzz, 256);
	uint64_t value;

	offset = how & 1 ? offset * 2 : offset % 64 * 4;
	value = fuzz_next(&fuzz->input, 1 + how / 2 % 4);
	bus_access(&fuzz->bus, BUS_MMIO, MMIO_BASE + offset, &value,
		   how & 1 ? 1u << how / 8 % 4 : 4, how & 0x40);
}

static void save_and_load(struct fuzz_virtio *fuzz)
{
	struct state_writer writer = { 0 };
	struct err err;

	fuzz_settle(fuzz);
	if (!virtio_save(fuzz->virtio, &writer, &err)) {
		virtio_free(fuzz->virtio);
		make_device(fuzz);
		(void)virtio_load(fuzz->virtio,
				  (struct bytes){ writer.data, writer.size }, &err);
		fuzz_settle(fuzz);
	}
	state_writer_free(&writer);
}

static void step(struct fuzz_virtio *fuzz)
{
	switch (fuzz_below(fuzz, 24)) {
	case 0 ... 5:
		add_request(fuzz);
		break;
	case 6 ... 10:
		virtio_kick(fuzz->virtio, fuzz_below(fuzz, fuzz->virtio->nr_queues));
		fuzz_settle(fuzz);
		break;
	case 11:
	case 12:
		take_used(fuzz);
		break;
	case 13:
		add_junk(fuzz);
		break;
	case 14:
		corrupt(fuzz);
		break;
	case 15:
		add_raw(fuzz);
		break;
	case 16:
	case 17:
		if (fuzz->target->outside)
			fuzz->target->outside(fuzz);
		break;
	case 18:
		touch_config(fuzz);
		break;
	case 19:
		if (fuzz->has_transport)
			touch_register(fuzz);
		else
			touch_state(fuzz);
		break;
	case 20:
		virtio_kick(fuzz->virtio, fuzz_below(fuzz, 256)); /* no turn yet */
		break;
	case 21:
		save_and_load(fuzz);
		break;
	case 22:
		virtio_set_status(fuzz->virtio, 0);
		break;
	default:
		drive_anyhow(fuzz);
	}
}

static void begin(struct fuzz_virtio *fuzz)
{
	unsigned how = fuzz_below(fuzz, 256);
	struct err err;

	bus_init(&fuzz->bus);
	FUZZ_CHECK(!loop_init(&fuzz->loop, &err));
	platform_init(&fuzz->platform);
	fuzz->platform.bus = &fuzz->bus;
	fuzz->platform.memory = fuzz->memory;
	fuzz->platform.loop = &fuzz->loop;
	fuzz->packed = how & 1;
	fuzz->has_transport = how & 2;
	fuzz->variant = how / 4;
	make_device(fuzz);
	drive_anyhow(fuzz);
}

int fuzz_virtio(const struct fuzz_target *target, const uint8_t *data, size_t size)
{
	static struct fuzz_virtio fuzz;

	memset(&fuzz, 0, sizeof(fuzz));
	fuzz.target = target;
	fuzz.input = (struct fuzz_input){ data, size };
	fuzz.memory = make_memory();
	begin(&fuzz);
	while (fuzz.input.size)
		step(&fuzz);
	if (target->calm_down)
		target->calm_down(&fuzz);
	drive(&fuzz, ~0ull, MAX_RING);
	target->check_alive(&fuzz);
	virtio_free(fuzz.virtio);
	platform_destroy(&fuzz.platform);
	loop_destroy(&fuzz.loop);
	bus_destroy(&fuzz.bus);
	return 0;
}
