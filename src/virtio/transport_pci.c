/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over PCI (virtio 1.2, 4.1), without the legacy interface.
 *
 * Capabilities tell the driver where things are:
 *
 *	BAR 0	I/O	notifications: the driver writes a queue's number
 *	BAR 1	memory	MSI-X table and PBA
 *	BAR 4	memory	a page each: common configuration, ISR status, the device's own
 *			configuration, notifications once more: four bytes per queue
 *
 * Drivers take the first place for notifications that they can use. Ports are first,
 * since KVM decodes an OUT without looking at the instruction; a machine without
 * ports has no BAR 0. Either way the write signals the queue's eventfd in the kernel.
 *
 * The capability PCI_CFG is a window into all of this for those who have no BARs
 * mapped yet (4.1.4.9). It is used under the lock of the PCI bus, so nothing waits
 * there: while a reset is under way, what it reads is old, and what it writes is lost.
 */
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/doorbells.h"
#include "virtio/transport.h"

#define VENDOR_VIRTIO  0x1af4u
#define DEVICE_ID_BASE 0x1040u /* 4.1.2: plus the virtio device ID */
#define REVISION       1       /* 4.1.2.1: at least 1 */
#define CAP_VENDOR     0x09    /* PCI 3.0, appendix H */
#define MAX_QUEUES     256u
#define ISR_QUEUE      1u /* 4.1.4.5 */
#define ISR_CONFIG     2u

#define BAR_PORTS  0
#define BAR_MSIX   1
#define BAR_MEMORY 4

#define PORTS_SIZE       4u
#define NOTIFY_PORT_SIZE 2u /* the driver writes 16 bits (4.1.5.2) */

/* BAR 4. */
#define REGION_SIZE 0x1000u
#define COMMON      0x0000u
#define ISR         0x1000u
#define DEVICE      0x2000u
#define NOTIFY      0x3000u
#define MEMORY_SIZE 0x4000u

#define COMMON_SIZE   56u /* of struct virtio_pci_common_cfg, up to queue_device */
#define NOTIFY_STRIDE 4u

/* Places of struct doorbells. */
enum { PLACE_MEMORY, PLACE_PORTS };

/* What is saved. The driver's registers, guarded by virtio->lock but for `isr`. */
struct registers {
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	uint16_t config_vector; /* vectors are also read by whoever interrupts */
	uint16_t vectors[MAX_QUEUES];
	uint32_t isr; /* atomic; a word, as riscv64 has no smaller atomics */
};

struct virtio_pci {
	struct virtio *virtio;
	struct pci_function function;
	struct doorbells bells;
	struct registers regs;
	unsigned window; /* offset of the capability PCI_CFG */
};

static uint16_t get_vector(const uint16_t *vector)
{
	return __atomic_load_n(vector, __ATOMIC_RELAXED);
}

static void set_vector(uint16_t *vector, uint16_t value)
{
	__atomic_store_n(vector, value, __ATOMIC_RELAXED);
}

/* -- interrupts -- */

static void interrupt(void *transport, int queue)
{
	struct virtio_pci *pci = transport;
	const bool is_config = queue == VIRTIO_CONFIG_QUEUE;
	const uint16_t vector = get_vector(is_config ? &pci->regs.config_vector
						     : &pci->regs.vectors[queue]);

	if (pci_msix_enabled(&pci->function)) {
		if (vector == VIRTIO_NO_VECTOR)
			return;
		/* 4.1.4.5.1: this bit is set for messages too; the line stays as it is. */
		if (is_config)
			__atomic_fetch_or(&pci->regs.isr, ISR_CONFIG, __ATOMIC_SEQ_CST);
		pci_msix_signal(&pci->function, vector);
		return;
	}
	__atomic_fetch_or(&pci->regs.isr, is_config ? ISR_CONFIG : ISR_QUEUE,
			  __ATOMIC_SEQ_CST);
	pci_set_intx(&pci->function, true);
}

static int interrupt_fd(void *transport, unsigned queue)
{
	struct virtio_pci *pci = transport;
	const uint16_t vector = get_vector(&pci->regs.vectors[queue]);

	if (!pci_msix_enabled(&pci->function) || vector == VIRTIO_NO_VECTOR)
		return -1;
	return pci_msix_fd(&pci->function, vector);
}

