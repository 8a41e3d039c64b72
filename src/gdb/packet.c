/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the GDB remote serial protocol ("Remote Protocol" in gdb's manual).
 *
 * A packet is `$data#cc`, cc being the sum of the data's bytes. In data that is binary,
 * '#', '$', '}' and, to gdb, '*' are written as '}' and the byte xor 0x20. Between packets
 * there are '+' and '-', the acknowledgements, and 0x03, which is Ctrl-C. Run-length
 * encoding is for replies only, and we do not use it.
 *
 * All of it comes from whoever can connect, so nothing is believed: the decoder is a state
 * machine over single bytes with a buffer of fixed size, and whoever reads a packet does
 * so through struct gdb_text, which does not go beyond its end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gdb/packet.h"

#define ESCAPE   '}'
#define ESCAPED  0x20
#define CTRL_C   0x03
#define OVERHEAD 3 /* what ends a packet */

static int digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin_packet(struct gdb_decoder *decoder)
{
	decoder->state = GDB_DATA;
	decoder->size = 0;
	decoder->sum = 0;
	decoder->too_long = false;
}

static enum gdb_input put_idle(struct gdb_decoder *decoder, uint8_t byte)
{
	switch (byte) {
	case '$':
		begin_packet(decoder);
		return GDB_NOTHING;
	case '-':
		return GDB_NAK;
	case CTRL_C:
		return GDB_INTERRUPT;
	default:
		return GDB_NOTHING;
	}
}

static enum gdb_input put_data(struct gdb_decoder *decoder, uint8_t byte)
{
	if (byte == '#') {
		decoder->state = GDB_CHECKSUM_1;
	} else if (byte == '$') {
		begin_packet(decoder); /* the end of the last one was lost */
	} else if (decoder->size == sizeof(decoder->data)) {
		decoder->too_long = true;
	} else {
		decoder->data[decoder->size++] = byte;
		decoder->sum = (uint8_t)(decoder->sum + byte);
	}
	return GDB_NOTHING;
}

static enum gdb_input end_packet(struct gdb_decoder *decoder)
{
	const int high = digit_value(decoder->checksum[0]);
	const int low = digit_value(decoder->checksum[1]);

	decoder->state = GDB_IDLE;
	if (decoder->too_long) {
		decoder->size = 0;
		return GDB_TOO_LONG;
	}
	return high >= 0 && low >= 0 && decoder->sum == high * 16 + low ? GDB_PACKET
									: GDB_BAD;
}

enum gdb_input gdb_decoder_put(struct gdb_decoder *decoder, uint8_t byte)
{
	switch (decoder->state) {
	case GDB_IDLE:
		return put_idle(decoder, byte);
	case GDB_DATA:
		return put_data(decoder, byte);
	case GDB_CHECKSUM_1:
		decoder->checksum[0] = byte;
		decoder->state = GDB_CHECKSUM_2;
		return GDB_NOTHING;
	default:
		decoder->checksum[1] = byte;
		return end_packet(decoder);
	}
}

/* Room that is left, when the end of a packet is to fit too. */
static size_t room(const struct gdb_out *out)
{
	const size_t end = sizeof(out->data) - OVERHEAD;

	return out->size < end ? end - out->size : 0;
}

/* Everything was sent: begin at the front again. */
static void rewind_out(struct gdb_out *out)
{
	if (gdb_out_is_empty(out))
		out->size = out->sent = out->begin = 0;
}

void gdb_out_byte(struct gdb_out *out, char byte)
{
	rewind_out(out);
	if (room(out))
		out->data[out->size++] = (uint8_t)byte;
}

void gdb_out_begin(struct gdb_out *out)
{
	rewind_out(out);
	out->is_open = room(out) > 0;
	if (!out->is_open)
		return;
	out->begin = out->size;
	out->data[out->size++] = '$';
}

static void put_bytes(struct gdb_out *out, const void *bytes, size_t size)
{
	if (!out->is_open)
		return;
	if (size > room(out))
		size = room(out);
	memcpy(out->data + out->size, bytes, size);
	out->size += size;
}

void gdb_out_text(struct gdb_out *out, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		put_bytes(out, text, strlen(text));
}

void gdb_out_hex(struct gdb_out *out, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; out->is_open && i < size && room(out) >= 2; i++) {
		out->data[out->size++] = (uint8_t)digits[at[i] >> 4];
		out->data[out->size++] = (uint8_t)digits[at[i] & 15];
	}
}

void gdb_out_binary(struct gdb_out *out, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; out->is_open && i < size && room(out) >= 2; i++) {
		const bool special =
			at[i] == '#' || at[i] == '$' || at[i] == ESCAPE || at[i] == '*';

		if (special)
			out->data[out->size++] = ESCAPE;
		out->data[out->size++] = special ? at[i] ^ ESCAPED : at[i];
	}
}

void gdb_out_end(struct gdb_out *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t sum = 0;

	if (!out->is_open)
		return;
	out->is_open = false;
	for (size_t i = out->begin + 1; i < out->size; i++)
		sum = (uint8_t)(sum + out->data[i]);
	out->data[out->size++] = '#';
	out->data[out->size++] = (uint8_t)digits[sum >> 4];
	out->data[out->size++] = (uint8_t)digits[sum & 15];
}

void gdb_out_again(struct gdb_out *out)
{
	if (gdb_out_is_empty(out))
		out->sent = out->begin;
}

bool gdb_take(struct gdb_text *text, const char *word)
{
	const size_t size = strlen(word);

	if (text->size < size || memcmp(text->at, word, size) != 0)
		return false;
	text->at += size;
	text->size -= size;
	return true;
}

bool gdb_take_number(struct gdb_text *text, uint64_t *value)
{
	unsigned digits = 0;

	*value = 0;
	while (text->size && digits <= 16) {
		const int digit = digit_value(*text->at);

		if (digit < 0)
			break;
		*value = *value << 4 | (unsigned)digit;
		digits++;
		text->at++;
		text->size--;
	}
	return digits > 0 && digits <= 16;
}

bool gdb_take_hex(struct gdb_text *text, void *to, size_t size)
{
	uint8_t *bytes = to;

	if (text->size / 2 < size)
		return false;
	for (size_t i = 0; i < size; i++) {
		const int high = digit_value(text->at[2 * i]);
		const int low = digit_value(text->at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high * 16 + low);
	}
	text->at += 2 * size;
	text->size -= 2 * size;
	return true;
}

int64_t gdb_take_binary(struct gdb_text *text, void *to, size_t size)
{
	uint8_t *bytes = to;
	size_t n = 0;

	for (; text->size; text->at++, text->size--) {
		uint8_t byte = *text->at;

		if (byte == ESCAPE) {
			if (text->size == 1)
				return -1;
			text->at++;
			text->size--;
			byte = *text->at ^ ESCAPED;
		}
		if (n == size)
			return -1;
		bytes[n++] = byte;
	}
	return (int64_t)n;
}
