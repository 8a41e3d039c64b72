/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking a kernel: one function per format, each around its library.
 *
 * The output is one anonymous mapping as large as the caller's limit. It costs
 * address space only: pages appear as the library writes them, in huge pages
 * where the host has them, and the rest is given back at the end. So no stated
 * size has to be believed (a kernel's payload ends with one, which would only be
 * a hint) and a bomb stops at the limit. Every library writes straight into the
 * mapping; none needs a second buffer.
 *
 * A payload may be followed by other bytes (Linux puts the unpacked size there
 * for most formats), so only the first stream is taken.
 *
 * Each library is optional (HAVE_ZLIB, HAVE_LZMA, HAVE_ZSTD, HAVE_LZ4,
 * HAVE_BZIP2). What it lacks is reported with the library's name.
 */
#include <string.h>
#include <sys/mman.h>

#include "boot/formats.h"

#if HAVE_ZLIB
#include <zlib.h>
#endif
#if HAVE_LZMA
#include <lzma.h>
#endif
#if HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif
#if HAVE_LZ4
#include <lz4.h>
#endif
#if HAVE_BZIP2
#include <bzlib.h>
#endif

#define PAGE_SIZE 4096ull
#define MIB	  (1u << 20)

/* Input and output of one run. */
struct unpack {
	enum decompress_format format;
	struct bytes in;
	uint8_t *out;
	size_t limit;
	size_t used; /* of out, at the end */
};

