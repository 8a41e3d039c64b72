/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacking a kernel: one function per format, each around its library.
 *
 * The output is one anonymous mapping as large as the caller's limit. It costs
 * address space only: pages appear as the library writes them, in huge pages
 * where the host has them, and the rest is given back at the end. So no stated
 * size has to be believed (Linux puts one behind most payloads, which could only
 * be a hint) and a bomb stops at the limit. Every library writes straight into
 * the mapping.
 *
 * Only the first stream is taken: other bytes may follow it.
 *
 * Each library is optional (HAVE_ZLIB, HAVE_LZMA, HAVE_ZSTD, HAVE_LZ4,
 * HAVE_BZIP2). One that is missing is reported with its name.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
#if HAVE_BZIP2
#include <bzlib.h>
#endif

#define MIB      ((size_t)1 << 20)
#define MIN_ROOM ((size_t)4096) /* no kernel is smaller */

static const struct {
	const char *name;
	const char *library;
	uint8_t magic_size;
	uint8_t magic[6];
} formats[] = {
	[DECOMPRESS_UNKNOWN] = { "an unknown format", "a library", 0, { 0 } },
	[DECOMPRESS_GZIP] = { "gzip", "zlib", 2, { 0x1f, 0x8b } },
	[DECOMPRESS_XZ] = { "xz", "liblzma", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	[DECOMPRESS_LZMA] = { "lzma", "liblzma", 3, { 0x5d, 0, 0 } },
	[DECOMPRESS_ZSTD] = { "zstd", "libzstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },
	[DECOMPRESS_LZ4] = { "lz4", "liblz4", 4, { 0x02, 0x21, 0x4c, 0x18 } },
	[DECOMPRESS_BZIP2] = { "bzip2", "libbz2", 3, { 'B', 'Z', 'h' } },
};

enum decompress_format decompress_detect(struct bytes in)
{
	for (int i = DECOMPRESS_UNKNOWN + 1; i <= DECOMPRESS_BZIP2; i++)
		if (in.size >= formats[i].magic_size &&
		    !memcmp(in.data, formats[i].magic, formats[i].magic_size))
			return (enum decompress_format)i;
	return DECOMPRESS_UNKNOWN;
}

const char *decompress_format_name(enum decompress_format format)
{
	return formats[format].name;
}

const char *decompress_library_name(enum decompress_format format)
{
	return formats[format].library;
}

#if HAVE_ZLIB

static enum unpack_result unpack_gzip(struct unpack *u)
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
		return UNPACK_NO_MEMORY;
	result = inflate(&stream, Z_FINISH);
	u->used = u->limit - stream.avail_out;
	inflateEnd(&stream);

	if (result == Z_STREAM_END)
		return UNPACK_DONE;
	if (result != Z_BUF_ERROR && result != Z_OK)
		return UNPACK_DAMAGED;
	return stream.avail_out ? UNPACK_TRUNCATED : UNPACK_TOO_LARGE;
}

#endif
#if HAVE_LZMA

/* Linux packs with dictionaries of up to 128 MiB; this is what the decoder may take. */
#define LZMA_MEMORY_LIMIT (256 * MIB)

static enum unpack_result unpack_lzma(struct unpack *u)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret result;

	if (u->format == DECOMPRESS_XZ)
		result = lzma_stream_decoder(&stream, LZMA_MEMORY_LIMIT, 0);
	else
		result = lzma_alone_decoder(&stream, LZMA_MEMORY_LIMIT);
	if (result != LZMA_OK)
		return UNPACK_NO_MEMORY;

	stream.next_in = u->in.data;
	stream.avail_in = u->in.size;
	stream.next_out = u->out;
	stream.avail_out = u->limit;
	result = lzma_code(&stream, LZMA_FINISH);
	u->used = u->limit - stream.avail_out;
	lzma_end(&stream);

	switch (result) {
	case LZMA_STREAM_END:
		return UNPACK_DONE;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return stream.avail_out ? UNPACK_TRUNCATED : UNPACK_TOO_LARGE;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return UNPACK_NO_MEMORY;
	default:
		return UNPACK_DAMAGED;
	}
}

#endif
#if HAVE_ZSTD

static enum unpack_result unpack_zstd(struct unpack *u)
{
	ZSTD_DCtx *context;
	size_t frame, result;

