/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over MMIO, version 2 (virtio 1.2, 4.2): a page of registers, and an
 * interrupt line whose level is "InterruptStatus is not 0".
 *
 * Control registers are 32 bits wide (4.2.2.2): other accesses and unknown offsets read
 * 0 and write nothing. From CONFIG on they are the device's own configuration, of any
 * width. A write to QueueNotify signals the queue's eventfd in the kernel, which
 * tells queues apart by the value.
 */
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/doorbells.h"
#include "virtio/transport.h"

#define MAGIC     0x74726976u /* "virt" */
#define VERSION   2
#define VENDOR_ID 0x454e4154u /* "TANE" */

#define CONTROL_WIDTH 4u

/* What is saved. The driver's registers, guarded by virtio->lock but for the last. */
struct registers {
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t interrupt_status; /* guarded by irq_lock */
};

struct virtio_mmio {
	struct virtio *virtio;
	uint64_t base;
	struct irq_line irq;
	pthread_mutex_t irq_lock; /* inside virtio->lock; held while the line changes */
	struct doorbells bells;
	struct registers regs;
	bool is_on_bus;
};

/* Set or clear bits of InterruptStatus; the line follows (4.2.3.3). */
static void change_status(struct virtio_mmio *mmio, uint32_t set, uint32_t clear)
{
	uint32_t *status = &mmio->regs.interrupt_status;

	pthread_mutex_lock(&mmio->irq_lock);
	*status = (*status & ~clear) | set;
	irq_set(&mmio->irq, *status != 0);
	pthread_mutex_unlock(&mmio->irq_lock);
}

static void interrupt(void *transport, int queue)
{
	change_status(transport,
		      queue == VIRTIO_CONFIG_QUEUE ? VIRTIO_MMIO_INT_CONFIG
						   : VIRTIO_MMIO_INT_VRING,
		      0);
}

/* InterruptStatus has to change with it, which the kernel cannot do for us. */
static int interrupt_fd(void *transport, unsigned queue)
{
	(void)transport;
	(void)queue;
	return -1;
}

static uint32_t interrupt_status(struct virtio_mmio *mmio)
{
	uint32_t status;

	pthread_mutex_lock(&mmio->irq_lock);
	status = mmio->regs.interrupt_status;
	pthread_mutex_unlock(&mmio->irq_lock);
	return status;
}

/* 4.2.2: QueueNumMax and QueueReady of a queue that does not exist read 0. */
static uint32_t read_queue(const struct virtio_mmio *mmio, uint64_t offset)
{
	const struct virtio *virtio = mmio->virtio;
	const struct virtq *ring;

	if (mmio->regs.queue_sel >= virtio->nr_queues)
		return 0;
	ring = &virtio->queues[mmio->regs.queue_sel].ring;
	return offset == VIRTIO_MMIO_QUEUE_NUM_MAX ? ring->max_size : ring->state.ready;
}

static uint32_t read_control(struct virtio_mmio *mmio, uint64_t offset)
{
	const struct virtio *virtio = mmio->virtio;

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return virtio->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR_ID;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio_offered(virtio, mmio->regs.device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
	case VIRTIO_MMIO_QUEUE_READY:
		return read_queue(mmio, offset);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return interrupt_status(mmio);
	case VIRTIO_MMIO_STATUS:
		return virtio->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return 0xffffffff; /* 4.2.2.1: there is no such region */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return virtio->config_generation;
	default:
		return 0;
	}
}

/* Half of a 64-bit address. */
static void set_half(uint64_t *address, bool high, uint32_t value)
{
	const unsigned shift = high ? 32 : 0;

	*address = (*address & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* A register of the selected queue that the driver may write while it sets it up. */
static void write_queue(struct virtio_mmio *mmio, uint64_t offset, uint32_t value)
{
	struct virtio_queue *queue =
		virtio_queue_setup(mmio->virtio, mmio->regs.queue_sel);
	struct virtq_state *state;

	if (!queue)
		return;
	state = &queue->ring.state;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* More is checked when the ring is started, with the features at hand. */
		if (value && value <= queue->ring.max_size)
			state->size = (uint16_t)value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		state->ready = value & 1;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&state->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&state->driver, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&state->device, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	default:
		break;
	}
}

static void write_control(struct virtio_mmio *mmio, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->regs.device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		virtio_accept(mmio->virtio, mmio->regs.driver_features_sel, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->regs.driver_features_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->regs.queue_sel = value;
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		change_status(mmio, 0, value);
		break;
	default:
		write_queue(mmio, offset, value);
	}
}

/* The registers that take no lock, or that of virtio.c. */
static void write_register(struct virtio_mmio *mmio, uint64_t offset, uint32_t value)
{
	struct virtio *virtio = mmio->virtio;

	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		virtio_kick(virtio, value);
	} else if (offset == VIRTIO_MMIO_STATUS) {
		virtio_set_status(virtio, (uint8_t)value);
	} else {
		pthread_mutex_lock(&virtio->lock);
		if (!virtio->resetting)
			write_control(mmio, offset, value);
		pthread_mutex_unlock(&virtio->lock);
	}
}

