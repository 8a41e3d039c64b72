/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost, by the socket device: the real thing of the host's kernel with a driver of
 * our own. Where the host has no /dev/vhost-vsock (the lab has), only what is
 * said about that can be tested; the other tests are skipped and say so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#include "device_rig.h"
#include "kvm/vhost.h"
#include "virtio/vsock.h"

#define EVENT_IDX VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define CID       0x7a7a7a
#define PORT      4321

enum { RX, TX, EVENT };

/* 5.10.6: the header of every packet. */
struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

#define TYPE_STREAM 1
enum { OP_REQUEST = 1, OP_RESPONSE, OP_RST, OP_SHUTDOWN, OP_RW };

static struct rig rig;
/* Of the guest's end. The host keeps the last connection of a port for some seconds. */
static unsigned guest_port = 1000;

static bool has_vhost(void)
{
	int fd = open(VHOST_VSOCK_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	if (!has_vhost())
		return 0;
	if (rig_init(&rig))
		return -1;
	rig_attach(&rig, virtio_vsock_new(&rig.platform, CID, true, &err));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (rig.virtio)
		rig_destroy(&rig);
	rig.virtio = NULL;
	return 0;
}

/* A skipped test shows in the report; this line says why. */
static void need_vhost(void)
{
	if (rig.virtio)
		return;
	print_message("no %s here: %s\n", VHOST_VSOCK_DEVICE, strerror(errno));
	skip();
}

static void test_missing_device(void **state)
{
	struct vhost vhost;
	struct err err;

	(void)state;
	assert_int_equal(vhost_open(&vhost, "/nonexistent/vhost-net", &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/vhost-net"));
	assert_non_null(strstr(err.text, "modprobe vhost_net"));
	assert_int_equal(vhost.fd, -1);
	vhost_close(&vhost);
	/* A file that is none. */
	assert_int_equal(vhost_open(&vhost, "/dev/null", &err), -1);
	assert_non_null(strstr(err.text, "/dev/null: VHOST_SET_OWNER"));
	assert_int_equal(vhost.fd, -1);
}

static void test_configuration(void **state)
{
	(void)state;
	need_vhost();
	assert_int_equal(rig_config(&rig, 0, 8), CID);
	assert_int_equal(rig_config(&rig, 3, 4), 0);
	virtio_write_config(rig.virtio, 0, "\1", 1);
	assert_int_equal(rig_config(&rig, 0, 8), CID);
	/* vhost knows no packed rings, whatever the machine wants. */
	assert_int_equal(rig.virtio->offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED), 0);
}

static void test_cid_in_use(void **state)
{
	struct err err;

	(void)state;
	need_vhost();
	assert_null(virtio_vsock_new(&rig.platform, CID, false, &err));
	assert_non_null(strstr(err.text, "context ID 8026746 is in use"));
}

/* A server on the host. */
static int listen_on(unsigned port)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The guest's side sends a packet. */
static void send_packet(uint16_t op, const void *data, uint32_t len)
{
	struct packet packet = {
		.src_cid = CID,
		.dst_cid = VMADDR_CID_HOST,
		.src_port = guest_port,
		.dst_port = PORT,
		.len = len,
		.type = TYPE_STREAM,
		.op = op,
		.buf_alloc = 65536,
	};
	uint8_t bytes[sizeof(packet) + 64];

	memcpy(bytes, &packet, sizeof(packet));
	memcpy(bytes + sizeof(packet), data, len);
	assert_int_not_equal(rig_send(&rig, TX, bytes, sizeof(packet) + len), -1);
	virtio_kick(rig.virtio, TX);
}

static uint64_t buffers[RIG_RING_SIZE]; /* of the guest, by their ID */

static void post_buffer(void)
{
	const uint64_t gpa = ring_driver_buffer(&rig.rings[RX], NULL, 300);
	int id = ring_driver_add(&rig.rings[RX],
				 &(struct ring_segment){ gpa, 300, RING_IN }, 1);

	assert_in_range(id, 0, RIG_RING_SIZE - 1);
	buffers[id] = gpa;
}

/*
 * The next packet for the guest that has this `op`, into *packet; what it carries into
 * `data`. Others come too: resets of connections that were before, credits.
 */
static void receive_packet(uint16_t op, struct packet *packet, char *data, size_t size)
{
	do {
		uint32_t written;
		int id;

		memset(data, 0, size);
		rig_wait_until(&rig,
			       (id = ring_driver_take(&rig.rings[RX], &written)) != -1);
		assert_in_range(written, sizeof(*packet), sizeof(*packet) + size);
		assert_true(
			memory_read(&rig.memory, buffers[id], packet, sizeof(*packet)));
		assert_true(memory_read(&rig.memory, buffers[id] + sizeof(*packet), data,
					written - sizeof(*packet)));
	} while (packet->op != op);
}

/* Connect to the host, and talk both ways. */
static void talk(uint64_t features)
{
	const unsigned interrupts = rig.interrupts[RX];
	struct packet packet;
	char data[200];
	int server = listen_on(PORT), peer;

	rig_drive(&rig, features);
	for (unsigned i = 0; i < RIG_RING_SIZE; i++)
		post_buffer();
	guest_port++;
	send_packet(OP_REQUEST, "", 0);
	receive_packet(OP_RESPONSE, &packet, data, sizeof(data));
	assert_int_equal(packet.dst_cid, CID);
	assert_int_equal(packet.dst_port, guest_port);
	peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_int_not_equal(peer, -1);

	assert_int_equal(send(peer, "to the guest", 12, 0), 12);
	receive_packet(OP_RW, &packet, data, sizeof(data));
	assert_string_equal(data, "to the guest");
	/* There is no eventfd of a transport: the interrupt came by our loop. */
	rig_wait_until(&rig, rig.interrupts[RX] > interrupts);

	send_packet(OP_RW, "to the host", 11);
	assert_int_equal(recv(peer, data, 11, MSG_WAITALL), 11);
	assert_memory_equal(data, "to the host", 11);
	rig_settle(&rig);
	assert_false(rig_is_broken(&rig));

	/* The guest is reset and says nothing: its peer hears of it. */
	rig_reset(&rig);
	assert_int_equal(recv(peer, data, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(peer);
	close(server);
}

static void test_talk(void **state)
{
	(void)state;
	need_vhost();
	/* And again: each reset gives the rings back and takes them anew. */
	talk(EVENT_IDX);
	talk(0);
	talk(EVENT_IDX | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
}

/* What was made available before the device ran. */
static void test_early_packets(void **state)
{
	struct virtio *virtio = rig.virtio;
	const uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1);
	int server;

	(void)state;
	need_vhost();
	server = listen_on(PORT);
	virtio_set_status(virtio, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_accept(virtio, 1, (uint32_t)(features >> 32));
	virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_FEATURES_OK);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ring_driver_init(&rig.rings[i], &rig.memory, RIG_RING(i),
						  RIG_RING_SIZE, features),
				 0);
		ring_driver_set_up(&rig.rings[i], &virtio->queues[i].ring);
	}
	post_buffer();
	guest_port++;
	send_packet(OP_REQUEST, "", 0);
	rig_settle(&rig);
	virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_DRIVER_OK);
	rig_wait_until(&rig, ring_driver_take(&rig.rings[RX], NULL) != -1);
	close(server);
}

/* Rings that are not RAM, and only some of the rings: we refuse, vhost hears nothing. */
static void test_hostile_rings(void **state)
{
	static const struct virtq_state bad[] = {
		{ .size = 16,
		  .ready = 1,
		  .desc = RIG_RAM,
		  .driver = 0x2000,
		  .device = 0x3000 },
		{ .size = 16,
		  .ready = 1,
		  .desc = 0x1000,
		  .driver = RIG_RAM - 2,
		  .device = 0x3000 },
		{ .size = 16,
		  .ready = 1,
		  .desc = 0x1000,
		  .driver = 0x2000,
		  .device = UINT64_MAX - 3 },
		{ .size = 15,
		  .ready = 1,
		  .desc = 0x1000,
		  .driver = 0x2000,
		  .device = 0x3000 },
		{ .size = 0,
		  .ready = 1,
		  .desc = 0x1000,
		  .driver = 0x2000,
		  .device = 0x3000 },
		{ .size = 1024,
		  .ready = 1,
		  .desc = 0x1000,
		  .driver = 0x2000,
		  .device = 0x3000 },
	};

	(void)state;
	need_vhost();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct virtio *virtio = rig.virtio;

		virtio_set_status(virtio,
				  VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
		virtio_accept(virtio, 1, 1);
		virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_FEATURES_OK);
		ring_driver_init(&rig.rings[RX], &rig.memory, RIG_RING(RX), 16, 0);
		ring_driver_set_up(&rig.rings[RX], &virtio->queues[RX].ring);
		virtio->queues[TX].ring.state = bad[i];
		virtio_set_status(virtio, virtio->status | VIRTIO_STATUS_DRIVER_OK);
		rig_settle(&rig);
		assert_true(rig_is_broken(&rig));
		rig_reset(&rig);
	}
	rig_drive(&rig, 0);
	rig_reset(&rig);
	/* One queue alone. */
	virtio_set_status(rig.virtio, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_accept(rig.virtio, 1, 1);
	virtio_set_status(rig.virtio, rig.virtio->status | VIRTIO_STATUS_FEATURES_OK);
	ring_driver_init(&rig.rings[RX], &rig.memory, RIG_RING(RX), 16, 0);
	ring_driver_set_up(&rig.rings[RX], &rig.virtio->queues[RX].ring);
	virtio_set_status(rig.virtio, rig.virtio->status | VIRTIO_STATUS_DRIVER_OK);
	rig_kick(&rig, RX);
	rig_kick(&rig, TX);
	rig_kick(&rig, EVENT);
	assert_false(rig_is_broken(&rig));
	rig_reset(&rig);
	talk(0);
}

/* A descriptor that vhost cannot follow: it says so, and the driver is told. */
static void test_hostile_descriptor(void **state)
{
	(void)state;
	need_vhost();
	rig_drive(&rig, 0);
	ring_driver_add(&rig.rings[TX],
			&(struct ring_segment){ RIG_RAM + 4096, 64, RING_OUT }, 1);
	virtio_kick(rig.virtio, TX);
	rig_wait_until(&rig, rig_is_broken(&rig));
	assert_true(rig.config_interrupts > 0);
	rig_reset(&rig);
	talk(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_device),
		TEST(test_configuration),
		TEST(test_cid_in_use),
		TEST(test_talk),
		TEST(test_early_packets),
		TEST(test_hostile_rings),
		TEST(test_hostile_descriptor),
	};

	return cmocka_run_group_tests_name("vhost", tests, NULL, NULL);
}