enum decompress_format decompress_detect(struct bytes in)
{
	static const struct {
		enum decompress_format format;
		uint8_t size;
		uint8_t magic[6];
	} magics[] = {
		{ DECOMPRESS_GZIP, 2, { 0x1f, 0x8b } },
		{ DECOMPRESS_XZ, 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
		{ DECOMPRESS_LZMA, 3, { 0x5d, 0, 0 } },
		{ DECOMPRESS_ZSTD, 4, { 0x28, 0xb5, 0x2f, 0xfd } },
		{ DECOMPRESS_LZ4, 4, { 0x02, 0x21, 0x4c, 0x18 } },
		{ DECOMPRESS_BZIP2, 3, { 'B', 'Z', 'h' } },
	};

	for (unsigned i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (in.size >= magics[i].size &&
		    !memcmp(in.data, magics[i].magic, magics[i].size))
			return magics[i].format;
	return DECOMPRESS_UNKNOWN;
}

const char *decompress_format_name(enum decompress_format format)
{
	static const char *const names[] = {
		[DECOMPRESS_UNKNOWN] = "unknown", [DECOMPRESS_GZIP] = "gzip",
		[DECOMPRESS_XZ] = "xz",		  [DECOMPRESS_LZMA] = "lzma",
		[DECOMPRESS_ZSTD] = "zstd",	  [DECOMPRESS_LZ4] = "lz4",
		[DECOMPRESS_BZIP2] = "bzip2",
	};

	return names[format];
}

const char *decompress_library_name(enum decompress_format format)
{
	static const char *const names[] = {
		[DECOMPRESS_UNKNOWN] = "none", [DECOMPRESS_GZIP] = "zlib",
		[DECOMPRESS_XZ] = "liblzma",   [DECOMPRESS_LZMA] = "liblzma",
		[DECOMPRESS_ZSTD] = "libzstd", [DECOMPRESS_LZ4] = "liblz4",
		[DECOMPRESS_BZIP2] = "bzip2",
	};

	return names[format];
}

/* The four ways in which unpacking fails. */

static int damaged(const struct unpack *u, const char *detail, struct err *err)
{
	return err_set(err, "the %s payload is damaged (%s)",
		       decompress_format_name(u->format), detail);
}

static int truncated(const struct unpack *u, struct err *err)
{
	return err_set(err, "the %s payload is truncated",
		       decompress_format_name(u->format));
}

static int too_large(const struct unpack *u, struct err *err)
{
	if (u->limit < MIB)
		return err_set(err, "the %s payload unpacks to more than %zu bytes",
			       decompress_format_name(u->format), u->limit);
	return err_set(err, "the %s payload unpacks to more than %zu MiB",
		       decompress_format_name(u->format), u->limit / MIB);
}

#if HAVE_ZLIB || HAVE_LZMA || HAVE_ZSTD || HAVE_BZIP2
static int no_memory(const struct unpack *u, const char *detail, struct err *err)
{
	return err_set(err, "%s could not start to unpack the payload (%s)",
		       decompress_library_name(u->format), detail);
}
#endif

#if HAVE_ZLIB

static int unpack_gzip(struct unpack *u, struct err *err)
{
	z_stream stream = {
		.next_in = (uint8_t *)u->in.data,
		.avail_in = (uInt)u->in.size,
		.next_out = u->out,
		.avail_out = (uInt)u->limit,
	};
	int result;

	/* 16: expect a gzip header; the rest is the largest window. */
	if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return no_memory(u, "inflateInit2", err);
	result = inflate(&stream, Z_FINISH);
	u->used = u->limit - stream.avail_out;
	inflateEnd(&stream);

	if (result == Z_STREAM_END)
		return 0;
	if (result != Z_BUF_ERROR && result != Z_OK)
		return damaged(u, zError(result), err);
	return stream.avail_out ? truncated(u, err) : too_large(u, err);
}

#endif
#if HAVE_LZMA

/* A dictionary above this is not one of Linux (at most 128 MiB). */
#define LZMA_MEMORY_LIMIT (256ull * MIB)

static int lzma_failure(const struct unpack *u, lzma_ret result,
			const lzma_stream *stream, struct err *err)
{
	switch (result) {
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return stream->avail_out ? truncated(u, err) : too_large(u, err);
	case LZMA_MEM_ERROR:
		return no_memory(u, "out of memory", err);
	case LZMA_MEMLIMIT_ERROR:
		return damaged(u, "it asks for a dictionary above 256 MiB", err);
	case LZMA_OPTIONS_ERROR:
		return damaged(u, "options that liblzma does not know", err);
	default:
		return damaged(u, "bad data or checksum", err);
	}
}

static int unpack_lzma(struct unpack *u, struct err *err)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret result;

	if (u->format == DECOMPRESS_XZ)
		result = lzma_stream_decoder(&stream, LZMA_MEMORY_LIMIT, 0);
	else
		result = lzma_alone_decoder(&stream, LZMA_MEMORY_LIMIT);
	if (result != LZMA_OK)
		return no_memory(u, "out of memory", err);

	stream.next_in = u->in.data;
	stream.avail_in = u->in.size;
	stream.next_out = u->out;
	stream.avail_out = u->limit;
	result = lzma_code(&stream, LZMA_FINISH);
	u->used = u->limit - stream.avail_out;
	lzma_end(&stream);
	return result == LZMA_STREAM_END ? 0 : lzma_failure(u, result, &stream, err);
}

#endif
#if HAVE_ZSTD

static int unpack_zstd(struct unpack *u, struct err *err)
{
	ZSTD_DCtx *context;
	size_t frame, result;

	/* The one-call decoder writes to the output without a window of its own. */
	frame = ZSTD_findFrameCompressedSize(u->in.data, u->in.size);
	if (ZSTD_isError(frame)) {
		if (ZSTD_getErrorCode(frame) == ZSTD_error_srcSize_wrong)
			return truncated(u, err);
		return damaged(u, ZSTD_getErrorName(frame), err);
	}
	context = ZSTD_createDCtx();
	if (!context)
		return no_memory(u, "out of memory", err);
	result = ZSTD_decompressDCtx(context, u->out, u->limit, u->in.data, frame);
	ZSTD_freeDCtx(context);

	if (ZSTD_isError(result)) {
		if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall)
			return too_large(u, err);
		return damaged(u, ZSTD_getErrorName(result), err);
	}
	u->used = result;
	return 0;
}

#endif
#if HAVE_LZ4

#define LZ4_LEGACY_BLOCK (8 * MIB) /* the most that one block unpacks to */

/*
 * The legacy frame: the magic, then blocks, each with its packed size in front.
 * There is no end mark: the frame ends with the input, or at a size that no
 * block can have, which is how Linux's trailing four bytes look.
 */
