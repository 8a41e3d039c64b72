/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking: each format there and back, and what becomes of streams that are
 * cut, garbage or too large. A format whose library is not in this build must
 * be refused with the library's name.
 */
#include "boot_test.h"
#include "boot/formats.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#endif
#if HAVE_BZIP2
#include <bzlib.h>
#endif

#define LIMIT (64 * MIB)

static const char *const names[] = {
	[DECOMPRESS_GZIP] = "gzip", [DECOMPRESS_XZ] = "xz",
	[DECOMPRESS_LZMA] = "lzma", [DECOMPRESS_ZSTD] = "zstd",
	[DECOMPRESS_LZ4] = "lz4",   [DECOMPRESS_BZIP2] = "bzip2",
};

/* Bytes that pack neither perfectly nor not at all. */
static struct image sample(size_t size)
{
	struct image image = image_new(size);
	uint32_t random = 1;

	for (size_t i = 0; i < size; i++) {
		random = random * 1103515245 + 12345;
		image.data[i] = i / 64 % 2 ? (uint8_t)(random >> 24) : (uint8_t)(i >> 8);
	}
	return image;
}

typedef struct image (*pack_fn)(struct bytes plain);

static void accept_stream(enum decompress_format format, const struct image *packed,
			  const struct image *plain, size_t limit)
{
	struct err err = { "" };
	size_t size;
	uint8_t *out;

	assert_int_equal(format, decompress_detect(image_bytes(packed)));
	if (decompress(format, image_bytes(packed), limit, &out, &size, &err))
		fail_msg("refused: %s", err.text);
	assert_int_equal(plain->size, size);
	assert_memory_equal(plain->data, out, size);
	decompress_free(out, size);
}

/* The message names the format, then says `what`. */
static void refuse_stream(enum decompress_format format, const struct image *packed,
			  size_t limit, const char *what)
{
	char message[200];
	struct err err = { "" };
	uint8_t *out = NULL;
	size_t size;

	assert_int_equal(
		-1, decompress(format, image_bytes(packed), limit, &out, &size, &err));
	snprintf(message, sizeof(message), "%s%s", names[format], what);
	if (!strstr(err.text, message))
		fail_msg("the message is \"%s\", not \"%s\"", err.text, message);
	assert_null(out);
}

/* Linux puts the unpacked size behind a stream; other bytes may follow that. */
static struct image with_trailer(const struct image *packed, uint32_t trailer,
				 size_t more)
{
	struct image image = image_new(packed->size + 4 + more);

	memset(image.data, 0xff, image.size);
	memcpy(image.data, packed->data, packed->size);
	store_le32(image.data + packed->size, trailer);
	return image;
}

static void check_round_trip(enum decompress_format format, pack_fn pack, size_t size)
{
	struct image plain = sample(size);
	struct image packed = pack(image_bytes(&plain));
	struct image linux_way = with_trailer(&packed, (uint32_t)size, 0);
	struct image noise = with_trailer(&packed, UINT32_MAX, 100);

	accept_stream(format, &packed, &plain, LIMIT);
	accept_stream(format, &linux_way, &plain, LIMIT);
	accept_stream(format, &noise, &plain, LIMIT);
	image_free(&noise);
	image_free(&linux_way);
	image_free(&packed);
	image_free(&plain);
}

/* A stream of zeros that unpacks to much more than the limit, which is not touched. */
static void check_bomb(enum decompress_format format, pack_fn pack)
{
	struct image plain = image_new(24 * MIB);
	struct image packed = pack(image_bytes(&plain));

	assert_true(packed.size < MIB);
	refuse_stream(format, &packed, MIB, " payload unpacks to more than 1024 KiB");
	/* Exactly what is there is not too large. */
	accept_stream(format, &packed, &plain, plain.size);
	image_free(&packed);
	image_free(&plain);
}

/* Cut at a few places: in the header, in the data, before the last byte. */
static void check_truncation(enum decompress_format format, pack_fn pack)
{
	struct image plain = sample(100000);
	struct image packed = pack(image_bytes(&plain));
	const size_t sizes[] = { 6, 9, packed.size / 2, packed.size - 1 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct image cut = image_new(sizes[i]);

		memcpy(cut.data, packed.data, sizes[i]);
		refuse_stream(format, &cut, LIMIT, " payload is truncated");
		image_free(&cut);
	}
	image_free(&packed);
	image_free(&plain);
}

/* The magic, then bytes of no meaning. */
static void check_garbage(enum decompress_format format, pack_fn pack)
{
	struct image plain = sample(100000);
	struct image packed = pack(image_bytes(&plain));
	struct err err = { "" };
	uint8_t *out = NULL;
	size_t size;

	memset(packed.data + 12, 0xff, packed.size - 12);
	assert_int_equal(
		-1, decompress(format, image_bytes(&packed), LIMIT, &out, &size, &err));
	assert_non_null(strstr(err.text, "payload is "));
	assert_null(out);
	image_free(&packed);
	image_free(&plain);
}