/* 4.1.4.5: reading clears it and lowers the line. */
static uint32_t read_isr(struct virtio_pci *pci)
{
	uint32_t isr = __atomic_exchange_n(&pci->regs.isr, 0, __ATOMIC_SEQ_CST);

	pci_set_intx(&pci->function, false);
	/* An interrupt that came in between may have raised it before we lowered it. */
	if (__atomic_load_n(&pci->regs.isr, __ATOMIC_SEQ_CST))
		pci_set_intx(&pci->function, true);
	return isr;
}

/* -- common configuration (4.1.4.3) -- */

/* What the fields of the selected queue read; zeroes if there is no such queue. */
static void fill_queue(const struct virtio_pci *pci, uint8_t *image)
{
	const unsigned index = pci->regs.queue_select;
	const struct virtq *ring;

	if (index >= pci->virtio->nr_queues) {
		store_le16(image + VIRTIO_PCI_COMMON_Q_MSIX, VIRTIO_NO_VECTOR);
		return;
	}
	ring = &pci->virtio->queues[index].ring;
	store_le16(image + VIRTIO_PCI_COMMON_Q_SIZE, ring->state.size);
	store_le16(image + VIRTIO_PCI_COMMON_Q_MSIX,
		   get_vector(&pci->regs.vectors[index]));
	store_le16(image + VIRTIO_PCI_COMMON_Q_ENABLE, ring->state.ready);
	store_le16(image + VIRTIO_PCI_COMMON_Q_NOFF, (uint16_t)index);
	store_le64(image + VIRTIO_PCI_COMMON_Q_DESCLO, ring->state.desc);
	store_le64(image + VIRTIO_PCI_COMMON_Q_AVAILLO, ring->state.driver);
	store_le64(image + VIRTIO_PCI_COMMON_Q_USEDLO, ring->state.device);
}

static void fill_common(const struct virtio_pci *pci, uint8_t *image)
{
	const struct virtio *virtio = pci->virtio;
	const struct registers *regs = &pci->regs;

	store_le32(image + VIRTIO_PCI_COMMON_DFSELECT, regs->device_feature_select);
	store_le32(image + VIRTIO_PCI_COMMON_DF,
		   virtio_offered(virtio, regs->device_feature_select));
	store_le32(image + VIRTIO_PCI_COMMON_GFSELECT, regs->driver_feature_select);
	store_le32(image + VIRTIO_PCI_COMMON_GF,
		   virtio_accepted(virtio, regs->driver_feature_select));
	store_le16(image + VIRTIO_PCI_COMMON_MSIX, get_vector(&regs->config_vector));
	store_le16(image + VIRTIO_PCI_COMMON_NUMQ, (uint16_t)virtio->nr_queues);
	image[VIRTIO_PCI_COMMON_STATUS] = virtio->status;
	image[VIRTIO_PCI_COMMON_CFGGENERATION] = virtio->config_generation;
	store_le16(image + VIRTIO_PCI_COMMON_Q_SELECT, regs->queue_select);
	fill_queue(pci, image);
}

static void read_common(struct virtio_pci *pci, uint64_t offset, void *data,
			unsigned size)
{
	uint8_t image[COMMON_SIZE] = { 0 };

	memset(data, 0, size);
	if (!range_within(offset, size, sizeof(image)))
		return;
	pthread_mutex_lock(&pci->virtio->lock);
	fill_common(pci, image);
	pthread_mutex_unlock(&pci->virtio->lock);
	memcpy(data, image + offset, size);
}

/* 4.1.5.1.2.1: a vector that does not exist is not taken, and the driver reads so. */
static uint16_t checked_vector(const struct virtio_pci *pci, uint32_t vector)
{
	return vector < pci_msix_vectors(&pci->function) ? (uint16_t)vector
							 : VIRTIO_NO_VECTOR;
}