static uint64_t io_read(void *dev, uint64_t offset, unsigned size)
{
	struct virtio_mmio *mmio = dev;
	struct virtio *virtio = mmio->virtio;
	uint64_t value = 0;

	virtio_settle(virtio);
	pthread_mutex_lock(&virtio->lock);
	if (offset >= VIRTIO_MMIO_CONFIG)
		virtio_read_config(virtio, offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == CONTROL_WIDTH)
		value = read_control(mmio, offset);
	pthread_mutex_unlock(&virtio->lock);
	return value;
}

static void io_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_mmio *mmio = dev;
	struct virtio *virtio = mmio->virtio;

	virtio_settle(virtio);
	if (offset >= VIRTIO_MMIO_CONFIG) {
		pthread_mutex_lock(&virtio->lock);
		virtio_write_config(virtio, offset - VIRTIO_MMIO_CONFIG, &value, size);
		pthread_mutex_unlock(&virtio->lock);
	} else if (size == CONTROL_WIDTH) {
		write_register(mmio, offset, (uint32_t)value);
	}
}

static const struct io_ops mmio_ops = {
	.read = io_read,
	.write = io_write,
	.max_size = 8,
};

/* -- the transport -- */

static void start(void *transport)
{
	struct virtio_mmio *mmio = transport;

	doorbells_arm(&mmio->bells);
}

static void reset(void *transport)
{
	struct virtio_mmio *mmio = transport;

	doorbells_disarm(&mmio->bells);
	change_status(mmio, 0, ~0u);
	pthread_mutex_lock(&mmio->virtio->lock);
	mmio->regs.device_features_sel = mmio->regs.driver_features_sel = 0;
	mmio->regs.queue_sel = 0;
	pthread_mutex_unlock(&mmio->virtio->lock);
}

static void free_transport(void *transport)
{
	struct virtio_mmio *mmio = transport;

	if (mmio->is_on_bus)
		bus_remove(mmio->virtio->platform->bus, BUS_MMIO, mmio->base);
	doorbells_destroy(&mmio->bells);
	pthread_mutex_destroy(&mmio->irq_lock);
	free(mmio);
}

static const struct state_field registers_fields[] = {
	STATE_FIELD(struct registers, device_features_sel),
	STATE_FIELD(struct registers, driver_features_sel),
	STATE_FIELD(struct registers, queue_sel),
	STATE_FIELD(struct registers, interrupt_status),
};

static const struct state_layout registers_layout = {
	.version = 1,
	.nr_fields = sizeof(registers_fields) / sizeof(registers_fields[0]),
	.fields = registers_fields,
};

static void section_name(const struct virtio_mmio *mmio, char *name, size_t size)
{
	snprintf(name, size, "%s.mmio", mmio->virtio->name);
}

static int save(const void *transport, struct state_writer *writer, struct err *err)
{
	const struct virtio_mmio *mmio = transport;
	char name[64];

	section_name(mmio, name, sizeof(name));
	return state_save(writer, name, &registers_layout, &mmio->regs, err);
}

static int load(void *transport, struct bytes image, struct err *err)
{
	struct virtio_mmio *mmio = transport;
	struct registers regs = mmio->regs;
	char name[64];

	section_name(mmio, name, sizeof(name));
	if (state_load(image, name, &registers_layout, &regs, err))
		return -1;
	regs.interrupt_status &= VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG;
	mmio->regs = regs;
	change_status(mmio, 0, 0);
	return 0;
}

static const struct virtio_transport_ops transport_ops = {
	.start = start,
	.interrupt = interrupt,
	.interrupt_fd = interrupt_fd,
	.reset = reset,
	.free = free_transport,
	.save = save,
	.load = load,
};

int virtio_mmio_attach(struct virtio *virtio, uint64_t base, const struct irq_line *irq,
		       struct err *err)
{
	const struct doorbell_place place = {
		.space = BUS_MMIO,
		.size = CONTROL_WIDTH,
		.is_mapped = true,
		.base = base + VIRTIO_MMIO_QUEUE_NOTIFY,
	};
	struct virtio_mmio *mmio = calloc(1, sizeof(*mmio));
	const struct bus_range range = {
		.base = base,
		.size = VIRTIO_MMIO_SIZE,
		.name = virtio->name,
		.ops = &mmio_ops,
		.dev = mmio,
	};

	if (!mmio)
		return err_set(err, "%s: no memory", virtio->name);
	mmio->virtio = virtio;
	mmio->base = base;
	mmio->irq = *irq;
	pthread_mutex_init(&mmio->irq_lock, NULL);
	doorbells_init(&mmio->bells, virtio, &place, 1);
	if (bus_add(virtio->platform->bus, BUS_MMIO, &range, err)) {
		err_prefix(err, "%s: ", virtio->name);
		free_transport(mmio);
		return -1;
	}
	mmio->is_on_bus = true;
	virtio->transport = mmio;
	virtio->transport_ops = &transport_ops;
	return 0;
}
