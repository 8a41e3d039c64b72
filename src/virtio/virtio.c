/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio devices share.
 *
 * A vCPU that writes to a register takes the lock, changes `status`, `features` or a
 * queue's set-up, and rings the loop (`changed`). The loop compares what the driver
 * wants with what is (update()):
 *
 *	DRIVER_OK               -> start the rings, ops->start(), look into each ring
 *	DEVICE_NEEDS_RESET      -> ops->stop(), nothing more until the driver resets
 *	the driver wrote 0      -> ops->stop(), wait for requests in flight, forget all
 *
 * Until a reset is through, `resetting` is set: nothing that the driver writes counts, the
 * status does not read 0, and vCPUs wait in virtio_settle(). A device that has not come to
 * DRIVER_OK has nothing that runs: it is reset at once, on the vCPU's thread.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "virtio/virtio.h"

/* What a driver may write to the status register (2.1). */
#define DRIVER_STATUS                                                                 \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK | \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

static bool is_resetting(const struct virtio *virtio)
{
	return __atomic_load_n(&virtio->resetting, __ATOMIC_ACQUIRE);
}

static void set_resetting(struct virtio *virtio, bool resetting)
{
	__atomic_store_n(&virtio->resetting, resetting, __ATOMIC_RELEASE);
}

/* Does the driver want the device to run? With the lock held. */
static bool should_run(const struct virtio *virtio)
{
	return (virtio->status & VIRTIO_STATUS_DRIVER_OK) &&
	       !(virtio->status & VIRTIO_STATUS_NEEDS_RESET) && !virtio->resetting;
}

static void interrupt(struct virtio *virtio, int queue)
{
	if (virtio->transport_ops)
		virtio->transport_ops->interrupt(virtio->transport, queue);
}

/* The device does nothing any more: forget what the driver told it. No lock held. */
static void finish_reset(struct virtio *virtio)
{
	if (virtio->transport_ops)
		virtio->transport_ops->reset(virtio->transport);
	pthread_mutex_lock(&virtio->lock);
	for (unsigned i = 0; i < virtio->nr_queues; i++)
		virtq_reset(&virtio->queues[i].ring);
	virtio->features = 0;
	virtio->status = 0;
	set_resetting(virtio, false);
	pthread_cond_broadcast(&virtio->settled);
	pthread_mutex_unlock(&virtio->lock);
	if (virtio->platform->wake)
		virtio->platform->wake(virtio->platform->opaque);
}

static void stop_rings(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->nr_queues; i++)
		virtq_stop(&virtio->queues[i].ring);
}

/* -1: the driver set a ring up wrongly; it was told. */
static int start_rings(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		struct virtq *ring = &virtio->queues[i].ring;

		if (ring->state.ready && virtq_start(ring, virtio->features)) {
			virtio_fail(virtio, "queue %u: %s", i, ring->fault);
			stop_rings(virtio);
			return -1;
		}
	}
	return 0;
}

/*
 * A driver may fill a ring before DRIVER_OK, and a kick may have come before we
 * got here: look into each ring once.
 */
static void start(struct virtio *virtio)
{
	if (start_rings(virtio))
		return;
	virtio->started = true;
	if (virtio->transport_ops)
		virtio->transport_ops->start(virtio->transport);
	virtio->ops->start(virtio->dev);
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		struct virtio_queue *queue = &virtio->queues[i];

		if (queue->ring.state.ready && !queue->kick_taken)
			virtio->ops->kick(virtio->dev, i);
	}
}

/* On the loop: do what the driver's registers say. */
static void update(struct virtio *virtio)
{
	bool run, reset;

	pthread_mutex_lock(&virtio->lock);
	run = should_run(virtio);
	/* Without DRIVER_OK it is done by the vCPU that asked for it. */
	reset = virtio->resetting && (virtio->status & VIRTIO_STATUS_DRIVER_OK);
	pthread_mutex_unlock(&virtio->lock);
	if (virtio->stopping)
		return; /* virtio_stopped() comes back here */
	if (virtio->started && !run) {
		virtio->stopping = true;
		if (virtio->ops->stop(virtio->dev))
			virtio_stopped(virtio);
		return;
	}
	if (reset)
		finish_reset(virtio);
	else if (run && !virtio->started)
		start(virtio);
}

