/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDB remote protocol from a hostile client: packets with a right checksum made from
 * the input, raw bytes between them, and a target that stops, refuses and dies at will.
 */
#include "chip.h"

#include "../unit/gdb_target.h"

static struct gdb_stub stub;
static struct fake_target fake;

static void put(uint8_t byte)
{
	/* As the server does: nothing is taken while there is something to send. */
	FUZZ_CHECK(stub.out.sent <= stub.out.size && stub.out.size <= GDB_OUT_SIZE);
	stub.out.sent = stub.out.size;
	gdb_stub_put(&stub, byte);
	FUZZ_CHECK(stub.out.size <= GDB_OUT_SIZE);
}

static void put_packet(struct fuzz_input *input, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum = 0;

	put('$');
	while (size-- && input->size) {
		const uint8_t byte = (uint8_t)fuzz_next(input, 1);

		if (byte == '#' || byte == '$')
			continue;
		sum = (uint8_t)(sum + byte);
		put(byte);
	}
	put('#');
	put((uint8_t)digits[sum >> 4]);
	put((uint8_t)digits[sum & 15]);
}

static void happen(struct fuzz_input *input, unsigned what)
{
	struct debug_stop stop = {
		.reason = what & 3 ? DEBUG_BROKE : DEBUG_STEPPED,
		.kind = (enum debug_kind)((what >> 2) % DEBUG_KINDS),
		.address = fuzz_next(input, 8),
	};

	fake.refuses = what & 0x40;
	fake.calls[0] = '\0';
	stub.out.sent = stub.out.size;
	if (what & 0x80)
		gdb_stub_stopped(&stub, GDB_SIGNAL_TRAP, what % FAKE_CPUS, &stop);
	else if ((what & 0x3f) == 0x3f)
		gdb_stub_exited(&stub, (int)what, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	bool flooded = false; /* once is enough */

	memset(&fake, 0, sizeof(fake));
	gdb_stub_init(&stub, &fake_ops, &fake);
	while (input.size) {
		const unsigned how = (unsigned)fuzz_next(&input, 1);

		if (how < 0x80)
			put_packet(&input, how + 1);
		else if (how < 0xc0)
			happen(&input, (unsigned)fuzz_next(&input, 1));
		else if (how < 0xfe)
			put((uint8_t)fuzz_next(&input, 1));
		else if (!flooded)
			for (unsigned i = 0; i < GDB_PACKET_MAX + 2; i++)
				put((uint8_t)how);
		flooded = flooded || how >= 0xfe;
		FUZZ_CHECK(stub.cpu < FAKE_CPUS);
	}
	return 0;
}
