/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio: see virtio.h. */
#include "virtio.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc

#define PCI_VENDOR     0x00
#define PCI_DEVICE     0x02
#define PCI_COMMAND    0x04
#define PCI_BAR0       0x10
#define PCI_CAPABILITY 0x34
#define CAP_VENDOR     0x09
#define CAP_MSIX       0x11
#define COMMAND_MEMORY 2
#define COMMAND_MASTER 4

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_MODERN 0x1040 /* and the device ID (4.1.2) */

/* cfg_type of virtio's capabilities (4.1.4). */
#define CAP_COMMON  1
#define CAP_NOTIFY  2
#define CAP_ISR     3
#define CAP_DEVICE  4
#define CAP_PCI_CFG 5

#define MMIO_MAGIC   0x74726976
#define MMIO_VERSION 2
#define MMIO_NOTIFY  0x50
#define MMIO_ISR     0x60
#define MMIO_CONFIG  0x100

/* Where BARs go that were above 4 GiB: in the hole for devices of every PC. */
#define LOW_BARS     0xd8000000u
#define LOW_BAR_SIZE 0x100000u

#define PATIENCE (30 * 3579545u) /* of the PM timer: 30 seconds */

struct place {
	uint8_t offset, size;
};

/* 4.1.4.3 */
static const struct place pci_regs[NR_REGS] = {
	[DEVICE_FEATURE_SELECT] = { 0x00, 4 },
	[DEVICE_FEATURE] = { 0x04, 4 },
	[DRIVER_FEATURE_SELECT] = { 0x08, 4 },
	[DRIVER_FEATURE] = { 0x0c, 4 },
	[QUEUE_SELECT] = { 0x16, 2 },
	[QUEUE_SIZE_MAX] = { 0x18, 2 },
	[QUEUE_SIZE] = { 0x18, 2 },
	[QUEUE_ENABLE] = { 0x1c, 2 },
	[QUEUE_DESC_LOW] = { 0x20, 4 },
	[QUEUE_DESC_HIGH] = { 0x24, 4 },
	[QUEUE_DRIVER_LOW] = { 0x28, 4 },
	[QUEUE_DRIVER_HIGH] = { 0x2c, 4 },
	[QUEUE_DEVICE_LOW] = { 0x30, 4 },
	[QUEUE_DEVICE_HIGH] = { 0x34, 4 },
	[DEVICE_STATUS] = { 0x14, 1 },
	[CONFIG_GENERATION] = { 0x15, 1 },
};
#define PCI_QUEUE_NOTIFY_OFF 0x1e

/* 4.2.2 */
static const struct place mmio_regs[NR_REGS] = {
	[DEVICE_FEATURE_SELECT] = { 0x14, 4 },
	[DEVICE_FEATURE] = { 0x10, 4 },
	[DRIVER_FEATURE_SELECT] = { 0x24, 4 },
	[DRIVER_FEATURE] = { 0x20, 4 },
	[QUEUE_SELECT] = { 0x30, 4 },
	[QUEUE_SIZE_MAX] = { 0x34, 4 },
	[QUEUE_SIZE] = { 0x38, 4 },
	[QUEUE_ENABLE] = { 0x44, 4 },
	[QUEUE_DESC_LOW] = { 0x80, 4 },
	[QUEUE_DESC_HIGH] = { 0x84, 4 },
	[QUEUE_DRIVER_LOW] = { 0x90, 4 },
	[QUEUE_DRIVER_HIGH] = { 0x94, 4 },
	[QUEUE_DEVICE_LOW] = { 0xa0, 4 },
	[QUEUE_DEVICE_HIGH] = { 0xa4, 4 },
	[DEVICE_STATUS] = { 0x70, 4 },
	[CONFIG_GENERATION] = { 0xfc, 4 },
};

/* The compiler calls these. */
void *memset(void *to, int value, uint32_t size);
void *memcpy(void *to, const void *from, uint32_t size);