static void on_changed(void *opaque)
{
	update(opaque);
}

static void on_kick(void *opaque)
{
	const struct virtio_queue *queue = opaque;
	struct virtio *virtio = queue->virtio;

	/* It may have come before the news that the device shall start or stop. */
	update(virtio);
	if (virtio->started && !virtio->stopping && queue->ring.state.ready)
		virtio->ops->kick(virtio->dev, queue->index);
}

/* -- for devices -- */

void virtio_stopped(struct virtio *virtio)
{
	virtio->stopping = false;
	virtio->started = false;
	stop_rings(virtio);
	update(virtio);
}

void virtio_publish(struct virtio *virtio, unsigned queue)
{
	if (virtq_publish(&virtio->queues[queue].ring))
		interrupt(virtio, (int)queue);
}

void virtio_fail(struct virtio *virtio, const char *fmt, ...)
{
	char why[256];
	va_list ap;
	bool tell;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&virtio->lock);
	/* Once is enough; and a driver that is about to reset has seen it. */
	tell = should_run(virtio);
	if (tell)
		virtio->status |= VIRTIO_STATUS_NEEDS_RESET;
	pthread_mutex_unlock(&virtio->lock);
	if (!tell)
		return;
	platform_warn(&virtio->warnings, "%s: %s: the driver has to reset the device",
		      virtio->name, why);
	loop_event_signal(&virtio->changed);
	/* 2.1.2: with DRIVER_OK set, a configuration change notification. */
	interrupt(virtio, VIRTIO_CONFIG_QUEUE);
}

bool virtio_has(const struct virtio *virtio, unsigned feature)
{
	return virtio->features & VIRTIO_BIT(feature);
}

void virtio_config_changed(struct virtio *virtio)
{
	bool tell;

	pthread_mutex_lock(&virtio->lock);
	virtio->config_generation++;
	tell = should_run(virtio);
	pthread_mutex_unlock(&virtio->lock);
	if (tell)
		interrupt(virtio, VIRTIO_CONFIG_QUEUE);
}

int virtio_take_kick(struct virtio *virtio, unsigned queue)
{
	struct virtio_queue *taken = &virtio->queues[queue];

	if (!taken->kick_taken)
		loop_remove(virtio->loop, &taken->kick.source);
	taken->kick_taken = true;
	return taken->kick.source.fd;
}

void virtio_give_kick_back(struct virtio *virtio, unsigned queue)
{
	struct virtio_queue *taken = &virtio->queues[queue];
	struct err err;

	if (!taken->kick_taken)
		return;
	taken->kick_taken = false;
	if (loop_event_watch(&taken->kick, virtio->loop, &err))
		platform_warn(&virtio->warnings, "%s: queue %u: %s", virtio->name, queue,
			      err.text);
}

/* -- for transports -- */

static bool is_settled(void *arg)
{
	return !is_resetting(arg);
}

void virtio_settle(struct virtio *virtio)
{
	if (is_resetting(virtio) && virtio->platform->wait)
		virtio->platform->wait(virtio->platform->opaque, is_settled, virtio);
}

static uint32_t half(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (select * 32)) : 0;
}

uint32_t virtio_offered(const struct virtio *virtio, uint32_t select)
{
	return half(virtio->offered, select);
}

uint32_t virtio_accepted(const struct virtio *virtio, uint32_t select)
{
	return half(virtio->features, select);
}