/* One wrong byte in the middle: formats with a checksum see it. */
static void check_wrong_byte(enum decompress_format format, pack_fn pack)
{
	struct image plain = sample(100000);
	struct image packed = pack(image_bytes(&plain));

	packed.data[packed.size / 2] ^= 0x10;
	refuse_stream(format, &packed, LIMIT, " payload is damaged");
	image_free(&packed);
	image_free(&plain);
}

static void check_missing(enum decompress_format format, const char *library)
{
	struct image empty = image_new(64);
	char message[100];

	assert_false(decompress_is_built_in(format));
	snprintf(message, sizeof(message), ", this tane was built without %s", library);
	refuse_stream(format, &empty, LIMIT, message);
	image_free(&empty);
}

/* All of the above, or if this build has no `pack`, the name of the library. */
static void check_format(enum decompress_format format, pack_fn pack, const char *library,
			 bool has_checksum)
{
	if (!pack) {
		check_missing(format, library);
		return;
	}
	assert_true(decompress_is_built_in(format));
	check_round_trip(format, pack, MIB + 123);
	check_bomb(format, pack);
	check_truncation(format, pack);
	check_garbage(format, pack);
	if (has_checksum)
		check_wrong_byte(format, pack);
}

#if HAVE_ZLIB

static struct image pack_gzip(struct bytes plain)
{
	struct image image = image_new(plain.size + plain.size / 100 + 1000);
	z_stream stream = {
		.next_in = (uint8_t *)plain.data,
		.avail_in = (uInt)plain.size,
		.next_out = image.data,
		.avail_out = (uInt)image.size,
	};

	assert_int_equal(Z_OK, deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8,
					    Z_DEFAULT_STRATEGY));
	assert_int_equal(Z_STREAM_END, deflate(&stream, Z_FINISH));
	deflateEnd(&stream);
	image_truncate(&image, image.size - stream.avail_out);
	return image;
}

#else
#define pack_gzip NULL
#endif
#if HAVE_LZMA

/* As Linux packs: the filter for x86 code, CRC32. */
static struct image pack_xz(struct bytes plain)
{
	struct image image = image_new(lzma_stream_buffer_bound(plain.size));
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ LZMA_FILTER_X86, NULL },
		{ LZMA_FILTER_LZMA2, &options },
		{ LZMA_VLI_UNKNOWN, NULL },
	};
	size_t size = 0;

	assert_false(lzma_lzma_preset(&options, 0));
	assert_int_equal(LZMA_OK, lzma_stream_buffer_encode(
					  filters, LZMA_CHECK_CRC32, NULL, plain.data,
					  plain.size, image.data, &size, image.size));
	image_truncate(&image, size);
	return image;
}

static struct image pack_lzma(struct bytes plain)
{
	struct image image = image_new(lzma_stream_buffer_bound(plain.size));
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	assert_false(lzma_lzma_preset(&options, 0));
	assert_int_equal(LZMA_OK, lzma_alone_encoder(&stream, &options));
	stream.next_in = plain.data;
	stream.avail_in = plain.size;
	stream.next_out = image.data;
	stream.avail_out = image.size;
	assert_int_equal(LZMA_STREAM_END, lzma_code(&stream, LZMA_FINISH));
	lzma_end(&stream);
	image_truncate(&image, image.size - stream.avail_out);
	return image;
}

/* A header that asks for a dictionary of 4 GiB gets no memory. */
static void refuses_a_huge_dictionary(void **state)
{
	struct image plain = sample(1000);
	struct image packed = pack_lzma(image_bytes(&plain));

	(void)state;
	store_le32(packed.data + 1, 0xffffffff);
	refuse_stream(DECOMPRESS_LZMA, &packed, LIMIT, " payload (or it asks for more");
	image_free(&packed);
	image_free(&plain);
}

#else
#define pack_xz   NULL
#define pack_lzma NULL
#endif
#if HAVE_ZSTD

static struct image pack_zstd(struct bytes plain)
{
	struct image image = image_new(ZSTD_compressBound(plain.size));
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t size;

	assert_non_null(context);
	/* A stream from a pipe states no size, as in Linux. */
	ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	size = ZSTD_compress2(context, image.data, image.size, plain.data, plain.size);
	assert_false(ZSTD_isError(size));
	ZSTD_freeCCtx(context);
	image_truncate(&image, size);
	return image;
}

#else
#define pack_zstd NULL
#endif
#if HAVE_LZ4

/* The legacy frame in blocks of `block` bytes. */
static struct image pack_lz4_blocks(struct bytes plain, size_t block)
{
	size_t blocks = (plain.size + block - 1) / block;
	struct image image = image_new(4 + blocks * (4 + LZ4_COMPRESSBOUND(block)));
	size_t used = 4;

