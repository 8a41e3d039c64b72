/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio devices share (virtio 1.2, chapters 2 and 3): status, features,
 * configuration space, queues; between a transport (transport_pci.c,
 * transport_mmio.c) and a device (blk.c, net.c ...). See virtio.c.
 *
 * Threads: the driver's register accesses come on vCPU threads and take `lock`; they
 * only set state and ring the device's loop. All functions of virtio_ops but
 * read_config and write_config run on that loop, one at a time, without
 * the lock, and it alone touches the rings.
 */
#ifndef TANE_VIRTIO_VIRTIO_H
#define TANE_VIRTIO_VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "core/platform.h"
#include "util/state.h"
#include "virtio/queue.h"

/* Device status (2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER      2u
#define VIRTIO_STATUS_DRIVER_OK   4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED      128u

/* Device IDs (5). */
enum virtio_id {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_BALLOON = 5,
	VIRTIO_ID_9P = 9,
	VIRTIO_ID_VSOCK = 19,
};

#define VIRTIO_BIT(feature) (1ull << (feature))
#define VIRTIO_NO_VECTOR    0xffffu /* also: the configuration "queue" of interrupts */
#define VIRTIO_CONFIG_QUEUE (-1)

struct virtio;

struct virtio_ops {
	/*
	 * The device's configuration space (2.5), inside config_size. On a vCPU's thread
	 * with virtio->lock held. write_config may be NULL: read-only.
	 */
	void (*read_config)(void *dev, unsigned offset, void *data, unsigned size);
	void (*write_config)(void *dev, unsigned offset, const void *data, unsigned size);

	/* DRIVER_OK: features are agreed and the ready queues have been started. */
	void (*start)(void *dev);
	/* The driver made buffers available in `queue`; it was started. */
	void (*kick)(void *dev, unsigned queue);
	/*
	 * The driver resets the device: touch no ring and no guest memory any more.
	 * Return true when that is so already; false when requests are in flight: then
	 * call virtio_stopped() once the last of them is over. stop() comes only after start().
	 * It also comes after virtio_fail(), when kick() or whatever failed has returned.
	 */
	bool (*stop)(void *dev);
	void (*free)(void *dev);

	/* Save and load what the device keeps beside struct virtio. May be NULL. */
	int (*save)(const void *dev, struct state_writer *writer, struct err *err);
	int (*load)(void *dev, struct bytes image, struct err *err);
};

/* What a transport does for the device. */
struct virtio_transport_ops {
	/* On the loop: DRIVER_OK, the ready queues run. Time to attach doorbells. */
	void (*start)(void *transport);
	/* The queue (or VIRTIO_CONFIG_QUEUE) wants the driver's attention. Any thread. */
	void (*interrupt)(void *transport, int queue);
	/* An eventfd that does the same in the kernel, for vhost; -1: there is none. */
	int (*interrupt_fd)(void *transport, unsigned queue);
	/*
	 * The device is reset: forget doorbells, vectors, pending interrupts. On the loop,
	 * or, when start() was not called, on a vCPU's thread; virtio->lock is not held.
	 */
	void (*reset)(void *transport);
	void (*free)(void *transport);
	/* Section "NAME.pci-transport" or "NAME.mmio"; of PCI also those of the function. */
	int (*save)(const void *transport, struct state_writer *writer, struct err *err);
	int (*load)(void *transport, struct bytes image, struct err *err);
};

/* One queue's doorbell and ring. */
struct virtio_queue {
	struct virtio *virtio;
	unsigned index;
	struct virtq ring;
	struct loop_event kick; /* its eventfd is what KVM or the transport signals */
	bool kick_taken;        /* vhost reads the eventfd, our loop does not */
};

struct virtio {
	const char *name; /* "virtio-blk.0": counters, messages, state; owned */
	enum virtio_id id;
	const char *driver_hint; /* "CONFIG_VIRTIO_BLK (module virtio_blk)" */
	const struct virtio_ops *ops;
	void *dev;
	struct platform *platform;
	struct loop *loop;
	unsigned config_size;
	uint64_t
		offered; /* feature bits of the device; ring bits are added by virtio_init() */

	const struct virtio_transport_ops *transport_ops;
	void *transport;

