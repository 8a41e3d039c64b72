/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over PCI, register by register, as a guest sees it on the bus. */
#include <linux/virtio_pci.h>
#include <poll.h>
#include <unistd.h>

#include "device_rig.h"
#include "fake_virtio.h"
#include "pci_test.h"
#include "virtio/transport.h"

#define ACK         VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER      VIRTIO_STATUS_DRIVER
#define FEATURES_OK VIRTIO_STATUS_FEATURES_OK
#define DRIVER_OK   VIRTIO_STATUS_DRIVER_OK
#define LIVE        (ACK | DRIVER | FEATURES_OK | DRIVER_OK)

#define SLOT         1 /* the first device on the bus */
#define COMMAND      0x04
#define INTX_DISABLE 0x400
#define CAP_VENDOR   0x09
#define CAP_MSIX     0x11
#define MSIX_ENABLE  0x8000
#define NR_VECTORS   (FAKE_QUEUES + 1)
#define ISR_QUEUE    1
#define ISR_CONFIG   2
#define NO_VECTOR    0xffff

static struct rig rig;
static struct test_bus t;
static struct fake fake;
static struct virtio *virtio;

/* Where the driver found the structures: guest addresses. */
struct place {
	bool found;
	enum bus_space space;
	uint64_t address;
	uint32_t length, multiplier;
	unsigned capability;
};

static struct place common, isr, device, notify[2], window;
static unsigned nr_notify, msix;

static int set_up(bool has_ports)
{
	struct err err;

	if (rig_init(&rig))
		return -1;
	test_bus_init(&t);
	t.platform.memory = &rig.memory;
	t.platform.loop = &rig.loop;
	if (!has_ports)
		t.pci.io.size = 0;
	virtio = rig.virtio = fake_init(&fake, &t.platform, VIRTIO_ID_BLOCK, true);
	if (!virtio || virtio_pci_attach(virtio, &t.pci, &err))
		return -1;
	pci_bus_reset(&t.pci);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_destroy(&rig);
	test_bus_destroy(&t);
	return 0;
}

static uint32_t config(unsigned offset, unsigned size)
{
	return config_in(&t, SLOT, 0, offset, size);
}

/* The guest address that a BAR has now. */
static uint64_t bar_address(unsigned bar, enum bus_space *space)
{
	const uint32_t low = config(0x10 + 4 * bar, 4);

	*space = low & 1 ? BUS_PIO : BUS_MMIO;
	if (low & 1)
		return low & ~3u;
	if ((low & 6) == 4)
		return (low & ~15u) | (uint64_t)config(0x14 + 4 * bar, 4) << 32;
	return low & ~15u;
}

static struct place read_place(unsigned cap)
{
	struct place place = { .found = true, .capability = cap };

	place.address = bar_address(config(cap + 4, 1), &place.space);
	place.address += config(cap + 8, 4);
	place.length = config(cap + 12, 4);
	place.multiplier = config(cap + 16, 4);
	return place;
}

/* 4.1.4: walk the capabilities as a driver does. */
static void find_structures(void)
{
	common = isr = device = notify[0] = notify[1] = window = (struct place){ 0 };
	nr_notify = msix = 0;
	for (unsigned cap = config(0x34, 1), n = 0; cap; cap = config(cap + 1, 1), n++) {
		assert_true(n < 48 && cap >= 0x40 && cap % 4 == 0);
		if (config(cap, 1) == CAP_MSIX)
			msix = cap;
		if (config(cap, 1) != CAP_VENDOR)
			continue;
		switch (config(cap + 3, 1)) {
		case VIRTIO_PCI_CAP_COMMON_CFG:
			common = read_place(cap);
			break;
		case VIRTIO_PCI_CAP_ISR_CFG:
			isr = read_place(cap);
			break;
		case VIRTIO_PCI_CAP_DEVICE_CFG:
			device = read_place(cap);
			break;
		case VIRTIO_PCI_CAP_NOTIFY_CFG:
			assert_true(nr_notify < 2);
			notify[nr_notify++] = read_place(cap);
			break;
		default:
			assert_int_equal(config(cap + 3, 1), VIRTIO_PCI_CAP_PCI_CFG);
			window.found = true;
			window.capability = cap;
		}
	}
	assert_true(common.found && isr.found && window.found && msix);
}

