/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that is typed, in two forms: the bytes that a terminal sends, and the text with
 * named keys that a keyboard takes (dev/keymap.h).
 *
 * A terminal of the VT100 family sends CR for Enter, DEL for Backspace, and sequences for
 * keys that ASCII has not. <ctrl-c> is the letter's lowest five bits, <alt-x> is ESC x.
 * Keys it has not at all, such as <ctrl-alt-del>, are kept for the keyboard.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "judge/keys.h"

static const struct {
	const char *name, *sequence;
} names[] = {
	{ "backspace", "\x7f" }, { "del", "\x1b[3~" },  { "down", "\x1b[B" },
	{ "end", "\x1b[F" },     { "enter", "\r" },     { "esc", "\x1b" },
	{ "f1", "\x1bOP" },      { "f2", "\x1bOQ" },    { "f3", "\x1bOR" },
	{ "f4", "\x1bOS" },      { "f5", "\x1b[15~" },  { "f6", "\x1b[17~" },
	{ "f7", "\x1b[18~" },    { "f8", "\x1b[19~" },  { "f9", "\x1b[20~" },
	{ "f10", "\x1b[21~" },   { "f11", "\x1b[23~" }, { "f12", "\x1b[24~" },
	{ "gt", ">" },           { "home", "\x1b[H" },  { "ins", "\x1b[2~" },
	{ "left", "\x1b[D" },    { "lt", "<" },         { "pgdn", "\x1b[6~" },
	{ "pgup", "\x1b[5~" },   { "right", "\x1b[C" }, { "space", " " },
	{ "tab", "\t" },         { "up", "\x1b[A" },
};

static int put_serial(struct keys *keys, const char *bytes, size_t n, struct err *err)
{
	if (n > sizeof(keys->serial) - keys->nr_serial)
		return err_set(err, "more than %d bytes to send", KEYS_MAX);
	memcpy(keys->serial + keys->nr_serial, bytes, n);
	keys->nr_serial += n;
	return 0;
}

static int put_typed(struct keys *keys, const char *text, size_t n, struct err *err)
{
	const size_t used = strlen(keys->typed);

	if (n > sizeof(keys->typed) - 1 - used)
		return err_set(err, "more than %d bytes to type", KEYS_MAX);
	memcpy(keys->typed + used, text, n);
	return 0;
}

/* <NAME>, `n` bytes with the brackets: as a terminal would send it. */
static int put_key(struct keys *keys, const char *text, size_t n, struct err *err)
{
	const char *name = text + 1;
	char byte;

	n -= 2;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == n &&
		    strncasecmp(names[i].name, name, n) == 0)
			return put_serial(keys, names[i].sequence,
					  strlen(names[i].sequence), err);
	}
	if (n == 6 && strncasecmp(name, "ctrl-", 5) == 0 &&
	    toupper((unsigned char)name[5]) >= '@' &&
	    toupper((unsigned char)name[5]) <= '_') {
		byte = (char)(name[5] & 0x1f);
		return put_serial(keys, &byte, 1, err);
	}
	if (n == 5 && strncasecmp(name, "alt-", 4) == 0)
		return put_serial(keys, "\x1b", 1, err) ||
				       put_serial(keys, name + 4, 1, err)
			       ? -1
			       : 0;
	if (!keys->no_serial[0])
		snprintf(keys->no_serial, sizeof(keys->no_serial), "<%.*s>",
			 (int)(n < 20 ? n : 20), name);
	return 0;
}

static int hex_digit(char digit)
{
	if (isdigit((unsigned char)digit))
		return digit - '0';
	return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10
					      : -1;
}

/* A backslash and what follows. How many bytes of the text that was, or -1. */
static int put_escape(struct keys *keys, const char *text, struct err *err)
{
	static const char letters[] = "nrte\\", bytes[] = "\n\r\t\x1b\\";
	const char *letter = text[1] ? strchr(letters, text[1]) : NULL;
	int high, low;
	char byte;

	if (letter) {
		byte = bytes[letter - letters];
		/* A keyboard has one key for both. */
		if (put_serial(keys, &byte, 1, err) ||
		    (byte == '\x1b'
			     ? put_typed(keys, "<esc>", 5, err)
			     : put_typed(keys, byte == '\r' ? "\n" : &byte, 1, err)))
			return -1;
		return 2;
	}
	if (text[1] != 'x')
		return err_set(err, "\"\\%.1s\" is none of \\n \\r \\t \\e \\\\ \\xNN",
			       text + 1);
	high = hex_digit(text[2]);
	low = high < 0 ? -1 : hex_digit(text[3]);
	if (low < 0)
		return err_set(err, "\"%.4s\": \\x needs two hexadecimal digits", text);
	byte = (char)(high << 4 | low);
	if (put_serial(keys, &byte, 1, err) || (byte && put_typed(keys, &byte, 1, err)))
		return -1;
	return 4;
}

int keys_parse(struct keys *keys, const char *text, struct err *err)
{
	memset(keys, 0, sizeof(*keys));
	if (!*text)
		return err_set(err, "there is nothing to send");
	while (*text) {
		const char *close = *text == '<' ? strchr(text, '>') : NULL;
		int n = 1;

		if (*text == '\\') {
			n = put_escape(keys, text, err);
			if (n < 0)
				return -1;
		} else if (close && close > text + 1) {
			n = (int)(close - text) + 1;
			if (put_key(keys, text, (size_t)n, err) ||
			    put_typed(keys, text, (size_t)n, err))
				return -1;
		} else if (*text == '<') {
			return err_set(err,
				       "\"%.20s\": a key is <name>, and the "
				       "character < is <lt>",
				       text);
		} else if (put_serial(keys, text, 1, err) ||
			   put_typed(keys, text, 1, err)) {
			return -1;
		}
		text += n;
	}
	return 0;
}
