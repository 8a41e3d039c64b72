/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any text is keys or an error, and a key is a few events. What a terminal sends, whatever
 * it is, becomes text that is keys.
 */
#include "chip.h"

#include "cmd/terminal_keys.h"
#include "dev/keymap.h"

static void check_key(void *opaque, const char *name)
{
	struct key_press press;
	struct err err;

	(void)opaque;
	FUZZ_CHECK(keymap_next(&name, &press, &err) == 1 && !*name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	key_event events[KEYMAP_MAX_EVENTS];
	char *text = malloc(size + 1);
	const char *at = text;
	struct key_press press;
	struct err err;
	size_t presses = 0;
	struct terminal_keys keys = { .key = check_key };

	FUZZ_CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	while (keymap_next(&at, &press, &err) > 0) {
		unsigned n = keymap_events(&press, events);

		FUZZ_CHECK(n >= 2 && n <= KEYMAP_MAX_EVENTS);
		FUZZ_CHECK(++presses <= size);
	}
	free(text);
	terminal_keys_decode(&keys, data, size / 2);
	terminal_keys_decode(&keys, data + size / 2, size - size / 2);
	terminal_keys_flush(&keys);
	FUZZ_CHECK(!terminal_keys_waits(&keys));
	return 0;
}
