/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an image of saved state, and a damaged one with a good checksum. */
#include "chip.h"

struct thing {
	uint8_t a;
	uint32_t b;
	uint8_t c[7];
};

static const struct state_field fields[] = {
	STATE_FIELD(struct thing, a),
	STATE_FIELD(struct thing, b),
	STATE_FIELD(struct thing, c),
};

static const struct state_layout layout = { .version = 2,
					    .nr_fields = 3,
					    .fields = fields };

/* A load that fails changes nothing. */
static void load(struct bytes image)
{
	const struct thing before = { 1, 2, { 3, 4, 5 } };
	struct thing thing = before;
	struct err err;

	if (state_load(image, "t", &layout, &thing, &err))
		FUZZ_CHECK(thing.a == before.a && thing.b == before.b &&
			   !memcmp(thing.c, before.c, sizeof(thing.c)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct state_writer writer = { 0 };
	const struct thing thing = { 9, 8, { 7 } };
	struct err err;

	load((struct bytes){ data, size });

	FUZZ_CHECK(state_save(&writer, "t", &layout, &thing, &err) == 0);
	fuzz_damage(&input, &writer);
	load((struct bytes){ writer.data, writer.size });
	while (input.size) /* and now the headers too */
		writer.data[fuzz_next(&input, 1) % writer.size] =
			(uint8_t)fuzz_next(&input, 1);
	load((struct bytes){ writer.data, writer.size });
	state_writer_free(&writer);
	return 0;
}