static int setup(void **state)
{
	(void)state;
	if (set_up(true))
		return -1;
	find_structures();
	return 0;
}

static uint64_t get(unsigned offset, unsigned size)
{
	return guest_read(&t, common.space, common.address + offset, size);
}

static void put(unsigned offset, unsigned size, uint64_t value)
{
	guest_write(&t, common.space, common.address + offset, size, value);
}

static unsigned read_isr(void)
{
	return (unsigned)guest_read(&t, isr.space, isr.address, 1);
}

static void set_status(uint8_t status)
{
	put(VIRTIO_PCI_COMMON_STATUS, 1, status);
}

static uint8_t get_status(void)
{
	return (uint8_t)get(VIRTIO_PCI_COMMON_STATUS, 1);
}

static void enable_msix(void)
{
	const struct pci_function *function = t.pci.functions[SLOT][0];

	config_out(&t, SLOT, 0, msix + 2, 2, MSIX_ENABLE);
	assert_true(pci_msix_enabled(function));
}

/* Was the message sent (or would be, if it were not masked)? */
static bool was_signalled(unsigned vector)
{
	uint64_t count;

	return read(pci_msix_fd(t.pci.functions[SLOT][0], vector), &count,
		    sizeof(count)) == sizeof(count);
}

/* As a driver brings a device up, queue 0 on a ring of the rig. */
static void drive(void)
{
	struct ring_driver *ring = &rig.rings[0];

	set_status(ACK);
	set_status(ACK | DRIVER);
	put(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	put(VIRTIO_PCI_COMMON_GF, 4, 1);
	set_status(ACK | DRIVER | FEATURES_OK);
	assert_int_equal(get_status(), ACK | DRIVER | FEATURES_OK);
	assert_int_equal(
		ring_driver_init(ring, &rig.memory, RIG_RING(0), RIG_RING_SIZE, 0), 0);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	put(VIRTIO_PCI_COMMON_Q_SIZE, 2, RIG_RING_SIZE);
	put(VIRTIO_PCI_COMMON_Q_DESCLO, 4, ring->desc_gpa);
	put(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, ring->driver_gpa);
	put(VIRTIO_PCI_COMMON_Q_USEDLO, 4, ring->device_gpa);
	put(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	set_status(LIVE);
	rig_settle(&rig);
	assert_int_equal(fake.starts, 1);
}

/* Give back one request: an interrupt. */
static void use_one(void)
{
	struct iovec iov[FAKE_QUEUE_SIZE];
	struct virtq_chain chain = { .iov = iov, .max_iov = FAKE_QUEUE_SIZE };

	rig_post(&rig, 0, 16);
	assert_int_equal(virtq_pop(&virtio->queues[0].ring, &chain), 1);
	virtq_push(&virtio->queues[0].ring, &chain, 0);
	virtio_publish(virtio, 0);
}

/* -- configuration space -- */

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(config(0x00, 2), 0x1af4);
	assert_int_equal(config(0x02, 2), 0x1040 + VIRTIO_ID_BLOCK);
	assert_true(config(0x08, 1) >= 1);       /* 4.1.2.1 */
	assert_true(config(0x2e, 2) >= 0x40);    /* 4.1.2.1 */
	assert_int_equal(config(0x0b, 1), 0x01); /* mass storage */
	assert_int_equal(config(0x3d, 1), 1);    /* INTA# */
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_true(common.length >= 56);
	assert_int_equal(isr.length, 1);
	assert_true(device.found);
	assert_int_equal(device.length, FAKE_CONFIG_SIZE);
	assert_int_equal((config(msix + 2, 2) & 0x7ff) + 1, NR_VECTORS);
	/* Notifications by ports come first, and then by memory. */
	assert_int_equal(nr_notify, 2);
	assert_int_equal(notify[0].space, BUS_PIO);
	assert_int_equal(notify[1].space, BUS_MMIO);
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t multiplier = notify[i].multiplier;

		/* 4.1.4.4.1: 2-aligned, an even power of two or 0, room for the last queue. */
		assert_true(notify[i].address % 2 == 0);
		assert_true(multiplier % 2 == 0 && !(multiplier & (multiplier - 1)));
		assert_true(notify[i].length >= (FAKE_QUEUES - 1) * multiplier + 2);
	}
}