	store_le32(image.data, 0x184c2102);
	for (size_t at = 0; at < plain.size; at += block) {
		size_t part = plain.size - at < block ? plain.size - at : block;
		int size = LZ4_compress_default((const char *)plain.data + at,
						(char *)image.data + used + 4, (int)part,
						LZ4_COMPRESSBOUND((int)block));

		assert_true(size > 0);
		store_le32(image.data + used, (uint32_t)size);
		used += 4 + (size_t)size;
	}
	image_truncate(&image, used);
	return image;
}

static struct image pack_lz4(struct bytes plain)
{
	return pack_lz4_blocks(plain, 8 * MIB);
}

/* One full block; several, which are unpacked in parallel. */
static void lz4_full_blocks(void **state)
{
	(void)state;
	check_round_trip(DECOMPRESS_LZ4, pack_lz4, 8 * MIB);
	check_round_trip(DECOMPRESS_LZ4, pack_lz4, 27 * MIB + 123);
}

/* Blocks may be shorter than 8 MiB: what follows moves up. */
static void lz4_short_blocks(void **state)
{
	struct image plain = sample(50000);
	struct image packed = pack_lz4_blocks(image_bytes(&plain), 10007);

	(void)state;
	accept_stream(DECOMPRESS_LZ4, &packed, &plain, LIMIT);
	image_free(&packed);
	image_free(&plain);
}

/* More blocks than a kernel can have. */
static void lz4_many_blocks(void **state)
{
	struct image plain = image_new(1000);
	struct image packed = pack_lz4_blocks(image_bytes(&plain), 1);

	(void)state;
	refuse_stream(DECOMPRESS_LZ4, &packed, 1ull << 31, " payload unpacks to more");
	image_free(&packed);
	image_free(&plain);
}

/* A block that unpacks to more than a block may. */
static void lz4_large_block(void **state)
{
	struct image plain = image_new(9 * MIB);
	struct image packed = pack_lz4_blocks(image_bytes(&plain), 9 * MIB);

	(void)state;
	refuse_stream(DECOMPRESS_LZ4, &packed, LIMIT, " payload is damaged");
	image_free(&packed);
	image_free(&plain);
}

#else
#define pack_lz4 NULL
#endif
#if HAVE_BZIP2

static struct image pack_bzip2(struct bytes plain)
{
	struct image image = image_new(plain.size + plain.size / 100 + 1000);
	unsigned size = (unsigned)image.size;

	assert_int_equal(BZ_OK, BZ2_bzBuffToBuffCompress((char *)image.data, &size,
							 (char *)plain.data,
							 (unsigned)plain.size, 9, 0, 0));
	image_truncate(&image, size);
	return image;
}

#else
#define pack_bzip2 NULL
#endif

static void gzip(void **state)
{
	(void)state;
	check_format(DECOMPRESS_GZIP, pack_gzip, "zlib", true);
}

static void xz(void **state)
{
	(void)state;
	check_format(DECOMPRESS_XZ, pack_xz, "liblzma", true);
}

static void lzma(void **state)
{
	(void)state;
	check_format(DECOMPRESS_LZMA, pack_lzma, "liblzma", false);
}

static void zstd(void **state)
{
	(void)state;
	check_format(DECOMPRESS_ZSTD, pack_zstd, "libzstd", true);
}

static void lz4(void **state)
{
	(void)state;
	check_format(DECOMPRESS_LZ4, pack_lz4, "liblz4", false);
}

static void bzip2(void **state)
{
	(void)state;
	check_format(DECOMPRESS_BZIP2, pack_bzip2, "libbz2", true);
}

static void knows_no_other_format(void **state)
{
	struct image text = image_new(64);

	(void)state;
	memcpy(text.data, "\x04\x22\x4d\x18", 4); /* lz4's newer frame */
	assert_int_equal(DECOMPRESS_UNKNOWN, decompress_detect(image_bytes(&text)));
	assert_false(decompress_is_built_in(DECOMPRESS_UNKNOWN));
	image_free(&text);

	/* A magic that is cut is none. */
	text = image_new(5);
	memcpy(text.data,
	       "\xfd"
	       "7zXZ",
	       5);
	assert_int_equal(DECOMPRESS_UNKNOWN, decompress_detect(image_bytes(&text)));
	image_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip),
		cmocka_unit_test(xz),
		cmocka_unit_test(lzma),
		cmocka_unit_test(zstd),
		cmocka_unit_test(lz4),
		cmocka_unit_test(bzip2),
#if HAVE_LZMA
		cmocka_unit_test(refuses_a_huge_dictionary),
#endif
#if HAVE_LZ4
		cmocka_unit_test(lz4_full_blocks),
		cmocka_unit_test(lz4_short_blocks),
		cmocka_unit_test(lz4_many_blocks),
		cmocka_unit_test(lz4_large_block),
#endif
		cmocka_unit_test(knows_no_other_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