/* Half of a 64-bit address. */
static void set_half(uint64_t *address, bool high, uint32_t value)
{
	const unsigned shift = high ? 32 : 0;

	*address = (*address & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* A field of the selected queue that the driver may write while it sets it up. */
static void write_queue(struct virtio_pci *pci, uint64_t offset, uint32_t value)
{
	struct virtio_queue *queue =
		virtio_queue_setup(pci->virtio, pci->regs.queue_select);
	struct virtq *ring;

	if (!queue)
		return;
	ring = &queue->ring;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		/* More is checked when the ring is started, with the features at hand. */
		if (value && value <= ring->max_size)
			ring->state.size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		/* 4.1.4.3.2: the driver does not write 0. */
		if (value == 1)
			ring->state.ready = 1;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&ring->state.desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&ring->state.driver, offset == VIRTIO_PCI_COMMON_Q_AVAILHI,
			 value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&ring->state.device, offset == VIRTIO_PCI_COMMON_Q_USEDHI,
			 value);
		break;
	default:
		break;
	}
}

static void write_field(struct virtio_pci *pci, uint64_t offset, uint32_t value)
{
	struct registers *regs = &pci->regs;

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		regs->device_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		regs->driver_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		virtio_accept(pci->virtio, regs->driver_feature_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		set_vector(&regs->config_vector, checked_vector(pci, value));
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		regs->queue_select = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		if (regs->queue_select < pci->virtio->nr_queues)
			set_vector(&regs->vectors[regs->queue_select],
				   checked_vector(pci, value));
		break;
	default:
		write_queue(pci, offset, value);
	}
}

/* 4.1.3.1: fields are accessed in their own width, 64-bit ones in halves. */
static unsigned field_width(uint64_t offset)
{
	if (offset == VIRTIO_PCI_COMMON_STATUS)
		return 1;
	if (offset >= VIRTIO_PCI_COMMON_MSIX && offset < VIRTIO_PCI_COMMON_Q_DESCLO)
		return 2;
	return 4;
}

static void write_common(struct virtio_pci *pci, uint64_t offset, uint32_t value,
			 unsigned size)
{
	struct virtio *virtio = pci->virtio;

	if (size != field_width(offset))
		return;
	if (offset == VIRTIO_PCI_COMMON_STATUS) {
		virtio_set_status(virtio, (uint8_t)value);
		return;
	}
	pthread_mutex_lock(&virtio->lock);
	if (!virtio->resetting)
		write_field(pci, offset, value);
	pthread_mutex_unlock(&virtio->lock);
}

/* -- BARs -- */

static void read_memory(struct virtio_pci *pci, uint64_t offset, void *data,
			unsigned size)
{
	struct virtio *virtio = pci->virtio;

	memset(data, 0, size);
	switch (align_down(offset, REGION_SIZE)) {
	case COMMON:
		read_common(pci, offset, data, size);
		break;
	case ISR:
		if (offset == ISR)
			*(uint8_t *)data = (uint8_t)read_isr(pci);
		break;
	case DEVICE:
		pthread_mutex_lock(&virtio->lock);
		virtio_read_config(virtio, offset - DEVICE, data, size);
		pthread_mutex_unlock(&virtio->lock);
		break;
	default: /* notifications read nothing */
		break;
	}
}

static void write_memory(struct virtio_pci *pci, uint64_t offset, const void *data,
			 unsigned size)
{
	struct virtio *virtio = pci->virtio;
	uint32_t value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	switch (align_down(offset, REGION_SIZE)) {
	case COMMON:
		write_common(pci, offset, value, size);
		break;
	case DEVICE:
		pthread_mutex_lock(&virtio->lock);
		virtio_write_config(virtio, offset - DEVICE, data, size);
		pthread_mutex_unlock(&virtio->lock);
		break;
	case NOTIFY:
		virtio_kick(virtio, (unsigned)(offset - NOTIFY) / NOTIFY_STRIDE);
		break;
	default: /* the ISR status cannot be written */
		break;
	}
}

static uint64_t memory_read_io(void *dev, uint64_t offset, unsigned size)
{
	struct virtio_pci *pci = dev;
	uint64_t value = 0;

	virtio_settle(pci->virtio);
	read_memory(pci, offset, &value, size);
	return value;
}

static void memory_write_io(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_pci *pci = dev;

	virtio_settle(pci->virtio);
	if (size == 8 && offset < COMMON_SIZE) {
		/* A 64-bit address in one piece: the halves in order. */
		write_memory(pci, offset, &value, 4);
		value >>= 32;
		write_memory(pci, offset + 4, &value, 4);
		return;
	}
	write_memory(pci, offset, &value, size);
}

