/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the GDB remote serial protocol: from bytes and to bytes. See packet.c.
 */
#ifndef TANE_GDB_PACKET_H
#define TANE_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest packet that we take and send, without its frame. */
#define GDB_PACKET_MAX 0x4000u

/* What a byte from gdb completes. */
enum gdb_input {
	GDB_NOTHING,
	GDB_PACKET,    /* decoder.data, .size: what is between '$' and '#' */
	GDB_BAD,       /* a packet with a wrong checksum */
	GDB_TOO_LONG,  /* a packet longer than GDB_PACKET_MAX; decoder.size is 0 */
	GDB_NAK,       /* gdb did not get our last packet */
	GDB_INTERRUPT, /* Ctrl-C */
};

struct gdb_decoder {
	enum {
		GDB_IDLE,
		GDB_DATA,
		GDB_CHECKSUM_1,
		GDB_CHECKSUM_2,
	} state;
	uint8_t sum;
	uint8_t checksum[2];
	bool too_long;
	size_t size;
	uint8_t data[GDB_PACKET_MAX];
};

enum gdb_input gdb_decoder_put(struct gdb_decoder *decoder, uint8_t byte);

/*
 * What is on its way to gdb: room for a reply and for the texts before it. What does not
 * fit is cut off.
 */
#define GDB_OUT_SIZE (4 * GDB_PACKET_MAX)
struct gdb_out {
	uint8_t data[GDB_OUT_SIZE];
	size_t size;  /* of all that is there */
	size_t sent;  /* of it; the caller counts */
	size_t begin; /* of the last packet */
	bool is_open; /* it is being written, and its first byte had room */
};

static inline bool gdb_out_is_empty(const struct gdb_out *out)
{
	return out->sent == out->size;
}

/* One byte outside packets: '+' or '-'. */
void gdb_out_byte(struct gdb_out *out, char byte);
/* A packet: begin, contents, end. */
void gdb_out_begin(struct gdb_out *out);
void gdb_out_text(struct gdb_out *out, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void gdb_out_hex(struct gdb_out *out, const void *bytes, size_t size);
void gdb_out_binary(struct gdb_out *out, const void *bytes, size_t size);
void gdb_out_end(struct gdb_out *out);
/* Send the last packet again. */
void gdb_out_again(struct gdb_out *out);

/* What is left to read of a packet. Each function takes what it finds off the front. */
struct gdb_text {
	const uint8_t *at;
	size_t size;
};

/* A word, if it is next. */
bool gdb_take(struct gdb_text *text, const char *word);
/* A hexadecimal number of one to 16 digits. */
bool gdb_take_number(struct gdb_text *text, uint64_t *value);
/* Exactly `size` bytes as hexadecimal digits. */
bool gdb_take_hex(struct gdb_text *text, void *to, size_t size);
/* All that is left, escaped as in X packets. Returns how many bytes it is, or -1. */
int64_t gdb_take_binary(struct gdb_text *text, void *to, size_t room);

#endif
