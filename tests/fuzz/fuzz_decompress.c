/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unpackers: the first byte chooses the format, whose magic is put in front
 * of the rest. The libraries have fuzzers of their own; what is looked for here
 * is our use of them.
 */
#include "boot_fuzz.h"

#include "boot/formats.h"

#define LIMIT (1 << 20)

static const struct {
	uint8_t size;
	uint8_t bytes[6];
} magics[] = {
	[DECOMPRESS_GZIP] = { 4, { 0x1f, 0x8b, 8, 0 } },
	[DECOMPRESS_XZ] = { 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	[DECOMPRESS_LZMA] = { 3, { 0x5d, 0, 0 } },
	[DECOMPRESS_ZSTD] = { 4, { 0x28, 0xb5, 0x2f, 0xfd } },
	[DECOMPRESS_LZ4] = { 4, { 0x02, 0x21, 0x4c, 0x18 } },
	[DECOMPRESS_BZIP2] = { 4, { 'B', 'Z', 'h', '9' } },
};

static void unpack(enum decompress_format format, const struct image *packed)
{
	volatile uint8_t sink = 0;
	struct err err = { "" };
	uint8_t *out = NULL;
	size_t size = 0;

	must(decompress_detect(image_bytes(packed)) == format);
	if (decompress(format, image_bytes(packed), LIMIT, &out, &size, &err)) {
		must(*err.text && !out);
		return;
	}
	must(size <= LIMIT && !out == !size);
	for (size_t i = 0; i < size; i++)
		sink = (uint8_t)(sink + out[i]);
	decompress_free(out, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum decompress_format format;
	struct image packed;

	if (!size)
		return 0;
	format = (enum decompress_format)(DECOMPRESS_GZIP + data[0] % DECOMPRESS_BZIP2);
	packed = image_new(magics[format].size + size - 1);
	memcpy(packed.data, magics[format].bytes, magics[format].size);
	memcpy(packed.data + magics[format].size, data + 1, size - 1);
	unpack(format, &packed);
	image_free(&packed);
	return 0;
}
