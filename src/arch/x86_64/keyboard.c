/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keyboard and mouse of a PC.
 *
 * What is typed on the host waits in a ring of events. The keyboard fetches one when the
 * guest has read the last one, so the guest sets the pace, and no key of a long text is
 * lost. When the ring has no room, the text is refused as a whole.
 *
 * Between two events the keyboard rests for a millisecond. Software counts on that a byte
 * can be read from port 0x60 again until the next one comes: whoever hooks the interrupt
 * looks at the byte, and the BIOS reads it once more.
 */
#include "arch/x86_64/keyboard.h"
#include "dev/keymap.h"

/* The keyboard has sent all of the last event, and could send another one. */
static bool next_key(void *opaque, key_event *event)
{
	struct keyboard *keyboard = opaque;

	if (keyboard->state == KEYBOARD_SENDING) {
		keyboard->state = KEYBOARD_RESTING;
		keyboard->ops->rest(keyboard->opaque);
	}
	if (keyboard->state == KEYBOARD_RESTING || !keyboard->used)
		return false;
	keyboard->state = KEYBOARD_SENDING;
	*event = keyboard->events[keyboard->head];
	keyboard->head = (keyboard->head + 1) % KEYBOARD_MAX_EVENTS;
	keyboard->used--;
	return true;
}

static void reset_line(void *opaque)
{
	struct keyboard *keyboard = opaque;

	keyboard->ops->reset(keyboard->opaque);
}

void keyboard_init(struct keyboard *keyboard, const struct keyboard_ops *ops,
		   const struct irq_line irqs[I8042_NR_PORTS], void *opaque)
{
	keyboard->head = keyboard->used = 0;
	keyboard->state = KEYBOARD_READY;
	keyboard->ops = ops;
	keyboard->opaque = opaque;
	ps2_keyboard_init(&keyboard->keyboard, next_key, keyboard);
	ps2_mouse_init(&keyboard->mouse);
	i8042_init(&keyboard->controller, reset_line, irqs, keyboard);
	i8042_plug(&keyboard->controller, I8042_KEYBOARD, &ps2_keyboard_ops,
		   &keyboard->keyboard);
	i8042_plug(&keyboard->controller, I8042_MOUSE, &ps2_mouse_ops, &keyboard->mouse);
}

void keyboard_reset(struct keyboard *keyboard)
{
	keyboard->head = keyboard->used = 0;
	keyboard->state = KEYBOARD_READY;
	ps2_keyboard_reset(&keyboard->keyboard);
	ps2_mouse_reset(&keyboard->mouse);
	i8042_reset(&keyboard->controller);
}

void keyboard_tick(struct keyboard *keyboard)
{
	if (keyboard->state == KEYBOARD_RESTING)
		keyboard->state = KEYBOARD_READY;
	i8042_poll(&keyboard->controller);
}

/* Put the events of `text` behind those that wait; how many, or -1. */
static int put_events(struct keyboard *keyboard, const char *text, struct err *err)
{
	key_event events[KEYMAP_MAX_EVENTS];
	struct key_press press;
	unsigned used = keyboard->used;
	int result;

	while ((result = keymap_next(&text, &press, err)) > 0) {
		unsigned n = keymap_events(&press, events);

		if (n > KEYBOARD_MAX_EVENTS - used)
			return err_set(err,
				       "keys: the guest has not read the last ones yet; "
				       "send fewer at a time");
		for (unsigned i = 0; i < n; i++, used++)
			keyboard->events[(keyboard->head + used) % KEYBOARD_MAX_EVENTS] =
				events[i];
	}
	if (result == 0)
		keyboard->used = used;
	return result;
}

int keyboard_type(struct keyboard *keyboard, const char *text, struct err *err)
{
	if (put_events(keyboard, text, err))
		return -1;
	i8042_poll(&keyboard->controller);
	return 0;
}