static int unpack_lz4(struct unpack *u, struct err *err)
{
	size_t at = 4;

	while (u->in.size - at > 4) {
		uint32_t packed = load_le32(u->in.data + at);
		size_t room = u->limit - u->used;
		struct bytes block;
		int size;

		if (!packed || packed > LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
			break;
		if (!bytes_slice(u->in, at + 4, packed, &block))
			return truncated(u, err);
		if (room > LZ4_LEGACY_BLOCK)
			room = LZ4_LEGACY_BLOCK;
		size = LZ4_decompress_safe((const char *)block.data,
					   (char *)u->out + u->used, (int)packed,
					   (int)room);
		if (size < 0 && room < LZ4_LEGACY_BLOCK)
			return too_large(u, err);
		if (size < 0)
			return damaged(u, "a block does not unpack", err);
		u->used += (size_t)size;
		at += 4 + (size_t)packed;
	}
	return u->used ? 0 : truncated(u, err);
}

#endif
#if HAVE_BZIP2

static int unpack_bzip2(struct unpack *u, struct err *err)
{
	bz_stream stream = {
		.next_in = (char *)u->in.data,
		.avail_in = (unsigned)u->in.size,
		.next_out = (char *)u->out,
		.avail_out = (unsigned)u->limit,
	};
	int result;

	if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
		return no_memory(u, "BZ2_bzDecompressInit", err);
	result = BZ2_bzDecompress(&stream);
	u->used = u->limit - stream.avail_out;
	BZ2_bzDecompressEnd(&stream);

	if (result == BZ_STREAM_END)
		return 0;
	if (result == BZ_MEM_ERROR)
		return no_memory(u, "out of memory", err);
	if (result != BZ_OK)
		return damaged(u, "bad data or checksum", err);
	return stream.avail_out ? truncated(u, err) : too_large(u, err);
}

#endif

typedef int (*unpack_fn)(struct unpack *u, struct err *err);

static unpack_fn unpacker(enum decompress_format format)
{
	switch (format) {
#if HAVE_ZLIB
	case DECOMPRESS_GZIP:
		return unpack_gzip;
#endif
#if HAVE_LZMA
	case DECOMPRESS_XZ:
	case DECOMPRESS_LZMA:
		return unpack_lzma;
#endif
#if HAVE_ZSTD
	case DECOMPRESS_ZSTD:
		return unpack_zstd;
#endif
#if HAVE_LZ4
	case DECOMPRESS_LZ4:
		return unpack_lz4;
#endif
#if HAVE_BZIP2
	case DECOMPRESS_BZIP2:
		return unpack_bzip2;
#endif
	default:
		return NULL;
	}
}

bool decompress_is_built_in(enum decompress_format format)
{
	return unpacker(format) != NULL;
}

int decompress(enum decompress_format format, struct bytes in, size_t limit,
	       uint8_t **out, size_t *out_size, struct err *err)
{
	struct unpack u = { .format = format, .in = in };
	unpack_fn unpack = unpacker(format);
	size_t mapped;

	if (!unpack)
		return err_set(err,
			       "the payload is packed with %s, and this tane was built"
			       " without %s",
			       decompress_format_name(format),
			       decompress_library_name(format));
	/* The counters of zlib and bzip2 have 32 bits. */
	if (in.size > UINT32_MAX || limit > UINT32_MAX || limit < PAGE_SIZE)
		return err_set(err, "cannot unpack %zu bytes into at most %zu", in.size,
			       limit);

	u.limit = align_down(limit, PAGE_SIZE);
	u.out = mmap(NULL, u.limit, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (u.out == MAP_FAILED)
		return err_errno(err, "no room for the unpacked kernel (%zu MiB)",
				 u.limit / MIB);
	/* Only a wish: without huge pages it takes a little longer. */
	(void)madvise(u.out, u.limit, MADV_HUGEPAGE);

	if (unpack(&u, err)) {
		munmap(u.out, u.limit);
		return -1;
	}
	mapped = align_up(u.used, PAGE_SIZE);
	if (mapped < u.limit)
		munmap(u.out + mapped, u.limit - mapped);
	*out = u.out;
	*out_size = u.used;
	return 0;
}

void decompress_free(uint8_t *out, size_t out_size)
{
	if (out && out_size)
		munmap(out, out_size);
}
