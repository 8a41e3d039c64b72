/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a terminal's bytes to keys.
 *
 * A terminal sends characters, control characters for Ctrl with a letter, and sequences
 * that begin with Escape for other keys (ECMA-48, and what xterm made of it):
 *
 *	ESC [ A		cursor and Home, End (also ESC O A)
 *	ESC O P		F1 to F4
 *	ESC [ 5 ~	keys with a number
 *	ESC [ 1 ; 5 A	with modifiers: 1 + Shift 1 + Alt 2 + Ctrl 4
 *	ESC x		Alt with x
 *	ESC [ [ A	F1 to F5 of Linux's console
 *
 * A sequence may come in pieces, so its beginning is held back. Escape the key looks like
 * such a beginning; only time tells the two apart, and the caller has the clock. What is no
 * key's sequence, and characters that are not ASCII, are dropped as a whole.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/terminal_keys.h"

#define ESC 0x1b

#define SHIFT 1u
#define ALT   2u
#define CTRL  4u

#define NAME_SIZE 40

static void send_name(const struct terminal_keys *keys, unsigned modifiers,
		      const char *name)
{
	char text[NAME_SIZE];

	snprintf(text, sizeof(text), "<%s%s%s%s>", modifiers & CTRL ? "ctrl-" : "",
		 modifiers & ALT ? "alt-" : "", modifiers & SHIFT ? "shift-" : "", name);
	keys->key(keys->opaque, text);
}

/* A character by itself; `modifiers` is ALT or nothing. */
static void send_char(struct terminal_keys *keys, unsigned modifiers, uint8_t c)
{
	char name[2] = { (char)c };

	if (c == '\r' || c == '\n') {
		send_name(keys, modifiers, "enter");
	} else if (c == '\t') {
		send_name(keys, modifiers, "tab");
	} else if (c == 0x7f || c == '\b') {
		send_name(keys, modifiers, "backspace");
	} else if (c == ESC) {
		send_name(keys, modifiers, "esc");
	} else if (c == 0) {
		send_name(keys, modifiers | CTRL, "space");
	} else if (c < 0x20) {
		/* 1 to 26 are Ctrl with a letter, the others with \ ] ^ and _. */
		name[0] = (char)(c <= 26 ? c + 0x60 : c + 0x40);
		send_name(keys, modifiers | CTRL, name);
	} else if (c == '<') {
		send_name(keys, modifiers, "lt");
	} else if (c == '>' && modifiers) {
		send_name(keys, modifiers, "gt");
	} else if (modifiers) {
		send_name(keys, modifiers, name);
	} else {
		keys->key(keys->opaque, name);
	}
}

static const char *name_of_letter(uint8_t final)
{
	static const char names[][6] = {
		['A'] = "up",  ['B'] = "down", ['C'] = "right", ['D'] = "left",
		['F'] = "end", ['H'] = "home", ['M'] = "enter", ['P'] = "f1",
		['Q'] = "f2",  ['R'] = "f3",   ['S'] = "f4",    ['Z'] = "tab",
	};

	return final < sizeof(names) / sizeof(names[0]) ? names[final] : "";
}

static const char *name_of_number(unsigned number)
{
	static const char names[][6] = {
		[1] = "home", [2] = "ins",  [3] = "del",  [4] = "end",  [5] = "pgup",
		[6] = "pgdn", [7] = "home", [8] = "end",  [11] = "f1",  [12] = "f2",
		[13] = "f3",  [14] = "f4",  [15] = "f5",  [17] = "f6",  [18] = "f7",
		[19] = "f8",  [20] = "f9",  [21] = "f10", [23] = "f11", [24] = "f12",
	};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : "";
}

/* A whole sequence: ESC [ or ESC O, parameters, a final byte. */
static void send_sequence(struct terminal_keys *keys)
{
	const uint8_t final = keys->held[keys->nr_held - 1];
	unsigned parameters[2] = { 0 }, n = 0, modifiers;
	const char *name;

	for (unsigned i = 2; i < keys->nr_held - 1; i++) {
		const uint8_t c = keys->held[i];

		if (c == ';')
			n++;
		else if (c >= '0' && c <= '9' && n < 2)
			parameters[n] = parameters[n] * 10 + c - '0';
	}
	modifiers = parameters[1] ? (parameters[1] - 1) & (SHIFT | ALT | CTRL) : 0;
	if (final == 'Z')
		modifiers |= SHIFT;
	name = final == '~' ? name_of_number(parameters[0]) : name_of_letter(final);
	if (name[0])
		send_name(keys, modifiers, name);
}

/* Does a sequence end with this byte, `at` bytes after its Escape? */
static bool is_final(unsigned at, uint8_t c)
{
	return at >= 2 && c >= 0x40 && c <= 0x7e && !(at == 2 && c == '[');
}

/* One more byte behind an Escape. */
static void extend(struct terminal_keys *keys, uint8_t c)
{
	const unsigned at = keys->nr_held;

	if (at == 1 && c != '[' && c != 'O') {
		if (c == ESC) { /* the key, and perhaps the beginning of another */
			send_char(keys, 0, ESC);
			return;
		}
		keys->nr_held = 0;
		send_char(keys, ALT, c);
		return;
	}
	keys->held[keys->nr_held++] = c;
	if (keys->held[2] == '[' && at == 3) { /* Linux's console: A to E */
		static const char *const names[] = { "f1", "f2", "f3", "f4", "f5" };

		keys->nr_held = 0;
		if (c >= 'A' && c <= 'E')
			send_name(keys, 0, names[c - 'A']);
	} else if (is_final(at, c)) {
		send_sequence(keys);
		keys->nr_held = 0;
	} else if (keys->nr_held == TERMINAL_KEYS_HELD) {
		keys->nr_held = 0;
	}
}

void terminal_keys_decode(struct terminal_keys *keys, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t c = data[i];

		if (c >= 0x80 || (c < 0x20 && keys->nr_held > 1))
			keys->nr_held = 0; /* this was no sequence */
		if (c >= 0x80)             /* of UTF-8: all bytes of a character are */
			continue;
		if (keys->nr_held) {
			extend(keys, c);
		} else if (c == ESC) {
			keys->held[0] = c;
			keys->nr_held = 1;
		} else {
			send_char(keys, 0, c);
		}
	}
}

void terminal_keys_flush(struct terminal_keys *keys)
{
	const unsigned n = keys->nr_held;

	keys->nr_held = 0;
	if (n == 1)
		send_char(keys, 0, ESC);
	else if (n == 2) /* ESC [ or ESC O, with nothing behind it */
		send_char(keys, ALT, keys->held[1]);
}
