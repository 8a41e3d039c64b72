/* SPDX-License-Identifier: BSD-2-Clause */
/* Saved state: what was saved comes back, and nothing else gets in. */
#include <stdio.h>

#include "chip.h"

struct thing {
	uint8_t small;
	uint16_t medium;
	uint32_t large;
	int64_t huge;
	uint8_t bytes[5];
};

static const struct state_field thing_fields[] = {
	STATE_FIELD(struct thing, small), STATE_FIELD(struct thing, medium),
	STATE_FIELD(struct thing, large), STATE_FIELD(struct thing, huge),
	STATE_FIELD(struct thing, bytes),
};

static const struct state_layout thing_layout = {
	.version = 3,
	.nr_fields = ARRAY_LENGTH(thing_fields),
	.fields = thing_fields,
};

static const struct thing sample = {
	0x12, 0x3456, 0x789abcde, -0x123456789abcdef, { 1, 2, 3, 4, 5 }
};

static void save(struct state_writer *writer, const char *section,
		 const struct thing *thing)
{
	struct err err;

	assert_int_equal(state_save(writer, section, &thing_layout, thing, &err), 0);
}

static void assert_things_equal(const struct thing *a, const struct thing *b)
{
	assert_int_equal(a->small, b->small);
	assert_int_equal(a->medium, b->medium);
	assert_int_equal(a->large, b->large);
	assert_int_equal(a->huge, b->huge);
	assert_memory_equal(a->bytes, b->bytes, sizeof(a->bytes));
}

/* It fails, says something about the section, and leaves the object alone. */
static void assert_refused(struct bytes image, const char *section)
{
	struct thing thing = sample;
	struct err err = { "" };

	assert_int_equal(state_load(image, section, &thing_layout, &thing, &err), -1);
	assert_non_null(strstr(err.text, section));
	assert_things_equal(&thing, &sample);
}

/* CRC-32 by its definition, one bit at a time. */
static uint32_t crc32_by_definition(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

/* Make the CRC of the first section right again after its payload was changed. */
static void fix_crc(struct state_writer *writer)
{
	uint8_t *payload = writer->data + 16 + load_le16(writer->data + 6);

	store_le32(writer->data + 12,
		   crc32_by_definition(payload, load_le32(writer->data + 8)));
}

static void test_round_trip(void **state)
{
	struct state_writer writer = { 0 };
	struct thing thing = { 0 };
	struct err err;

	(void)state;
	save(&writer, "thing.0", &sample);
	assert_int_equal(
		state_load(chip_image(&writer), "thing.0", &thing_layout, &thing, &err),
		0);
	assert_things_equal(&thing, &sample);
	state_writer_free(&writer);
	assert_null(writer.data);
	assert_int_equal(writer.size, 0);
}

/* The format is a promise to files that exist. */
static void test_format_on_disk(void **state)
{
	static const uint8_t expected[] = {
		't', 'S', 'E', 'C',  1,    0,   4,   0,   9, 0, 0, 0, /* CRC follows */
		0,   0,   0,   0,    'c',  'h', 'i', 'p', 3, 0, 2, 0,
		'r', 'e', 'g', 0xcd, 0xab,
	};
	struct state_writer writer = { 0 };
	const uint16_t value = 0xabcd;
	uint8_t image[sizeof(expected)];

	(void)state;
	chip_section(&writer, "reg", &value, sizeof(value));
	memcpy(image, expected, sizeof(image));
	store_le32(image + 12, crc32_by_definition(image + 20, 9));
	assert_int_equal(writer.size, sizeof(image));
	assert_memory_equal(writer.data, image, sizeof(image));
	state_writer_free(&writer);
}

static void test_many_sections(void **state)
{
	struct state_writer writer = { 0 };
	struct thing thing;
	struct err err;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 200; i++) { /* grows past the buffer's first size */
		thing = sample;
		thing.large = i;
		snprintf(name, sizeof(name), "thing.%u", i);
		save(&writer, name, &thing);
	}
	for (unsigned i = 200; i--;) {
		snprintf(name, sizeof(name), "thing.%u", i);
		assert_int_equal(state_load(chip_image(&writer), name, &thing_layout,
					    &thing, &err),
				 0);
		assert_int_equal(thing.large, i);
	}
	assert_refused(chip_image(&writer), "thing.200");
	assert_refused(chip_image(&writer), "thing.");
	assert_refused(chip_image(&writer), "thing");
	state_writer_free(&writer);
}

