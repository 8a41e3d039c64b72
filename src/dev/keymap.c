/* SPDX-License-Identifier: BSD-2-Clause */
/* From text to keys; see keymap.h. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "dev/keymap.h"

#define SHIFT 0x01u
#define CTRL  0x02u
#define ALT   0x04u
#define SUPER 0x08u

#define NAME_MAX_LENGTH 32

static const struct {
	const char *name;
	uint8_t bit;
	key_event key;
} modifiers[] = {
	{ "ctrl-", CTRL, 0x1d },
	{ "alt-", ALT, 0x38 },
	{ "shift-", SHIFT, 0x2a },
	{ "super-", SUPER, KEY_EXTENDED | 0x5b },
};

#define NR_MODIFIERS (sizeof(modifiers) / sizeof(modifiers[0]))

static const struct {
	const char *name;
	key_event key;
} names[] = {
	{ "backspace", 0x0e },
	{ "caps", 0x3a },
	{ "del", KEY_EXTENDED | 0x53 },
	{ "down", KEY_EXTENDED | 0x50 },
	{ "end", KEY_EXTENDED | 0x4f },
	{ "enter", 0x1c },
	{ "esc", 0x01 },
	{ "f1", 0x3b },
	{ "f2", 0x3c },
	{ "f3", 0x3d },
	{ "f4", 0x3e },
	{ "f5", 0x3f },
	{ "f6", 0x40 },
	{ "f7", 0x41 },
	{ "f8", 0x42 },
	{ "f9", 0x43 },
	{ "f10", 0x44 },
	{ "f11", 0x57 },
	{ "f12", 0x58 },
	{ "home", KEY_EXTENDED | 0x47 },
	{ "ins", KEY_EXTENDED | 0x52 },
	{ "left", KEY_EXTENDED | 0x4b },
	{ "menu", KEY_EXTENDED | 0x5d },
	{ "num", 0x45 },
	{ "pause", KEY_PAUSE },
	{ "pgdn", KEY_EXTENDED | 0x51 },
	{ "pgup", KEY_EXTENDED | 0x49 },
	{ "print", KEY_EXTENDED | 0x37 },
	{ "right", KEY_EXTENDED | 0x4d },
	{ "scroll", 0x46 },
	{ "space", 0x39 },
	{ "tab", 0x0f },
	{ "up", KEY_EXTENDED | 0x48 },
};

/* Keys that lie side by side have codes that follow each other. */
static const struct {
	uint8_t first;
	const char *plain, *shifted;
} rows[] = {
	{ 0x02, "1234567890-=", "!@#$%^&*()_+" },
	{ 0x10, "qwertyuiop[]", "QWERTYUIOP{}" },
	{ 0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
	{ 0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
	{ 0x39, " ", "" },
};

/* Where in `row` the character stands, or -1. */
static int find_column(const char *row, char c)
{
	const char *at = c ? strchr(row, c) : NULL;

	return at ? (int)(at - row) : -1;
}

static bool find_char(char c, struct key_press *press)
{
	static const struct {
		char c;
		uint8_t key;
	} controls[] = { { '\b', 0x0e },
			 { '\t', 0x0f },
			 { '\n', 0x1c },
			 { '\r', 0x1c },
			 { 27, 0x01 } };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int column = find_column(rows[i].plain, c);

		if (column < 0) {
			column = find_column(rows[i].shifted, c);
			if (column < 0)
				continue;
			press->modifiers |= SHIFT;
		}
		press->key = (key_event)(rows[i].first + column);
		return true;
	}
	for (unsigned i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (controls[i].c != c)
			continue;
		press->key = controls[i].key;
		return true;
	}
	return false;
}

/* Take the modifiers in front of a name; the rest of it. */
static const char *find_modifiers(const char *name, struct key_press *press)
{
	unsigned i = 0;

	while (i < NR_MODIFIERS) {
		size_t n = strlen(modifiers[i].name);

		if (strncasecmp(name, modifiers[i].name, n) != 0) {
			i++;
			continue;
		}
		press->modifiers |= modifiers[i].bit;
		name += n;
		i = 0;
	}
	return name;
}

/* What stands between the brackets. */
static bool find_name(const char *name, struct key_press *press)
{
	name = find_modifiers(name, press);
	if (strcasecmp(name, "lt") == 0)
		return find_char('<', press);
	if (strcasecmp(name, "gt") == 0)
		return find_char('>', press);
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i].name) != 0)
			continue;
		press->key = names[i].key;
		return true;
	}
	return name[0] && !name[1] && find_char(name[0], press);
}

int keymap_next(const char **text, struct key_press *press, struct err *err)
{
	const char *from = *text, *end;
	char name[NAME_MAX_LENGTH];
	size_t length;

	*press = (struct key_press){ 0 };
	if (!*from)
		return 0;
	if (*from != '<') {
		if (!find_char(*from, press))
			return err_set(
				err,
				"keys: no key of a US keyboard types the byte 0x%02x",
				(uint8_t)*from);
		*text = from + 1;
		return 1;
	}
	end = strchr(from, '>');
	length = end ? (size_t)(end - from - 1) : strlen(from + 1);
	if (end && length < sizeof(name)) {
		memcpy(name, from + 1, length);
		name[length] = '\0';
		if (find_name(name, press)) {
			*text = end + 1;
			return 1;
		}
	}
	if (length >= sizeof(name))
		length = sizeof(name) - 1;
	return err_set(err,
		       "keys: \"<%.*s%s\" names no key; the character < itself is <lt>",
		       (int)length, from + 1, end ? ">" : "");
}

unsigned keymap_events(const struct key_press *press, key_event events[KEYMAP_MAX_EVENTS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < NR_MODIFIERS; i++) {
		if (press->modifiers & modifiers[i].bit)
			events[n++] = modifiers[i].key;
	}
	events[n++] = press->key;
	events[n++] = press->key | KEY_RELEASED;
	for (unsigned i = NR_MODIFIERS; i-- > 0;) {
		if (press->modifiers & modifiers[i].bit)
			events[n++] = modifiers[i].key | KEY_RELEASED;
	}
	return n;
}
