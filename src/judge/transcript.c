/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A transcript: the text that somebody at a terminal would have read, line by line.
 *
 *	CR LF, LF		the end of a line
 *	CR by itself		too: what follows is written over the line
 *	backspace		takes the last character back
 *	ESC [ ... letter	is left out (ECMA-48, control sequences), but ends the line
 *				if it moves the cursor to another row or clears the screen
 *	ESC ] ... BEL		is left out (operating system command), as are the
 *				other escape sequences and control characters but TAB
 *
 * Bytes above 0x7f are kept: they may be UTF-8. But U+0080 to U+009F, and these bytes by
 * themselves, are control characters (ECMA-48, C1), and terminals obey them. When the buffer
 * is full its older half goes, by whole lines.
 */
#include <stdlib.h>
#include <string.h>

#include "judge/transcript.h"

#define BEL 0x07
#define ESC 0x1b
#define DEL 0x7f

/* ECMA-48 5.4: ESC [, parameters and intermediates, a final byte. */
enum escape_state {
	PLAIN,
	ESCAPED, /* after ESC */
	CONTROL, /* in a control sequence */
	STRING,  /* in a control string, until BEL or ESC \ */
	CHARSET, /* ESC ( and the like: one more byte */
};

static void make_room(struct transcript *transcript)
{
	const char *newline;
	size_t n;

	if (transcript->used < TRANSCRIPT_SIZE)
		return;
	newline =
		memchr(transcript->text + TRANSCRIPT_SIZE / 2, '\n', TRANSCRIPT_SIZE / 2);
	/* There is one: no line is longer than TRANSCRIPT_LINE. */
	n = newline ? (size_t)(newline - transcript->text) + 1 : transcript->line;
	memmove(transcript->text, transcript->text + n, transcript->used - n);
	transcript->used -= n;
	transcript->line -= n;
	transcript->base += n;
}

static void append(struct transcript *transcript, uint8_t byte)
{
	make_room(transcript);
	transcript->text[transcript->used++] = (char)byte;
}

static bool end_line(struct transcript *transcript)
{
	append(transcript, '\n');
	transcript->line = transcript->used;
	return true;
}

/* What moves the cursor away ends the line, unless there is nothing on it. */
static bool break_line(struct transcript *transcript)
{
	return transcript->used > transcript->line && end_line(transcript);
}

static bool put_text(struct transcript *transcript, uint8_t byte)
{
	append(transcript, byte);
	return transcript->used - transcript->line == TRANSCRIPT_LINE - 1 &&
	       end_line(transcript);
}

/* Does it belong to a character of UTF-8 that has begun? */
static bool continues(struct transcript *transcript, uint8_t byte)
{
	const bool does = transcript->missing && (byte & 0xc0) == 0x80;

	if (does)
		transcript->missing--;
	else
		transcript->missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0;
	return does;
}

/* One that is above 0x7f. */
static bool put_high(struct transcript *transcript, uint8_t byte)
{
	const uint8_t lead = transcript->lead;
	const bool does_continue = continues(transcript, byte);

	transcript->lead = byte;
	if (byte >= 0xa0)
		return put_text(transcript, byte);
	/* By itself it is no text, nor behind the end of a line that was cut. */
	if (!does_continue || transcript->used == transcript->line)
		return false;
	if (lead != 0xc2)
		return put_text(transcript, byte);
	transcript->used--; /* the first half of U+0080 to U+009F */
	return false;
}

/* The last character goes, of UTF-8 the whole. */
static void take_back(struct transcript *transcript)
{
	transcript->missing = 0;
	while (transcript->used > transcript->line) {
		transcript->used--;
		if ((transcript->text[transcript->used] & 0xc0) != 0x80)
			break;
	}
}

/* CUP and HVP: many programs say where each piece of a line goes. */
static bool put_cursor(struct transcript *transcript)
{
	const unsigned long row = strtoul(transcript->parameters, NULL, 10);
	const unsigned before = transcript->row;

	transcript->row = row ? (unsigned)row : 1;
	return transcript->row != before && break_line(transcript);
}

static bool control_sequence(struct transcript *transcript, uint8_t final)
{
	switch (final) {
	case 'H':
	case 'f':
		return put_cursor(transcript);
	case 'A': /* CUU, CUD, CNL, CPL, VPA, ED */
	case 'B':
	case 'E':
	case 'F':
	case 'd':
	case 'J':
		transcript->row = 0;
		return break_line(transcript);
	default:
		return false;
	}
}

static void escape(struct transcript *transcript, uint8_t byte)
{
	transcript->nr_parameters = 0;
	memset(transcript->parameters, 0, sizeof(transcript->parameters));
	if (byte == '[')
		transcript->state = CONTROL;
	else if (byte && strchr("]PX^_", byte))
		transcript->state = STRING;
	else if (byte >= 0x20 && byte <= 0x2f)
		transcript->state = CHARSET;
	else
		transcript->state = byte == ESC ? ESCAPED : PLAIN;
}

static bool in_control(struct transcript *transcript, uint8_t byte)
{
	const unsigned n = transcript->nr_parameters;

	if (byte >= 0x40 && byte <= 0x7e) {
		transcript->state = PLAIN;
		return control_sequence(transcript, byte);
	}
	if (byte == ESC)
		transcript->state = ESCAPED;
	else if (byte >= 0x20 && byte <= 0x3f && n < sizeof(transcript->parameters) - 1)
		transcript->parameters[transcript->nr_parameters++] = (char)byte;
	else if (byte < 0x20 || byte > 0x7e)
		transcript->state = PLAIN; /* no sequence after all */
	return false;
}

static bool plain(struct transcript *transcript, uint8_t byte)
{
	const bool after_cr = transcript->after_cr;
	bool ended = false;

	if (byte == '\n') {
		transcript->after_cr = false;
		transcript->row = 0;
		return end_line(transcript);
	}
	if (byte == '\r') {
		transcript->after_cr = true;
		return false;
	}
	if (byte == ESC) {
		transcript->state = ESCAPED;
		return false;
	}
	if (byte == '\b') {
		take_back(transcript);
		return false;
	}
	if ((byte < 0x20 && byte != '\t') || byte == DEL)
		return false;
	transcript->after_cr = false;
	if (after_cr)
		ended = break_line(transcript);
	if (byte >= 0x80)
		return put_high(transcript, byte) || ended;
	transcript->missing = 0;
	return put_text(transcript, byte) || ended;
}

bool transcript_put(struct transcript *transcript, uint8_t byte)
{
	switch (transcript->state) {
	case ESCAPED:
		escape(transcript, byte);
		return false;
	case CONTROL:
		return in_control(transcript, byte);
	case STRING:
		if (byte == BEL || byte == '\n')
			transcript->state = PLAIN;
		else if (byte == ESC)
			transcript->state = ESCAPED;
		return false;
	case CHARSET:
		transcript->state = PLAIN;
		return false;
	default:
		return plain(transcript, byte);
	}
}