static uint64_t ports_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0;
}

static void ports_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_pci *pci = dev;

	if (offset == 0 && size == NOTIFY_PORT_SIZE)
		virtio_kick(pci->virtio, (unsigned)value);
}

static const struct io_ops memory_ops = {
	.read = memory_read_io,
	.write = memory_write_io,
	.max_size = 8,
};

static const struct io_ops ports_ops = {
	.read = ports_read,
	.write = ports_write,
	.max_size = 4,
};

static void move_bells(struct virtio_pci *pci, unsigned bar, bool is_mapped,
		       uint64_t base)
{
	if (bar == BAR_PORTS)
		doorbells_move(&pci->bells, PLACE_PORTS, is_mapped, base);
	else
		doorbells_move(&pci->bells, PLACE_MEMORY, is_mapped, base + NOTIFY);
}

static void mapped(void *dev, unsigned bar, uint64_t base)
{
	move_bells(dev, bar, true, base);
}

static void unmapped(void *dev, unsigned bar, uint64_t base)
{
	move_bells(dev, bar, false, base);
}

static void add_bars(struct virtio_pci *pci, bool has_ports)
{
	struct pci_bar bar = {
		.kind = PCI_BAR_IO,
		.size = PORTS_SIZE,
		.name = pci->virtio->name,
		.ops = &ports_ops,
		.dev = pci,
		.mapped = mapped,
		.unmapped = unmapped,
	};

	if (has_ports)
		pci_function_add_bar(&pci->function, BAR_PORTS, &bar);
	bar.kind = PCI_BAR_MEM64;
	bar.size = MEMORY_SIZE;
	bar.ops = &memory_ops;
	pci_function_add_bar(&pci->function, BAR_MEMORY, &bar);
}

/* -- the window PCI_CFG (4.1.4.9) -- */

/* Where the driver points. false: nowhere that exists. */
static bool window_target(const struct virtio_pci *pci, unsigned *bar, uint32_t *offset,
			  uint32_t *length)
{
	const uint8_t *cap = pci->function.config + pci->window;

	*bar = cap[offsetof(struct virtio_pci_cap, bar)];
	*offset = load_le32(cap + offsetof(struct virtio_pci_cap, offset));
	*length = load_le32(cap + offsetof(struct virtio_pci_cap, length));
	/* 4.1.4.9.1: 1, 2 or 4 bytes, aligned, inside a BAR of ours. */
	if ((*length != 1 && *length != 2 && *length != 4) || *offset % *length)
		return false;
	if (*bar == BAR_PORTS)
		return pci->function.bars[BAR_PORTS].kind == PCI_BAR_IO &&
		       range_within(*offset, *length, PORTS_SIZE);
	return *bar == BAR_MEMORY && range_within(*offset, *length, MEMORY_SIZE);
}

static void window_read(void *dev, unsigned at, unsigned size)
{
	struct virtio_pci *pci = dev;
	uint32_t offset, length;
	uint32_t value = 0;
	unsigned bar;

	(void)size;
	if (at || !window_target(pci, &bar, &offset, &length))
		return;
	if (bar == BAR_MEMORY)
		read_memory(pci, offset, &value, length);
	store_le32(pci->function.config + pci->function.hook_offset, value);
}

static void window_write(void *dev, unsigned at, unsigned size)
{
	struct virtio_pci *pci = dev;
	const uint8_t *data = pci->function.config + pci->function.hook_offset;
	uint32_t offset, length;
	unsigned bar;

	if (at || !window_target(pci, &bar, &offset, &length) || size < length)
		return;
	if (bar == BAR_MEMORY)
		write_memory(pci, offset, data, length);
	else
		ports_write(pci, offset, length, load_le16(data));
}

/* -- capabilities (4.1.4) -- */

