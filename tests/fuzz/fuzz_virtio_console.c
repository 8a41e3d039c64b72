/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: one port or five; the first on our stdin and stdout, which are pipes, and
 * the last two streams of these.
 */
#include <fcntl.h>
#include <unistd.h>

#include "virtio/console.h"
#include "virtio_fuzz.h"

struct pipes {
	int to_stdin, from_stdout; /* our ends */
};

/* stdin and stdout become pipes, once. */
static const struct pipes *make_pipes(void)
{
	static struct pipes pipes = { -1, -1 };
	int in[2], out[2];

	if (pipes.to_stdin >= 0)
		return &pipes;
	FUZZ_CHECK(!pipe2(in, O_NONBLOCK) && !pipe2(out, O_NONBLOCK));
	FUZZ_CHECK(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
	pipes = (struct pipes){ in[1], out[0] };
	return &pipes;
}

static void drain(int fd)
{
	char data[4096];

	while (read(fd, data, sizeof(data)) > 0)
		;
}

static struct virtio *make(struct fuzz_virtio *fuzz)
{
	static struct vm_config config;
	struct err err;

	make_pipes();
	drain(0);
	config_init(&config);
	config.nr_ports = fuzz->variant & 1 ? 5 : 1;
	config.ports[0] = (struct config_port){ .kind = SERIAL_CONSOLE };
	config.ports[1] = (struct config_port){ .kind = SERIAL_NULL, .name = "a name" };
	config.ports[2] = (struct config_port){ .kind = SERIAL_NULL, .is_console = true };
	config.ports[3] = (struct config_port){
		.kind = SERIAL_STREAM, .name = "in", .title = "in", .in = 0, .out = -1
	};
	config.ports[4] = (struct config_port){
		.kind = SERIAL_STREAM, .name = "out", .title = "out", .in = -1, .out = 1
	};
	return virtio_console_new(&fuzz->platform, &config, fuzz->packed, &err);
}

static unsigned add_message(struct fuzz_virtio *fuzz, struct ring_segment *segments)
{
	uint8_t message[8];

	store_le32(message, fuzz_below(fuzz, 5));
	store_le16(message + 4, (uint16_t)fuzz_below(fuzz, 9));
	store_le16(message + 6, (uint16_t)fuzz_below(fuzz, 2));
	segments[0] = fuzz_data(fuzz, message, sizeof(message));
	return 1;
}

static unsigned request(struct fuzz_virtio *fuzz, unsigned queue,
			struct ring_segment *segments)
{
	unsigned nr = 1 + fuzz_below(fuzz, 3);
	bool large = fuzz_below(fuzz, 8) == 0;

	if (queue == 3)
		return add_message(fuzz, segments);
	for (unsigned i = 0; i < nr; i++)
		segments[i] = fuzz_segment(fuzz, large ? 0xffff : 200,
					   queue % 2 ? RING_OUT : RING_IN);
	return nr;
}

static void outside(struct fuzz_virtio *fuzz)
{
	const struct pipes *pipes = make_pipes();
	unsigned what = fuzz_below(fuzz, 256);
	uint8_t data[256];

	switch (what % 4) {
	case 0:
	case 1: /* somebody types */
		memset(data, (int)what, sizeof(data));
		(void)!write(pipes->to_stdin, data, 1 + what);
		break;
	case 2: /* somebody reads */
		drain(pipes->from_stdout);
		break;
	default:
		virtio_console_resize(fuzz->virtio, (uint16_t)what, 25);
	}
	fuzz_settle(fuzz);
}

/* What is printed is taken. */
static void check_alive(struct fuzz_virtio *fuzz)
{
	struct ring_segment segment = { FUZZ_BUFFERS, 5, RING_OUT };
	const struct pipes *pipes = make_pipes();

	drain(pipes->from_stdout);
	FUZZ_CHECK(memory_write(fuzz->memory, FUZZ_BUFFERS, "hello", 5));
	fuzz_ask(fuzz, 1, &segment, 1);
	drain(pipes->from_stdout);
}

static const struct fuzz_target console = { make, request, outside, NULL, check_alive };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_virtio(&console, data, size);
}