static void test_no_ports_no_port_bar(void **state)
{
	assert_int_equal(teardown(state), 0);
	assert_int_equal(set_up(false), 0);
	find_structures();
	assert_int_equal(nr_notify, 1);
	assert_int_equal(notify[0].space, BUS_MMIO);
	assert_int_equal(config(0x10, 4), 0);
}

/* -- common configuration -- */

static void test_features(void **state)
{
	const uint32_t low = 1u << FAKE_FEATURE | 1u << VIRTIO_F_INDIRECT_DESC |
			     1u << VIRTIO_F_EVENT_IDX;

	(void)state;
	assert_int_equal(get(VIRTIO_PCI_COMMON_DF, 4), low);
	put(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	assert_int_equal(get(VIRTIO_PCI_COMMON_DFSELECT, 4), 1);
	assert_int_equal(get(VIRTIO_PCI_COMMON_DF, 4), 1u | 1u << 2);
	put(VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_DF, 4), 0);
	put(VIRTIO_PCI_COMMON_DF, 4, ~0u); /* read-only */
	put(VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_DF, 4), low);

	put(VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	put(VIRTIO_PCI_COMMON_GF, 4, 5);
	assert_int_equal(get(VIRTIO_PCI_COMMON_GF, 4), 5);
	put(VIRTIO_PCI_COMMON_GFSELECT, 4, ~0u);
	put(VIRTIO_PCI_COMMON_GF, 4, 7);
	assert_int_equal(get(VIRTIO_PCI_COMMON_GF, 4), 0);
	assert_true(virtio->features == 5ull << 32);
}

static void test_queue_fields(void **state)
{
	const struct virtq_state *queue = &virtio->queues[2].ring.state;

	(void)state;
	assert_int_equal(get(VIRTIO_PCI_COMMON_NUMQ, 2), FAKE_QUEUES);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), FAKE_QUEUE_SIZE);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SELECT, 2), 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_NOFF, 2), 2);
	put(VIRTIO_PCI_COMMON_Q_SIZE, 2, 8);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	put(VIRTIO_PCI_COMMON_Q_SIZE, 2, 17);
	put(VIRTIO_PCI_COMMON_Q_SIZE, 2, 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	/* 4.1.3.1: 64-bit fields in halves, in any order; in one piece too. */
	put(VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0x1);
	put(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x11111110);
	put(VIRTIO_PCI_COMMON_Q_AVAILLO, 4, 0x22222220);
	put(VIRTIO_PCI_COMMON_Q_AVAILHI, 4, 0x2);
	put(VIRTIO_PCI_COMMON_Q_USEDLO, 8, 0x333333330ull);
	assert_true(queue->desc == 0x111111110ull);
	assert_true(queue->driver == 0x222222220ull);
	assert_true(queue->device == 0x333333330ull);
	assert_true(get(VIRTIO_PCI_COMMON_Q_USEDLO, 8) == 0x333333330ull);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_DESCHI, 4), 1);
	/* 4.1.4.3.2: the driver writes 1, and nothing else means anything. */
	put(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	put(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	put(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	/* Read-only fields. */
	put(VIRTIO_PCI_COMMON_NUMQ, 2, 99);
	put(VIRTIO_PCI_COMMON_Q_NOFF, 2, 99);
	put(VIRTIO_PCI_COMMON_CFGGENERATION, 1, 99);
	assert_int_equal(get(VIRTIO_PCI_COMMON_NUMQ, 2), FAKE_QUEUES);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_NOFF, 2), 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_CFGGENERATION, 1), 0);
}