void virtio_accept(struct virtio *virtio, uint32_t select, uint32_t bits)
{
	const unsigned shift = select * 32;

	/* 3.1.1: no new feature bits after FEATURES_OK. */
	if (select > 1 || virtio->resetting ||
	    (virtio->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	virtio->features &= ~(0xffffffffull << shift);
	virtio->features |= (uint64_t)bits << shift;
}

/* 2.2 and 6.1: only what was offered, and VERSION_1 always. With the lock held. */
static bool features_are_good(struct virtio *virtio)
{
	const uint64_t strange = virtio->features & ~virtio->offered;

	if (strange)
		platform_warn(
			&virtio->warnings,
			"%s: the driver wants features that it was not offered: 0x%llx",
			virtio->name, (unsigned long long)strange);
	else if (!(virtio->features & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
		platform_warn(&virtio->warnings,
			      "%s: the driver does not know virtio 1 (no VERSION_1)",
			      virtio->name);
	else
		return true;
	return false;
}

/* The bits of `set`, which are new, that the device agrees to. With the lock held. */
static uint8_t agreed(struct virtio *virtio, uint8_t set)
{
	if ((set & VIRTIO_STATUS_FEATURES_OK) && !features_are_good(virtio))
		set &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	/* 3.1.1: the device is not live before features are agreed. */
	if (!((virtio->status | set) & VIRTIO_STATUS_FEATURES_OK))
		set &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
	return set;
}

/* Reset; true if the device was not live and has been reset at once. */
static bool begin_reset(struct virtio *virtio)
{
	bool was_live, again;

	pthread_mutex_lock(&virtio->lock);
	again = virtio->resetting;
	was_live = virtio->status & VIRTIO_STATUS_DRIVER_OK;
	set_resetting(virtio, true);
	pthread_mutex_unlock(&virtio->lock);
	if (again)
		return false;
	/* Without DRIVER_OK the loop has nothing to do with it, and will not before. */
	if (!was_live)
		finish_reset(virtio);
	else
		loop_event_signal(&virtio->changed);
	return !was_live;
}

void virtio_set_status(struct virtio *virtio, uint8_t status)
{
	bool goes_live = false;
	uint8_t set;

	if (!status) {
		begin_reset(virtio);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	virtio->was_found = true;
	if (!virtio->resetting) {
		/* 2.1.1: a driver clears no bit but by a reset, so what is missing stays. */
		set = agreed(virtio, status & DRIVER_STATUS & (uint8_t)~virtio->status);
		virtio->status |= set;
		goes_live = set & VIRTIO_STATUS_DRIVER_OK;
		virtio->was_driven |= goes_live;
	}
	pthread_mutex_unlock(&virtio->lock);
	if (goes_live)
		loop_event_signal(&virtio->changed);
}

void virtio_read_config(struct virtio *virtio, uint64_t offset, void *data, unsigned size)
{
	memset(data, 0, size);
	if (offset >= virtio->config_size)
		return;
	if (size > virtio->config_size - offset)
		size = (unsigned)(virtio->config_size - offset);
	virtio->ops->read_config(virtio->dev, (unsigned)offset, data, size);
}

void virtio_write_config(struct virtio *virtio, uint64_t offset, const void *data,
			 unsigned size)
{
	if (virtio->resetting || !virtio->ops->write_config ||
	    !range_within(offset, size, virtio->config_size))
		return;
	virtio->ops->write_config(virtio->dev, (unsigned)offset, data, size);
}

struct virtio_queue *virtio_queue_setup(struct virtio *virtio, unsigned index)
{
	/* From DRIVER_OK on the ring belongs to the loop. */
	if (index >= virtio->nr_queues || virtio->resetting ||
	    (virtio->status & VIRTIO_STATUS_DRIVER_OK))
		return NULL;
	return &virtio->queues[index];
}

void virtio_kick(struct virtio *virtio, unsigned queue)
{
	if (queue < virtio->nr_queues)
		loop_event_signal(&virtio->queues[queue].kick);
}

/* -- for the machine -- */

/* Wait on the loop's own thread: by working for it. */
static int turn_until_settled(struct virtio *virtio, int64_t deadline, struct err *err)
{
	while (is_resetting(virtio)) {
		const int64_t left = deadline - loop_now();

		if (left <= 0)
			return -1;
		if (loop_turn(virtio->loop, (int)(left / 1000000) + 1, err))
			return -1;
	}
	return 0;
}

static int wait_until_settled(struct virtio *virtio, int64_t deadline)
{
	const struct timespec at = {
		.tv_sec = deadline / 1000000000,
		.tv_nsec = deadline % 1000000000,
	};
	int r = 0;

	pthread_mutex_lock(&virtio->lock);
	while (virtio->resetting && !r)
		r = pthread_cond_timedwait(&virtio->settled, &virtio->lock, &at);
	r = virtio->resetting ? -1 : 0;
	pthread_mutex_unlock(&virtio->lock);
	return r;
}

int virtio_power_on(struct virtio *virtio, int timeout_ms, struct err *err)
{
	const int64_t deadline = loop_now() + timeout_ms * 1000000ll;

	err->text[0] = '\0';
	if (begin_reset(virtio))
		return 0;
	if (virtio->loop->threaded ? wait_until_settled(virtio, deadline)
				   : turn_until_settled(virtio, deadline, err))
		return err->text[0]
			       ? -1
			       : err_set(err,
					 "%s: requests are still in flight after %d ms",
					 virtio->name, timeout_ms);
	return 0;
}

/* What is saved beside the rings and what the device itself has. */
struct saved {
	uint64_t features;
	uint8_t status, config_generation;
	uint16_t nr_queues;
};

static const struct state_field saved_fields[] = {
	STATE_FIELD(struct saved, features),
	STATE_FIELD(struct saved, status),
	STATE_FIELD(struct saved, config_generation),
	STATE_FIELD(struct saved, nr_queues),
};

static const struct state_layout saved_layout = {
	.version = 1,
	.nr_fields = sizeof(saved_fields) / sizeof(saved_fields[0]),
	.fields = saved_fields,
};

#define MAX_SECTION 64

static void queue_section(const struct virtio *virtio, unsigned queue,
			  char name[MAX_SECTION])
{
	snprintf(name, MAX_SECTION, "%s.queue%u", virtio->name, queue);
}

int virtio_save(const struct virtio *virtio, struct state_writer *writer, struct err *err)
{
	const struct saved saved = {
		.features = virtio->features,
		.status = virtio->status,
		.config_generation = virtio->config_generation,
		.nr_queues = (uint16_t)virtio->nr_queues,
	};
	char name[MAX_SECTION];

	if (state_save(writer, virtio->name, &saved_layout, &saved, err))
		return -1;
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		queue_section(virtio, i, name);
		if (state_save(writer, name, &virtq_state_layout,
			       &virtio->queues[i].ring.state, err))
			return -1;
	}
	if (virtio->transport_ops &&
	    virtio->transport_ops->save(virtio->transport, writer, err))
		return -1;
	return virtio->ops->save ? virtio->ops->save(virtio->dev, writer, err) : 0;
}

/* Could a device of this kind have got into that state? */
static int check_saved(const struct virtio *virtio, const struct saved *saved,
		       struct err *err)
{
	const uint64_t version_1 = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	const bool has_agreed = saved->status & VIRTIO_STATUS_FEATURES_OK;

	if (saved->nr_queues != virtio->nr_queues)
		return err_set(err, "%s: saved with %u queues, has %u", virtio->name,
			       saved->nr_queues, virtio->nr_queues);
	if (saved->status & ~(DRIVER_STATUS | VIRTIO_STATUS_NEEDS_RESET))
		return err_set(err, "%s: status 0x%x does not exist", virtio->name,
			       saved->status);
	if ((saved->status & VIRTIO_STATUS_DRIVER_OK) && !has_agreed)
		return err_set(err, "%s: status 0x%x: live without features",
			       virtio->name, saved->status);
	if (has_agreed &&
	    ((saved->features & ~virtio->offered) || !(saved->features & version_1)))
		return err_set(
			err,
			"%s: features 0x%llx were agreed, 0x%llx can be offered here",
			virtio->name, (unsigned long long)saved->features,
			(unsigned long long)virtio->offered);
	return 0;
}

static int load_queues(struct virtio *virtio, struct bytes image, struct err *err)
{
	char name[MAX_SECTION];

	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		struct virtq *ring = &virtio->queues[i].ring;

		queue_section(virtio, i, name);
		if (state_load(image, name, &virtq_state_layout, &ring->state, err))
			return -1;
		if (ring->state.size > ring->max_size)
			return err_set(err, "%s: size %u, at most %u are possible", name,
				       ring->state.size, ring->max_size);
	}
	return 0;
}

int virtio_load(struct virtio *virtio, struct bytes image, struct err *err)
{
	struct saved saved = { .nr_queues = (uint16_t)virtio->nr_queues };

	if (state_load(image, virtio->name, &saved_layout, &saved, err) ||
	    check_saved(virtio, &saved, err) || load_queues(virtio, image, err) ||
	    (virtio->transport_ops &&
	     virtio->transport_ops->load(virtio->transport, image, err)) ||
	    (virtio->ops->load && virtio->ops->load(virtio->dev, image, err)))
		return -1;
	pthread_mutex_lock(&virtio->lock);
	virtio->features = saved.features;
	virtio->status = saved.status;
	virtio->config_generation = saved.config_generation;
	virtio->was_driven = saved.status & VIRTIO_STATUS_DRIVER_OK;
	pthread_mutex_unlock(&virtio->lock);
	loop_event_signal(&virtio->changed);
	return 0;
}

static uint64_t ring_features(const struct virtio_setup *setup, bool packed)
{
	uint64_t bits = VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) |
			VIRTIO_BIT(VIRTIO_F_EVENT_IDX);

	if (packed && !setup->no_packed)
		bits |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return bits;
}

static int init_queues(struct virtio *virtio, const struct virtio_setup *setup,
		       struct err *err)
{
	virtio->queues = calloc(setup->nr_queues, sizeof(*virtio->queues));
	if (!virtio->queues)
		return err_set(err, "no memory");
	for (unsigned i = 0; i < setup->nr_queues; i++) {
		struct virtio_queue *queue = &virtio->queues[i];

		queue->virtio = virtio;
		queue->index = i;
		virtq_init(&queue->ring, virtio->platform->memory, setup->queue_sizes[i]);
		virtio->nr_queues++;
		if (loop_event_init(&queue->kick, virtio->loop, on_kick, queue, err))
			return -1;
	}
	return loop_event_init(&virtio->changed, virtio->loop, on_changed, virtio, err);
}

static void init_locks(struct virtio *virtio)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&virtio->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&virtio->settled, &attr);
	pthread_condattr_destroy(&attr);
}

