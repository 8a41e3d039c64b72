/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard controller with keyboard and mouse: any sequence of accesses, keys and saved
 * states of all three. No guest may have to wait for ever, and no interrupt may be lost.
 */
#include "chip.h"

#include "dev/i8042.h"
#include "dev/ps2_keyboard.h"
#include "dev/ps2_mouse.h"

struct rig {
	struct i8042 kbc;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	struct fuzz_irq irqs[I8042_NR_PORTS];
	key_event event;
	bool typed;
};

static void reset(void *opaque)
{
	(void)opaque;
}

static bool next_key(void *opaque, key_event *event)
{
	struct rig *rig = opaque;

	*event = rig->event;
	return rig->typed && !(rig->typed = false);
}

static void set_loading(struct rig *rig, bool loading)
{
	for (unsigned i = 0; i < I8042_NR_PORTS; i++)
		rig->irqs[i].loading = loading;
}

static void reload(struct fuzz_input *input, struct rig *rig)
{
	struct state_writer writer = { 0 };
	const unsigned which = (unsigned)fuzz_next(input, 1) % 3;
	struct bytes image;
	struct err err;

	if (which == 0)
		FUZZ_CHECK(i8042_save(&rig->kbc, &writer, "u", &err) == 0);
	else if (which == 1)
		FUZZ_CHECK(ps2_keyboard_save(&rig->keyboard, &writer, "u", &err) == 0);
	else
		FUZZ_CHECK(ps2_mouse_save(&rig->mouse, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	image = (struct bytes){ writer.data, writer.size };
	set_loading(rig, true);
	if (which == 0)
		(void)i8042_load(&rig->kbc, image, "u", &err);
	else if (which == 1)
		(void)ps2_keyboard_load(&rig->keyboard, image, "u", &err);
	else
		(void)ps2_mouse_load(&rig->mouse, image, "u", &err);
	set_loading(rig, false);
	i8042_poll(&rig->kbc);
	state_writer_free(&writer);
}

static void check(struct rig *rig)
{
	const uint64_t status = i8042_command_io.read(&rig->kbc, 0, 1);

	FUZZ_CHECK(!(status & 0x02)); /* IBF never */
	FUZZ_CHECK(!rig->irqs[I8042_KEYBOARD].level || (status & 0x21) == 0x01);
	FUZZ_CHECK(!rig->irqs[I8042_MOUSE].level || (status & 0x21) == 0x21);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct rig rig = { 0 };
	struct irq_line lines[I8042_NR_PORTS] = {
		{ fuzz_irq_set, &rig.irqs[0] },
		{ fuzz_irq_set, &rig.irqs[1] },
	};

	i8042_init(&rig.kbc, reset, lines, NULL);
	ps2_keyboard_init(&rig.keyboard, next_key, &rig);
	ps2_mouse_init(&rig.mouse);
	i8042_plug(&rig.kbc, I8042_KEYBOARD, &ps2_keyboard_ops, &rig.keyboard);
	i8042_plug(&rig.kbc, I8042_MOUSE, &ps2_mouse_ops, &rig.mouse);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0:
			reload(&input, &rig);
			break;
		case 1:
			rig.event = (key_event)fuzz_next(&input, 2);
			rig.typed = true;
			i8042_poll(&rig.kbc);
			break;
		case 2:
		case 3:
		case 4:
			fuzz_access(&input, &i8042_data_io, &rig.kbc, 1);
			break;
		default:
			fuzz_access(&input, &i8042_command_io, &rig.kbc, 1);
			break;
		}
		check(&rig);
	}
	/* What there is to read is bounded: three queues, two bytes here, one key. */
	for (unsigned i = 0; i < 3 * PS2_FIFO_SIZE + SCANCODES_MAX + 2; i++)
		i8042_data_io.read(&rig.kbc, 0, 1);
	FUZZ_CHECK(!(i8042_command_io.read(&rig.kbc, 0, 1) & 0x01));
	FUZZ_CHECK(!rig.irqs[0].level && !rig.irqs[1].level);
	return 0;
}