static void test_queue_that_does_not_exist(void **state)
{
	static const unsigned selects[] = { FAKE_QUEUES, 256, 0xffff };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(selects); i++) {
		put(VIRTIO_PCI_COMMON_Q_SELECT, 2, selects[i]);
		/* 4.1.4.3.1: size 0 says that there is none. */
		assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		put(VIRTIO_PCI_COMMON_Q_SIZE, 2, 4);
		put(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
		put(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000);
		put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 0);
		assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		assert_int_equal(get(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
	}
	for (unsigned i = 0; i < FAKE_QUEUES; i++)
		assert_int_equal(virtio->queues[i].ring.state.ready, 0);
}

static void test_fields_have_a_width(void **state)
{
	(void)state;
	put(VIRTIO_PCI_COMMON_STATUS, 2, ACK);
	put(VIRTIO_PCI_COMMON_STATUS, 4, ACK);
	put(VIRTIO_PCI_COMMON_NUMQ, 4, 0x00010000 * ACK); /* status is its third byte */
	assert_int_equal(get_status(), 0);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 4, 2);
	put(VIRTIO_PCI_COMMON_Q_SELECT + 1, 2, 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	put(VIRTIO_PCI_COMMON_Q_DESCLO, 2, 0x1000);
	put(VIRTIO_PCI_COMMON_Q_DESCLO + 2, 4, 0x1000);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0);
	/* Behind the end. */
	put(56, 2, 1);
	put(58, 2, 1); /* queue_reset, which is not offered */
	assert_int_equal(get(56, 2), 0);
	assert_int_equal(get(58, 2), 0);
	assert_int_equal(get(54, 4), 0);
	assert_int_equal(get(0xffc, 4), 0);
}

static void test_vectors_are_checked(void **state)
{
	(void)state;
	assert_int_equal(get(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
	put(VIRTIO_PCI_COMMON_MSIX, 2, NR_VECTORS - 1);
	assert_int_equal(get(VIRTIO_PCI_COMMON_MSIX, 2), NR_VECTORS - 1);
	/* 4.1.5.1.2.1: a vector that cannot be had reads back as none. */
	put(VIRTIO_PCI_COMMON_MSIX, 2, NR_VECTORS);
	assert_int_equal(get(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), 2);
	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 0x100);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
}

static void test_queue_cannot_move_while_live(void **state)
{
	(void)state;
	drive();
	put(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x5000);
	put(VIRTIO_PCI_COMMON_Q_SIZE, 2, 4);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_DESCLO, 4), RIG_RING(0));
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), RIG_RING_SIZE);
}

/* -- notifications -- */

static void ring_bell(const struct place *place, unsigned queue)
{
	guest_write(&t, place->space, place->address + queue * place->multiplier, 2,
		    queue);
	rig_settle(&rig);
}

static void test_notify(void **state)
{
	(void)state;
	drive();
	ring_bell(&notify[0], 0);
	assert_int_equal(fake.kicks[0], 2);
	ring_bell(&notify[1], 0);
	assert_int_equal(fake.kicks[0], 3);
	for (unsigned i = 0; i < 2; i++) {
		ring_bell(&notify[i], 1); /* not ready */
		ring_bell(&notify[i], FAKE_QUEUES);
		ring_bell(&notify[i], 0xff);
		assert_int_equal(guest_read(&t, notify[i].space, notify[i].address, 2),
				 0);
	}
	guest_write(&t, BUS_PIO, notify[0].address, 1, 0);
	guest_write(&t, BUS_PIO, notify[0].address, 2, 0xffff);
	rig_settle(&rig);
	assert_int_equal(fake.kicks[0] + fake.kicks[1] + fake.kicks[2], 3);
}