int virtio_init(struct virtio *virtio, struct platform *platform,
		const struct virtio_setup *setup, bool packed, struct err *err)
{
	*virtio = (struct virtio){
		.name = strdup(setup->name),
		.id = setup->id,
		.driver_hint = setup->driver_hint,
		.ops = setup->ops,
		.dev = setup->dev,
		.platform = platform,
		.loop = platform->loop,
		.config_size = setup->config_size,
		.offered = setup->offered | ring_features(setup, packed),
		.changed.source.fd = -1,
		.warnings = PLATFORM_WARNINGS,
	};
	init_locks(virtio);
	if (virtio->name && !init_queues(virtio, setup, err))
		return 0;
	if (!virtio->name)
		err_set(err, "no memory");
	err_prefix(err, "%s: ", setup->name);
	virtio_destroy(virtio);
	return -1;
}

void virtio_destroy(struct virtio *virtio)
{
	for (unsigned i = 0; i < virtio->nr_queues; i++) {
		loop_event_destroy(&virtio->queues[i].kick, virtio->loop);
		virtq_destroy(&virtio->queues[i].ring);
	}
	loop_event_destroy(&virtio->changed, virtio->loop);
	pthread_cond_destroy(&virtio->settled);
	pthread_mutex_destroy(&virtio->lock);
	free(virtio->queues);
	free((char *)virtio->name);
	virtio->queues = NULL;
	virtio->nr_queues = 0;
	virtio->name = NULL;
}

void virtio_free(struct virtio *virtio)
{
	if (!virtio)
		return;
	if (virtio->transport_ops)
		virtio->transport_ops->free(virtio->transport);
	virtio->ops->free(virtio->dev);
}