static unsigned add_cap(struct virtio_pci *pci, uint8_t type, uint8_t bar,
			uint32_t offset, uint32_t length, const uint32_t *extra)
{
	uint8_t body[sizeof(struct virtio_pci_cap) + sizeof(*extra)] = { 0 };
	const unsigned size =
		sizeof(struct virtio_pci_cap) + (extra ? sizeof(*extra) : 0);

	body[offsetof(struct virtio_pci_cap, cap_vndr)] = CAP_VENDOR;
	body[offsetof(struct virtio_pci_cap, cap_len)] = (uint8_t)size;
	body[offsetof(struct virtio_pci_cap, cfg_type)] = type;
	body[offsetof(struct virtio_pci_cap, bar)] = bar;
	store_le32(body + offsetof(struct virtio_pci_cap, offset), offset);
	store_le32(body + offsetof(struct virtio_pci_cap, length), length);
	if (extra)
		store_le32(body + sizeof(struct virtio_pci_cap), *extra);
	return pci_function_add_capability(&pci->function, body, size);
}

static void add_window(struct virtio_pci *pci)
{
	struct pci_function *function = &pci->function;
	const uint32_t data = 0;
	uint8_t *writable;

	pci->window = add_cap(pci, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0, &data);
	writable = function->writable + pci->window;
	writable[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(writable + offsetof(struct virtio_pci_cap, offset), 0xff, 4);
	memset(writable + offsetof(struct virtio_pci_cap, length), 0xff, 4);
	memset(writable + sizeof(struct virtio_pci_cap), 0xff, sizeof(data));
	function->hook_offset = (uint16_t)(pci->window + sizeof(struct virtio_pci_cap));
	function->hook_size = sizeof(data);
	function->config_read = window_read;
	function->config_write = window_write;
	function->dev = pci;
}

static void add_caps(struct virtio_pci *pci, bool has_ports)
{
	const struct virtio *virtio = pci->virtio;
	const uint32_t stride = NOTIFY_STRIDE, none = 0;

	add_cap(pci, VIRTIO_PCI_CAP_COMMON_CFG, BAR_MEMORY, COMMON, COMMON_SIZE, NULL);
	if (has_ports)
		add_cap(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, BAR_PORTS, 0, NOTIFY_PORT_SIZE,
			&none);
	add_cap(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, BAR_MEMORY, NOTIFY,
		virtio->nr_queues * NOTIFY_STRIDE, &stride);
	add_cap(pci, VIRTIO_PCI_CAP_ISR_CFG, BAR_MEMORY, ISR, 1, NULL);
	if (virtio->config_size)
		add_cap(pci, VIRTIO_PCI_CAP_DEVICE_CFG, BAR_MEMORY, DEVICE,
			virtio->config_size, NULL);
	add_window(pci);
}

/* -- the transport -- */

static void forget_vectors(struct virtio_pci *pci)
{
	set_vector(&pci->regs.config_vector, VIRTIO_NO_VECTOR);
	for (unsigned i = 0; i < MAX_QUEUES; i++)
		set_vector(&pci->regs.vectors[i], VIRTIO_NO_VECTOR);
}

static void start(void *transport)
{
	struct virtio_pci *pci = transport;

	doorbells_arm(&pci->bells);
}

static void reset(void *transport)
{
	struct virtio_pci *pci = transport;

	doorbells_disarm(&pci->bells);
	forget_vectors(pci);
	(void)read_isr(pci);
	pci_msix_forget(&pci->function);
	pthread_mutex_lock(&pci->virtio->lock);
	pci->regs.device_feature_select = pci->regs.driver_feature_select = 0;
	pci->regs.queue_select = 0;
	pthread_mutex_unlock(&pci->virtio->lock);
}

static void free_transport(void *transport)
{
	struct virtio_pci *pci = transport;

	doorbells_destroy(&pci->bells);
	pci_function_destroy(&pci->function);
	free(pci);
}

static const struct state_field registers_fields[] = {
	STATE_FIELD(struct registers, device_feature_select),
	STATE_FIELD(struct registers, driver_feature_select),
	STATE_FIELD(struct registers, queue_select),
	STATE_FIELD(struct registers, config_vector),
	STATE_FIELD(struct registers, vectors),
	STATE_FIELD(struct registers, isr),
};

static const struct state_layout registers_layout = {
	.version = 1,
	.nr_fields = sizeof(registers_fields) / sizeof(registers_fields[0]),
	.fields = registers_fields,
};

static void section_name(const struct virtio_pci *pci, char *name, size_t size)
{
	snprintf(name, size, "%s.pci-transport", pci->virtio->name);
}

static int save(const void *transport, struct state_writer *writer, struct err *err)
{
	const struct virtio_pci *pci = transport;
	char name[64];

	section_name(pci, name, sizeof(name));
	if (pci_function_save(&pci->function, writer, err))
		return -1;
	return state_save(writer, name, &registers_layout, &pci->regs, err);
}

static int load(void *transport, struct bytes image, struct err *err)
{
	struct virtio_pci *pci = transport;
	struct registers regs = pci->regs;
	char name[64];

	section_name(pci, name, sizeof(name));
	if (state_load(image, name, &registers_layout, &regs, err) ||
	    pci_function_load(&pci->function, image, err))
		return -1;
	regs.config_vector = checked_vector(pci, regs.config_vector);
	for (unsigned i = 0; i < MAX_QUEUES; i++)
		regs.vectors[i] = checked_vector(pci, regs.vectors[i]);
	regs.isr &= ISR_QUEUE | ISR_CONFIG;
	pci->regs = regs;
	pci_set_intx(&pci->function, regs.isr != 0);
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

/* PCI Code and ID Assignment 1.11: class, subclass; nothing has an interface. */
static uint32_t class_code(enum virtio_id id)
{
	switch (id) {
	case VIRTIO_ID_NET:
		return 0x020000; /* network controller, Ethernet */
	case VIRTIO_ID_BLOCK:
	case VIRTIO_ID_9P:
		return 0x018000; /* mass storage controller, other */
	case VIRTIO_ID_CONSOLE:
		return 0x078000; /* simple communication controller, other */
	case VIRTIO_ID_VSOCK:
		return 0x028000; /* network controller, other */
	default:
		return 0xff0000; /* fits no class */
	}
}

static int build_function(struct virtio_pci *pci, struct pci_bus *bus, struct err *err)
{
	struct virtio *virtio = pci->virtio;
	const bool has_ports = bus->io.size != 0;
	const struct pci_ids ids = {
		.vendor = VENDOR_VIRTIO,
		.device = (uint16_t)(DEVICE_ID_BASE + virtio->id),
		.subsystem_vendor = VENDOR_VIRTIO,
		.subsystem = (uint16_t)(DEVICE_ID_BASE + virtio->id),
		.revision = REVISION,
		.class_code = class_code(virtio->id),
		.interrupt_pin = true,
	};
	const unsigned wanted = virtio->nr_queues + 1; /* one for the configuration */
	const unsigned vectors =
		wanted < PCI_MAX_MSIX_VECTORS ? wanted : PCI_MAX_MSIX_VECTORS;

	pci_function_init(&pci->function, &ids, virtio->name);
	add_bars(pci, has_ports);
	if (pci_function_add_msix(&pci->function, virtio->platform, BAR_MSIX, vectors,
				  err))
		return -1;
	add_caps(pci, has_ports);
	return pci_bus_plug(bus, &pci->function, err);
}

int virtio_pci_attach(struct virtio *virtio, struct pci_bus *bus, struct err *err)
{
	const struct doorbell_place places[] = {
		/* Any size: KVM then need not decode the instruction where it cannot. */
		[PLACE_MEMORY] = { .space = BUS_MMIO, .stride = NOTIFY_STRIDE },
		[PLACE_PORTS] = { .space = BUS_PIO, .size = NOTIFY_PORT_SIZE },
	};
	struct virtio_pci *pci;

	if (virtio->nr_queues > MAX_QUEUES)
		return err_set(err, "%s: %u queues, at most %u are possible on PCI",
			       virtio->name, virtio->nr_queues, MAX_QUEUES);
	pci = calloc(1, sizeof(*pci));
	if (!pci)
		return err_set(err, "%s: no memory", virtio->name);
	pci->virtio = virtio;
	forget_vectors(pci);
	doorbells_init(&pci->bells, virtio, places, bus->io.size ? 2 : 1);
	if (build_function(pci, bus, err)) {
		err_prefix(err, "%s: ", virtio->name);
		free_transport(pci);
		return -1;
	}
	virtio->transport = pci;
	virtio->transport_ops = &transport_ops;
	return 0;
}