static void test_structures_follow_their_bars(void **state)
{
	(void)state;
	drive();
	config_out(&t, SLOT, 0, 0x10, 4, 0x2000);     /* BAR 0 */
	config_out(&t, SLOT, 0, 0x20, 4, 0xd0000000); /* BAR 4 */
	find_structures();
	assert_true(notify[0].address == 0x2000);
	assert_int_equal(get_status(), LIVE);
	ring_bell(&notify[0], 0);
	ring_bell(&notify[1], 0);
	assert_int_equal(fake.kicks[0], 3);
	/* Decoding off: nobody is there. */
	config_out(&t, SLOT, 0, COMMAND, 2, 0);
	assert_int_equal(get_status(), 0xff);
}

/* -- interrupts -- */

static void test_intx(void **state)
{
	const struct chip_irq *wire = &t.wires[pci_intx_pin(SLOT)];

	(void)state;
	drive();
	use_one();
	assert_true(wire->level);
	virtio_config_changed(virtio);
	/* 4.1.4.5: reading clears it and lowers the line. */
	assert_int_equal(read_isr(), ISR_QUEUE | ISR_CONFIG);
	assert_false(wire->level);
	assert_int_equal(read_isr(), 0);
	guest_write(&t, isr.space, isr.address, 1, 0xff);
	assert_int_equal(read_isr(), 0);
	/* COMMAND can keep it off the wire. */
	config_out(&t, SLOT, 0, COMMAND, 2, config(COMMAND, 2) | INTX_DISABLE);
	use_one();
	assert_false(wire->level);
	assert_int_equal(read_isr(), ISR_QUEUE);
}

static void test_msix(void **state)
{
	(void)state;
	enable_msix();
	put(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 3);
	drive();
	use_one();
	assert_true(was_signalled(3));
	assert_false(was_signalled(0));
	/* 4.1.4.5.1: the ISR status tells of the configuration only, the line of nothing. */
	assert_int_equal(read_isr(), 0);
	virtio_config_changed(virtio);
	assert_true(was_signalled(0));
	assert_false(was_signalled(3));
	assert_false(t.wires[pci_intx_pin(SLOT)].level);
	assert_int_equal(read_isr(), ISR_CONFIG);
	assert_int_equal(read_isr(), 0);
	/* Nor does it tell of anything that was before a reset. */
	virtio_config_changed(virtio);
	set_status(0);
	rig_settle(&rig);
	assert_int_equal(read_isr(), 0);
}

static void test_no_vector_no_interrupt(void **state)
{
	(void)state;
	enable_msix();
	drive();
	use_one();
	virtio_config_changed(virtio);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		assert_false(was_signalled(i));
	assert_int_equal(read_isr(), 0);
}

static void test_interrupt_fd(void **state)
{
	const struct virtio_transport_ops *ops = virtio->transport_ops;

	(void)state;
	/* 4.1.4.5: with INTx the ISR status has to be set, so vhost cannot do it. */
	assert_int_equal(ops->interrupt_fd(virtio->transport, 1), -1);
	enable_msix();
	assert_int_equal(ops->interrupt_fd(virtio->transport, 1), -1);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	assert_int_equal(ops->interrupt_fd(virtio->transport, 1),
			 pci_msix_fd(t.pci.functions[SLOT][0], 2));
}

static void test_reset(void **state)
{
	(void)state;
	put(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	drive();
	use_one();
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	put(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	set_status(0);
	assert_int_equal(get_status(), LIVE); /* not yet */
	rig_settle(&rig);
	assert_int_equal(get_status(), 0);
	assert_false(t.wires[pci_intx_pin(SLOT)].level);
	assert_int_equal(read_isr(), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), NO_VECTOR);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SIZE, 2), FAKE_QUEUE_SIZE);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_DESCLO, 4), 0);
}

