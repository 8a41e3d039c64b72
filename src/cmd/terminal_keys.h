/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the bytes that a terminal sends to the keys that were pressed at it, as
 * machine_send_keys() takes them: "a", "<lt>", "<enter>", "<up>", "<alt-x>".
 */
#ifndef TANE_CMD_TERMINAL_KEYS_H
#define TANE_CMD_TERMINAL_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* Longer sequences than this are no key's. */
#define TERMINAL_KEYS_HELD 16

/* Zeroes at first. */
struct terminal_keys {
	uint8_t held[TERMINAL_KEYS_HELD]; /* the beginning of a sequence */
	unsigned nr_held;
	void (*key)(void *opaque, const char *name); /* called for each key */
	void *opaque;
};

/* Decode `n` bytes. What may go on, such as a lone Escape, is held back. */
void terminal_keys_decode(struct terminal_keys *keys, const uint8_t *data, size_t n);

/*
 * Nothing follows: what is held back is what it looks like, Escape the key. Call it some
 * hundredths of a second after the last byte, if terminal_keys_waits().
 */
void terminal_keys_flush(struct terminal_keys *keys);

static inline int terminal_keys_waits(const struct terminal_keys *keys)
{
	return keys->nr_held != 0;
}

#endif