static void test_empty_image(void **state)
{
	(void)state;
	assert_refused((struct bytes){ NULL, 0 }, "thing");
}

static void test_truncated_image(void **state)
{
	struct state_writer writer = { 0 };

	(void)state;
	save(&writer, "thing", &sample);
	for (size_t size = 0; size < writer.size; size++) {
		/* In a block of its own size, so that a sanitizer sees a read beyond. */
		uint8_t *copy = test_malloc(size + !size);

		memcpy(copy, writer.data, size);
		assert_refused((struct bytes){ copy, size }, "thing");
		test_free(copy);
	}
	state_writer_free(&writer);
}

/* Any flipped bit is noticed, except that a lower version is an older state. */
static void test_flipped_bits(void **state)
{
	struct state_writer writer = { 0 };

	(void)state;
	save(&writer, "thing", &sample);
	for (size_t bit = 0; bit < writer.size * 8; bit++) {
		uint8_t mask = (uint8_t)(1 << bit % 8);
		bool version = bit / 8 == 4 && (thing_layout.version & mask);

		writer.data[bit / 8] ^= mask;
		if (!version)
			assert_refused(chip_image(&writer), "thing");
		writer.data[bit / 8] ^= mask;
	}
	state_writer_free(&writer);
}

static void test_wild_lengths_with_a_good_crc(void **state)
{
	/* The first field is "small" with one byte. */
	static const uint16_t wild[] = { 0, 4, 6, 0x7fff, 0x8000, 0xffff };
	struct state_writer writer = { 0 };
	uint8_t *payload;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LENGTH(wild); i++) {
		save(&writer, "thing", &sample);
		payload = writer.data + 16 + strlen("thing");
		store_le16(payload, wild[i]); /* its name */
		fix_crc(&writer);
		assert_refused(chip_image(&writer), "thing");
		state_writer_free(&writer);

		save(&writer, "thing", &sample);
		payload = writer.data + 16 + strlen("thing");
		store_le16(payload + 2, wild[i]); /* its value */
		fix_crc(&writer);
		assert_refused(chip_image(&writer), "thing");
		state_writer_free(&writer);
	}
}

static void test_missing_field_keeps_its_value(void **state)
{
	struct state_writer writer = { 0 };
	struct thing thing = sample;
	const uint32_t large = 77;
	struct err err;

	(void)state;
	chip_section(&writer, "large", &large, sizeof(large));
	assert_int_equal(
		state_load(chip_image(&writer), "chip", &thing_layout, &thing, &err), 0);
	assert_int_equal(thing.large, 77);
	thing.large = sample.large;
	assert_things_equal(&thing, &sample);
	state_writer_free(&writer);
}

static void test_unknown_field_is_refused(void **state)
{
	struct state_writer writer = { 0 };
	const uint32_t value = 77;

	(void)state;
	chip_section(&writer, "larg", &value, sizeof(value));
	assert_refused(chip_image(&writer), "chip");
	chip_section(&writer, "larger", &value, sizeof(value));
	assert_refused(chip_image(&writer), "chip");
	state_writer_free(&writer);
}

static void test_wrong_size_is_refused(void **state)
{
	struct state_writer writer = { 0 };
	const uint8_t value[16] = { 0 };

	(void)state;
	for (size_t size = 1; size <= sizeof(value); size++) {
		if (size == sizeof(sample.large))
			continue;
		chip_section(&writer, "large", value, size);
		assert_refused(chip_image(&writer), "chip");
	}
	state_writer_free(&writer);
}

static void test_newer_version_is_refused(void **state)
{
	struct state_writer writer = { 0 };

	(void)state;
	save(&writer, "thing", &sample);
	store_le16(writer.data + 4, thing_layout.version + 1);
	assert_refused(chip_image(&writer), "thing");
	state_writer_free(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_format_on_disk),
		cmocka_unit_test(test_many_sections),
		cmocka_unit_test(test_empty_image),
		cmocka_unit_test(test_truncated_image),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_wild_lengths_with_a_good_crc),
		cmocka_unit_test(test_missing_field_keeps_its_value),
		cmocka_unit_test(test_unknown_field_is_refused),
		cmocka_unit_test(test_wrong_size_is_refused),
		cmocka_unit_test(test_newer_version_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