	pthread_mutex_t lock; /* guards all below, but what the loop owns */
	uint64_t features;    /* that the driver accepted */
	uint8_t status;
	uint8_t config_generation; /* changes whenever the configuration does */
	unsigned nr_queues;
	struct virtio_queue *queues;

	bool resetting; /* the driver wrote 0; not done yet. Also read without lock */
	pthread_cond_t settled;    /* it is done (for virtio_power_on()) */
	bool started;              /* on the loop: ops->start() was called */
	bool stopping;             /* on the loop: ops->stop() returned false */
	bool was_found;            /* some driver of the transport has looked at it */
	bool was_driven;           /* some driver got as far as DRIVER_OK */
	struct loop_event changed; /* the driver did something that the loop has to see */
	unsigned warnings;
};

struct virtio_setup {
	const char *name;
	enum virtio_id id;
	const char *driver_hint;
	const struct virtio_ops *ops;
	void *dev;
	unsigned config_size;
	uint64_t offered;            /* without the ring's bits and VERSION_1 */
	const uint16_t *queue_sizes; /* maximum of each queue, powers of two */
	unsigned nr_queues;
	bool no_packed; /* vhost knows split rings only */
};

/*
 * For a device's constructor, before loops and vCPUs run. On an error nothing
 * remains. `packed` of the machine's configuration decides whether packed rings are offered.
 */
int virtio_init(struct virtio *virtio, struct platform *platform,
		const struct virtio_setup *setup, bool packed, struct err *err);
void virtio_destroy(struct virtio *virtio);

/* -- for devices, on the loop -- */

/* The last request that was in flight when stop() returned false is over. */
void virtio_stopped(struct virtio *virtio);

/* virtq_publish(), and an interrupt if the driver wants one. */
void virtio_publish(struct virtio *virtio, unsigned queue);

/*
 * The driver broke a rule (`fmt` says which): DEVICE_NEEDS_RESET, an interrupt, a
 * warning; no queue is served until the driver resets the device (2.1.2).
 */
void virtio_fail(struct virtio *virtio, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Was a feature agreed? */
bool virtio_has(const struct virtio *virtio, unsigned feature);

/* The configuration space changed: new generation, and an interrupt. Any thread, no lock. */
void virtio_config_changed(struct virtio *virtio);

/* vhost takes the doorbell of a queue, and gives it back before virtio_stopped(). */
int virtio_take_kick(struct virtio *virtio, unsigned queue);
void virtio_give_kick_back(struct virtio *virtio, unsigned queue);

/* -- for transports, on vCPU threads -- */

/*
 * Before any register access: waits, with no lock held, while a reset is under way.
 * Then take virtio->lock around what follows, whose functions expect it held
 * unless they say otherwise.
 */
void virtio_settle(struct virtio *virtio);
uint32_t virtio_offered(const struct virtio *virtio,
			uint32_t select); /* 32 bits a time */
uint32_t virtio_accepted(const struct virtio *virtio, uint32_t select);
void virtio_accept(struct virtio *virtio, uint32_t select, uint32_t bits);
/* Write to the status register; 0 resets. Takes the lock itself: call it without. */
void virtio_set_status(struct virtio *virtio, uint8_t status);
/* Outside config_size: reads zeroes, writes nothing. */
void virtio_read_config(struct virtio *virtio, uint64_t offset, void *data,
			unsigned size);
void virtio_write_config(struct virtio *virtio, uint64_t offset, const void *data,
			 unsigned size);
/* The queue `index` while the driver may set it up, or NULL. */
struct virtio_queue *virtio_queue_setup(struct virtio *virtio, unsigned index);
/* A notification that did not come by a doorbell: unknown queues are ignored. No lock. */
void virtio_kick(struct virtio *virtio, unsigned queue);

/* -- for the machine -- */

/* Power-on state, vCPUs parked: as the driver's reset, but it returns when it is done. */
int virtio_power_on(struct virtio *virtio, int timeout_ms, struct err *err);
int virtio_save(const struct virtio *virtio, struct state_writer *writer,
		struct err *err);
int virtio_load(struct virtio *virtio, struct bytes image, struct err *err);
/* ops->free() and transport_ops->free(). NULL is fine. */
void virtio_free(struct virtio *virtio);

#endif