static void test_writes_during_a_reset_are_lost(void **state)
{
	(void)state;
	drive();
	fake.is_busy = true;
	set_status(0);
	rig_settle(&rig);
	assert_int_equal(get_status(), LIVE);
	set_status(ACK);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	put(VIRTIO_PCI_COMMON_MSIX, 2, 1);
	virtio_stopped(virtio);
	assert_int_equal(get_status(), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_MSIX, 2), NO_VECTOR);
}

/* -- the device's own configuration -- */

static void test_configuration(void **state)
{
	const uint64_t at = device.address;

	(void)state;
	memcpy(fake.config, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(guest_read(&t, BUS_MMIO, at, 1), 0x01);
	assert_int_equal(guest_read(&t, BUS_MMIO, at + 1, 2), 0x0302);
	assert_int_equal(guest_read(&t, BUS_MMIO, at + 4, 4), 0x08070605);
	assert_true(guest_read(&t, BUS_MMIO, at, 8) == 0x0807060504030201ull);
	assert_int_equal(guest_read(&t, BUS_MMIO, at + 8, 4), 0);
	assert_int_equal(guest_read(&t, BUS_MMIO, at + 0xffc, 4), 0);
	guest_write(&t, BUS_MMIO, at + 3, 1, 0x55);
	guest_write(&t, BUS_MMIO, at + 0xffc, 4, 0x55);
	assert_int_equal(fake.config[3], 0x55);
	virtio_config_changed(virtio);
	assert_int_equal(get(VIRTIO_PCI_COMMON_CFGGENERATION, 1), 1);
}

/* -- the window PCI_CFG -- */

static void point_window(unsigned bar, uint32_t offset, uint32_t length)
{
	config_out(&t, SLOT, 0, window.capability + 4, 1, bar);
	config_out(&t, SLOT, 0, window.capability + 8, 4, offset);
	config_out(&t, SLOT, 0, window.capability + 12, 4, length);
}

static uint32_t window_in(unsigned bar, uint32_t offset, uint32_t length)
{
	point_window(bar, offset, length);
	return config(window.capability + 16, length);
}

static void window_out(unsigned bar, uint32_t offset, uint32_t length, uint32_t value)
{
	point_window(bar, offset, length);
	config_out(&t, SLOT, 0, window.capability + 16, length, value);
}

/* A driver without BARs can do all that it wants, a reset included. */
static void test_window(void **state)
{
	const unsigned bar = config(common.capability + 4, 1);
	const uint32_t at = config(common.capability + 8, 4);
	const uint32_t own = config(device.capability + 8, 4);

	(void)state;
	drive();
	config_out(&t, SLOT, 0, COMMAND, 2, 0);
	assert_int_equal(window_in(bar, at + VIRTIO_PCI_COMMON_NUMQ, 2), FAKE_QUEUES);
	assert_int_equal(window_in(bar, at + VIRTIO_PCI_COMMON_STATUS, 1), LIVE);
	window_out(bar, at + VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	assert_int_equal(window_in(bar, at + VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	window_out(bar, own + 4, 4, 0x12345678);
	assert_int_equal(load_le32(&fake.config[4]), 0x12345678);
	window_out(bar, config(notify[1].capability + 8, 4), 2, 0);
	window_out(config(notify[0].capability + 4, 1), 0, 2, 0);
	rig_settle(&rig);
	assert_true(fake.kicks[0] >= 2);
	use_one();
	assert_int_equal(window_in(config(isr.capability + 4, 1),
				   config(isr.capability + 8, 4), 1),
			 ISR_QUEUE);
	window_out(bar, at + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	rig_settle(&rig);
	assert_int_equal(window_in(bar, at + VIRTIO_PCI_COMMON_STATUS, 1), 0);
	window_out(bar, at + VIRTIO_PCI_COMMON_STATUS, 1, ACK);
	window_out(bar, at + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(window_in(bar, at + VIRTIO_PCI_COMMON_STATUS, 1), 0);
}

static void test_window_to_nowhere(void **state)
{
	static const struct {
		unsigned bar;
		uint32_t offset, length;
	} bad[] = {
		{ 4, 0x4000, 4 },     { 4, 0x3ffe, 4 },     { 4, 0xfffffffc, 4 },
		{ 4, 0xffffffff, 1 }, { 4, 2, 4 },          { 4, 1, 2 },
		{ 4, 0, 0 },          { 4, 0, 3 },          { 4, 0, 8 },
		{ 4, 0, 0xffffffff }, { 1, 0, 4 },          { 2, 0, 4 },
		{ 5, 0, 4 },          { 6, 0, 4 },          { 255, 0, 4 },
		{ 0, 4, 1 },          { 0, 0xfffffffc, 4 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(bad); i++) {
		point_window(bad[i].bar, bad[i].offset, bad[i].length);
		config_out(&t, SLOT, 0, window.capability + 16, 4, 0xaaaaaaaa);
		/* Only what was written there last. */
		assert_int_equal(config(window.capability + 16, 4), 0xaaaaaaaa);
	}
	assert_int_equal(get_status(), 0);
}

/* -- saved state -- */

static void test_save_and_load(void **state)
{
	struct state_writer writer = { 0 };
	struct err err;

	put(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	drive();
	use_one();
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	assert_int_equal(virtio_save(virtio, &writer, &err), 0);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	assert_int_equal(virtio_load(virtio, chip_image(&writer), &err), 0);
	rig_settle(&rig);
	assert_int_equal(get_status(), LIVE);
	assert_int_equal(fake.starts, 1);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_SELECT, 2), 2);
	put(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(get(VIRTIO_PCI_COMMON_Q_MSIX, 2), 2);
	assert_true(t.wires[pci_intx_pin(SLOT)].level);
	assert_int_equal(read_isr(), ISR_QUEUE);
	state_writer_free(&writer);
}

static void test_random_operations(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		const unsigned size = 1u << chip_random(&seed) % 4;
		const uint64_t value = chip_random(&seed) % 2 ? chip_random(&seed) % 16
							      : chip_random(&seed);
		const unsigned offset = chip_random(&seed) % 8
						? (chip_random(&seed) % 64) & ~1u
						: chip_random(&seed) % 0x4000;

		if (chip_random(&seed) % 16 == 0) {
			point_window(chip_random(&seed) % 8, offset, size);
			config_out(&t, SLOT, 0, window.capability + 16, 4,
				   (uint32_t)value);
			config(window.capability + 16, 4);
		} else if (chip_random(&seed) % 4) {
			put(offset, size, value);
		} else {
			get(offset, size);
		}
		if (i % 16 == 0)
			rig_settle(&rig);
		fake.fails = chip_random(&seed) % 64 == 0;
	}
	fake.fails = false;
	set_status(0);
	rig_settle(&rig);
	fake.starts = 0;
	drive();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_identity),
		TEST(test_capabilities),
		TEST(test_no_ports_no_port_bar),
		TEST(test_features),
		TEST(test_queue_fields),
		TEST(test_queue_that_does_not_exist),
		TEST(test_fields_have_a_width),
		TEST(test_vectors_are_checked),
		TEST(test_queue_cannot_move_while_live),
		TEST(test_notify),
		TEST(test_structures_follow_their_bars),
		TEST(test_intx),
		TEST(test_msix),
		TEST(test_no_vector_no_interrupt),
		TEST(test_interrupt_fd),
		TEST(test_reset),
		TEST(test_writes_during_a_reset_are_lost),
		TEST(test_configuration),
		TEST(test_window),
		TEST(test_window_to_nowhere),
		TEST(test_save_and_load),
		TEST(test_random_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