	/*
	 * The one-call decoder needs no window beside the output, but wants to know
	 * where the frame ends.
	 */
	frame = ZSTD_findFrameCompressedSize(u->in.data, u->in.size);
	if (ZSTD_getErrorCode(frame) == ZSTD_error_srcSize_wrong)
		return UNPACK_TRUNCATED;
	if (ZSTD_isError(frame))
		return UNPACK_DAMAGED;

	context = ZSTD_createDCtx();
	if (!context)
		return UNPACK_NO_MEMORY;
	result = ZSTD_decompressDCtx(context, u->out, u->limit, u->in.data, frame);
	ZSTD_freeDCtx(context);

	if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall)
		return UNPACK_TOO_LARGE;
	if (ZSTD_isError(result))
		return UNPACK_DAMAGED;
	u->used = result;
	return UNPACK_DONE;
}

#endif
#if HAVE_BZIP2

static enum unpack_result unpack_bzip2(struct unpack *u)
{
	bz_stream stream = {
		.next_in = (char *)u->in.data,
		.avail_in = (unsigned)u->in.size,
		.next_out = (char *)u->out,
		.avail_out = (unsigned)u->limit,
	};
	int result;

	if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
		return UNPACK_NO_MEMORY;
	result = BZ2_bzDecompress(&stream);
	u->used = u->limit - stream.avail_out;
	BZ2_bzDecompressEnd(&stream);

	switch (result) {
	case BZ_STREAM_END:
		return UNPACK_DONE;
	case BZ_OK:
		return stream.avail_out ? UNPACK_TRUNCATED : UNPACK_TOO_LARGE;
	case BZ_MEM_ERROR:
		return UNPACK_NO_MEMORY;
	default:
		return UNPACK_DAMAGED;
	}
}

#endif

typedef enum unpack_result (*unpack_fn)(struct unpack *u);

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

static int failure(const struct unpack *u, enum unpack_result result, struct err *err)
{
	const char *name = formats[u->format].name;

	switch (result) {
	case UNPACK_DONE:
		return 0;
	case UNPACK_TRUNCATED:
		return err_set(err, "the %s payload is truncated", name);
	case UNPACK_TOO_LARGE:
		return err_set(err,
			       "the %s payload unpacks to more than %zu KiB: give the"
			       " guest more memory (--mem), unless it is no kernel",
			       name, u->limit / 1024);
	case UNPACK_NO_MEMORY:
		return err_set(
			err,
			"not enough memory to unpack the %s payload (or it asks for"
			" more than any kernel does)",
			name);
	case UNPACK_DAMAGED:
		break;
	}
	return err_set(err, "the %s payload is damaged", name);
}

static int run(struct unpack *u, struct err *err)
{
	unpack_fn unpack = unpacker(u->format);
	enum unpack_result result;

	if (!unpack)
		return err_set(err,
			       "it is packed with %s, this tane was built without %s",
			       formats[u->format].name, formats[u->format].library);
	/* The counters of zlib and bzip2 have 32 bits. */
	if (u->in.size > UINT32_MAX || u->limit > UINT32_MAX || u->limit < MIN_ROOM)
		return err_set(err, "cannot unpack %zu bytes to at most %zu", u->in.size,
			       u->limit);
	result = unpack(u);
	return failure(u, result, err);
}

int decompress_into(enum decompress_format format, struct bytes in,
		    const struct boot_room *room, size_t *out_size, struct err *err)
{
	struct unpack u = {
		.format = format,
		.in = in,
		.out = room->data,
		.limit = room->size,
	};

	if (run(&u, err))
		return -1;
	*out_size = u.used;
	return 0;
}

int decompress(enum decompress_format format, struct bytes in, size_t limit,
	       uint8_t **out, size_t *out_size, struct err *err)
{
	const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	struct unpack u = { .format = format,
			    .in = in,
			    .limit = align_down(limit, page_size) };
	size_t kept = 0;
	int r;

	u.out = mmap(NULL, u.limit ? u.limit : page_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (u.out == MAP_FAILED)
		return err_errno(err, "no %zu MiB of address space to unpack the kernel",
				 u.limit / MIB);
	/* Only a wish: without huge pages it takes a little longer. */
	(void)madvise(u.out, u.limit, MADV_HUGEPAGE);

	r = run(&u, err);
	if (!r)
		kept = align_up(u.used, page_size);
	if (kept < u.limit || !u.limit)
		munmap(u.out + kept, u.limit ? u.limit - kept : page_size);
	*out = kept ? u.out : NULL;
	*out_size = kept ? u.used : 0;
	return r;
}

void decompress_free(uint8_t *out, size_t out_size)
{
	if (out)
		munmap(out, out_size);
}
