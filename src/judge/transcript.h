/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a port of the guest has printed, as lines of plain text: the newest of it. See
 * transcript.c for what becomes of control characters.
 */
#ifndef TANE_JUDGE_TRANSCRIPT_H
#define TANE_JUDGE_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSCRIPT_SIZE 65536u
#define TRANSCRIPT_LINE 4096u /* a longer line is cut into several */

/* Positions are counted from the first byte of all that was ever printed. */
struct transcript {
	char text[TRANSCRIPT_SIZE + 1]; /* lines, each with its \n, one without, a NUL */
	size_t used;
	size_t line;   /* where the last line, which has no end yet, begins */
	uint64_t base; /* the position of text[0] */

	unsigned state; /* enum escape_state */
	bool after_cr;
	uint8_t lead;        /* the last byte above 0x7f */
	unsigned missing;    /* bytes of the character of UTF-8 that has begun */
	char parameters[16]; /* of the escape sequence */
	unsigned nr_parameters;
	unsigned row; /* where the cursor was put last, 0: nowhere */
};

/* One byte. true if a line has come to its end by it. */
bool transcript_put(struct transcript *transcript, uint8_t byte);

static inline uint64_t transcript_end(const struct transcript *transcript)
{
	return transcript->base + transcript->used;
}

#endif