void *memset(void *to, int value, uint32_t size)
{
	void *at = to;

	__asm__ volatile("cld; rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, uint32_t size)
{
	void *at = to;

	__asm__ volatile("cld; rep movsb"
			 : "+D"(at), "+S"(from), "+c"(size)
			 :
			 : "memory");
	return to;
}

/* -- PCI -- */

static void pci_select(uint8_t slot, uint32_t offset)
{
	outl(PCI_ADDRESS, 0x80000000u | (uint32_t)slot << 11 | (offset & 0xfc));
}

uint32_t pci_read(uint8_t slot, uint32_t offset, unsigned size)
{
	const uint16_t port = (uint16_t)(PCI_DATA + (offset & 3));

	pci_select(slot, offset);
	if (size == 1)
		return inb(port);
	if (size == 2)
		return inw(port);
	return inl(port);
}

void pci_write(uint8_t slot, uint32_t offset, uint32_t value, unsigned size)
{
	const uint16_t port = (uint16_t)(PCI_DATA + (offset & 3));

	pci_select(slot, offset);
	if (size == 1)
		outb(port, (uint8_t)value);
	else if (size == 2)
		outw(port, (uint16_t)value);
	else
		outl(port, value);
}

/* The address of a memory BAR, brought below 4 GiB. */
static uint32_t bar_address(uint8_t slot, uint8_t bar)
{
	const uint32_t offset = PCI_BAR0 + 4u * bar;
	const uint32_t low = pci_read(slot, offset, 4);
	uint32_t base = low & ~15u;

	if ((low & 6) == 4 && pci_read(slot, offset + 4, 4)) {
		base = LOW_BARS + (slot * 2u + (bar >= 4)) * LOW_BAR_SIZE;
		pci_write(slot, offset, base, 4);
		pci_write(slot, offset + 4, 0, 4);
	}
	return base;
}

static void take_virtio_capability(struct virtio *virtio, uint8_t at)
{
	const uint8_t slot = virtio->slot, type = (uint8_t)pci_read(slot, at + 3u, 1);
	const uint8_t bar = (uint8_t)pci_read(slot, at + 4u, 1);
	uint32_t address;

	if (type == CAP_PCI_CFG)
		virtio->pci_cfg = at;
	if (type < CAP_COMMON || type > CAP_DEVICE)
		return;
	address = bar_address(slot, bar) + pci_read(slot, at + 8u, 4);
	if (type == CAP_COMMON) {
		virtio->regs = address;
		virtio->bar_of_regs = bar;
	} else if (type == CAP_NOTIFY) {
		virtio->notify = address;
		virtio->notify_multiplier = pci_read(slot, at + 16u, 4);
	} else if (type == CAP_ISR) {
		virtio->isr = address;
	} else {
		virtio->config = address;
	}
}

static void take_msix(struct virtio *virtio, uint8_t at)
{
	const uint32_t table = pci_read(virtio->slot, at + 4u, 4);

	virtio->msix = at;
	virtio->msix_vectors = (pci_read(virtio->slot, at + 2u, 2) & 0x7ff) + 1;
	virtio->msix_table =
		bar_address(virtio->slot, (uint8_t)(table & 7)) + (table & ~7u);
}

static bool probe_pci(struct virtio *virtio, uint8_t slot)
{
	const uint16_t device = (uint16_t)pci_read(slot, PCI_DEVICE, 2);
	uint8_t at;

	if (pci_read(slot, PCI_VENDOR, 2) != VENDOR_VIRTIO || device <= DEVICE_MODERN)
		return false;
	*virtio = (struct virtio){ .id = (uint32_t)(device - DEVICE_MODERN),
				   .is_pci = true,
				   .slot = slot };
	at = (uint8_t)(pci_read(slot, PCI_CAPABILITY, 1) & ~3u);
	for (unsigned guard = 0; at && guard < 48; guard++) {
		const uint8_t id = (uint8_t)pci_read(slot, at, 1);

		if (id == CAP_VENDOR)
			take_virtio_capability(virtio, at);
		else if (id == CAP_MSIX)
			take_msix(virtio, at);
		at = (uint8_t)(pci_read(slot, at + 1u, 1) & ~3u);
	}
	pci_write(slot, PCI_COMMAND, COMMAND_MEMORY | COMMAND_MASTER, 2);
	return virtio->regs && virtio->notify;
}

/* -- MMIO -- */

static bool probe_mmio(struct virtio *virtio, uint32_t base)
{
	if (mem_read(base, 4) != MMIO_MAGIC || mem_read(base + 4, 4) != MMIO_VERSION)
		return false;
	*virtio = (struct virtio){ .id = mem_read(base + 8, 4),
				   .regs = base,
				   .config = base + MMIO_CONFIG,
				   .notify = base + MMIO_NOTIFY,
				   .isr = base + MMIO_ISR };
	return virtio->id != 0;
}

unsigned virtio_find(struct virtio found[MAX_DEVICES], uint32_t mmio_base,
		     uint32_t mmio_stride, uint32_t mmio_count)
{
	unsigned count = 0;

	for (uint8_t slot = 0; slot < 32 && count < MAX_DEVICES; slot++)
		count += probe_pci(&found[count], slot);
	for (uint32_t i = 0; i < mmio_count && count < MAX_DEVICES; i++)
		count += probe_mmio(&found[count], mmio_base + i * mmio_stride);
	return count;
}

/* -- both -- */

uint32_t virtio_read(const struct virtio *virtio, enum reg reg)
{
	const struct place *place = virtio->is_pci ? &pci_regs[reg] : &mmio_regs[reg];

	return mem_read(virtio->regs + place->offset, place->size);
}

void virtio_write(const struct virtio *virtio, enum reg reg, uint32_t value)
{
	const struct place *place = virtio->is_pci ? &pci_regs[reg] : &mmio_regs[reg];

	mem_write(virtio->regs + place->offset, value, place->size);
}

uint64_t virtio_features(const struct virtio *virtio)
{
	uint64_t features;

	virtio_write(virtio, DEVICE_FEATURE_SELECT, 1);
	features = (uint64_t)virtio_read(virtio, DEVICE_FEATURE) << 32;
	virtio_write(virtio, DEVICE_FEATURE_SELECT, 0);
	return features | virtio_read(virtio, DEVICE_FEATURE);
}

bool virtio_reset(const struct virtio *virtio)
{
	virtio_write(virtio, DEVICE_STATUS, 0);
	for (const uint32_t start = inl(PM_TIMER); inl(PM_TIMER) - start < PATIENCE;)
		if (virtio_read(virtio, DEVICE_STATUS) == 0)
			return true;
	return false;
}

bool virtio_begin(const struct virtio *virtio, uint64_t wanted)
{
	const uint32_t status = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
	uint64_t features;

	if (!virtio_reset(virtio))
		return false;
	virtio_write(virtio, DEVICE_STATUS, STATUS_ACKNOWLEDGE);
	virtio_write(virtio, DEVICE_STATUS, status);
	features = virtio_features(virtio) & (wanted | F_VERSION_1);
	virtio_write(virtio, DRIVER_FEATURE_SELECT, 0);
	virtio_write(virtio, DRIVER_FEATURE, (uint32_t)features);
	virtio_write(virtio, DRIVER_FEATURE_SELECT, 1);
	virtio_write(virtio, DRIVER_FEATURE, (uint32_t)(features >> 32));
	virtio_write(virtio, DEVICE_STATUS, status | STATUS_FEATURES_OK);
	return virtio_read(virtio, DEVICE_STATUS) & STATUS_FEATURES_OK;
}

void virtio_go(const struct virtio *virtio)
{
	virtio_write(virtio, DEVICE_STATUS,
		     STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK |
			     STATUS_DRIVER_OK);
}

void virtio_notify(const struct virtio *virtio, uint16_t queue)
{
	uint32_t offset = 0;

	if (!virtio->is_pci) {
		mem_write(virtio->notify, queue, 4);
		return;
	}
	virtio_write(virtio, QUEUE_SELECT, queue);
	offset = mem_read(virtio->regs + PCI_QUEUE_NOTIFY_OFF, 2);
	mem_write(virtio->notify + offset * virtio->notify_multiplier, queue, 2);
}

/* -- rings -- */

static void clear(volatile void *at, uint32_t size)
{
	volatile uint32_t *words = at;

	for (uint32_t i = 0; i < size / 4; i++)
		words[i] = 0;
}

void ring_init(struct ring *ring, const struct virtio *virtio, uint16_t index)
{
	clear(ring->desc, sizeof(ring->desc));
	clear(&ring->avail, sizeof(ring->avail));
	clear(&ring->used, sizeof(ring->used));
	ring->virtio = virtio;
	ring->index = index;
	ring->seen = 0;
}

bool virtio_enable(struct ring *ring)
{
	const struct virtio *virtio = ring->virtio;

	virtio_write(virtio, QUEUE_SELECT, ring->index);
	if (virtio_read(virtio, QUEUE_SIZE_MAX) < RING_SIZE)
		return false;
	virtio_write(virtio, QUEUE_SIZE, RING_SIZE);
	virtio_write(virtio, QUEUE_DESC_LOW, (uint32_t)&ring->desc);
	virtio_write(virtio, QUEUE_DESC_HIGH, 0);
	virtio_write(virtio, QUEUE_DRIVER_LOW, (uint32_t)&ring->avail);
	virtio_write(virtio, QUEUE_DRIVER_HIGH, 0);
	virtio_write(virtio, QUEUE_DEVICE_LOW, (uint32_t)&ring->used);
	virtio_write(virtio, QUEUE_DEVICE_HIGH, 0);
	virtio_write(virtio, QUEUE_ENABLE, 1);
	return true;
}

void ring_fill(struct ring *ring, const struct piece *pieces, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ring->desc[i].addr = (uint32_t)pieces[i].at;
		ring->desc[i].len = pieces[i].size;
		ring->desc[i].flags = (uint16_t)((pieces[i].writable ? DESC_WRITE : 0) |
						 (i + 1 < count ? DESC_NEXT : 0));
		ring->desc[i].next = (uint16_t)(i + 1);
	}
}

void ring_offer(struct ring *ring, uint16_t head)
{
	ring->avail.ring[ring->avail.idx % RING_SIZE] = head;
	__asm__ volatile("" : : : "memory"); /* x86 keeps the order of stores */
	ring->avail.idx++;
	virtio_notify(ring->virtio, ring->index);
}

int32_t ring_wait(struct ring *ring)
{
	for (const uint32_t start = inl(PM_TIMER); inl(PM_TIMER) - start < PATIENCE;)
		if (ring->used.idx != ring->seen)
			return (int32_t)ring->used.ring[ring->seen++ % RING_SIZE].len;
	return -1;
}

int32_t ring_request(struct ring *ring, const struct piece *pieces, unsigned count)
{
	ring_fill(ring, pieces, count);
	ring_offer(ring, 0);
	return ring_wait(ring);
}
