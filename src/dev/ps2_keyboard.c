/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyboard on a PS/2 port.
 *
 * It has a queue of 16 bytes for scan codes, as the real one. Keys are not pushed into it:
 * it fetches the next one when all bytes of the last one are sent, so it never overruns and
 * needs no overrun code. While the guest has switched it off (Default Disable), or owes a parameter,
 * keys wait where they come from.
 *
 * Answers to commands go before scan codes, and a command ends what was left of the last
 * one's answer. The self test takes no time. Scan code set 3 and its commands are refused
 * as an old keyboard does it, by Resend. Nobody holds a key down, so there is nothing to
 * repeat: the typematic rate is accepted and has no effect.
 */
#include "dev/ps2_keyboard.h"

#define CMD_SET_LEDS        0xed
#define CMD_ECHO            0xee
#define CMD_SCAN_CODE_SET   0xf0
#define CMD_READ_ID         0xf2
#define CMD_SET_TYPEMATIC   0xf3
#define CMD_ENABLE          0xf4
#define CMD_DEFAULT_DISABLE 0xf5
#define CMD_SET_DEFAULT     0xf6
#define CMD_RESEND          0xfe
#define CMD_RESET           0xff

#define ID_FIRST  0xab
#define ID_SECOND 0x83

#define LEDS_MASK         0x07
#define TYPEMATIC_DEFAULT 0x2b /* 10.9 a second, after half a second */

/* No command is below this, no parameter above. */
#define COMMANDS 0x80

static void answer(struct ps2_keyboard_regs *regs, uint8_t byte)
{
	ps2_fifo_push(&regs->answers, byte);
}

static void set_defaults(struct ps2_keyboard_regs *regs)
{
	regs->set = 2;
	regs->typematic = TYPEMATIC_DEFAULT;
	ps2_fifo_clear(&regs->scans);
}

static void command(struct ps2_keyboard_regs *regs, uint8_t cmd)
{
	switch (cmd) {
	case CMD_SET_LEDS:
	case CMD_SCAN_CODE_SET:
	case CMD_SET_TYPEMATIC:
		regs->command = cmd;
		break;
	case CMD_ECHO:
		answer(regs, CMD_ECHO);
		return;
	case CMD_READ_ID:
		answer(regs, PS2_ACK);
		answer(regs, ID_FIRST);
		answer(regs, ID_SECOND);
		return;
	case CMD_ENABLE:
		regs->scanning = true;
		ps2_fifo_clear(&regs->scans);
		break;
	case CMD_DEFAULT_DISABLE:
		regs->scanning = false;
		set_defaults(regs);
		break;
	case CMD_SET_DEFAULT:
		set_defaults(regs);
		break;
	case CMD_RESEND:
		answer(regs, regs->last);
		return;
	case CMD_RESET:
		regs->scanning = true;
		regs->leds = 0;
		set_defaults(regs);
		answer(regs, PS2_ACK);
		answer(regs, PS2_BAT_COMPLETION);
		return;
	default:
		answer(regs, PS2_RESEND);
		return;
	}
	answer(regs, PS2_ACK);
}

static void scan_code_set(struct ps2_keyboard_regs *regs, uint8_t set)
{
	if (set > 2) {
		answer(regs, PS2_RESEND);
		return;
	}
	answer(regs, PS2_ACK);
	if (set == 0)
		answer(regs, regs->set);
	else
		regs->set = set;
	ps2_fifo_clear(&regs->scans);
}

static void parameter(struct ps2_keyboard_regs *regs, uint8_t cmd, uint8_t value)
{
	switch (cmd) {
	case CMD_SET_LEDS:
		regs->leds = value & LEDS_MASK;
		break;
	case CMD_SET_TYPEMATIC:
		regs->typematic = value;
		break;
	default:
		scan_code_set(regs, value);
		return;
	}
	answer(regs, PS2_ACK);
}

static void keyboard_receive(void *dev, uint8_t byte)
{
	struct ps2_keyboard *keyboard = dev;
	struct ps2_keyboard_regs *regs = &keyboard->regs;
	uint8_t cmd = regs->command;

	ps2_fifo_clear(&regs->answers);
	regs->command = 0;
	if (cmd && byte < COMMANDS)
		parameter(regs, cmd, byte);
	else
		command(regs, byte);
}

static void fetch_key(struct ps2_keyboard *keyboard)
{
	struct ps2_keyboard_regs *regs = &keyboard->regs;
	uint8_t bytes[SCANCODES_MAX];
	key_event event;

	/* An event may make no bytes: the release of Pause. */
	while (!regs->scans.used && keyboard->next_key(keyboard->opaque, &event)) {
		unsigned n = scancodes_of(event, regs->set, bytes);

		for (unsigned i = 0; i < n; i++)
			ps2_fifo_push(&regs->scans, bytes[i]);
	}
}

static bool keyboard_send(void *dev, uint8_t *byte)
{
	struct ps2_keyboard *keyboard = dev;
	struct ps2_keyboard_regs *regs = &keyboard->regs;

	if (!ps2_fifo_pop(&regs->answers, byte)) {
		if (!regs->scanning || regs->command)
			return false;
		fetch_key(keyboard);
		if (!ps2_fifo_pop(&regs->scans, byte))
			return false;
	}
	regs->last = *byte;
	return true;
}

const struct ps2_ops ps2_keyboard_ops = {
	.receive = keyboard_receive,
	.send = keyboard_send,
};

static void regs_reset(struct ps2_keyboard_regs *regs)
{
	*regs = (struct ps2_keyboard_regs){ .scanning = true };
	set_defaults(regs);
}

void ps2_keyboard_reset(struct ps2_keyboard *keyboard)
{
	regs_reset(&keyboard->regs);
}

void ps2_keyboard_init(struct ps2_keyboard *keyboard,
		       bool (*next_key)(void *opaque, key_event *event), void *opaque)
{
	*keyboard = (struct ps2_keyboard){ .next_key = next_key, .opaque = opaque };
	regs_reset(&keyboard->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct ps2_keyboard_regs, scanning),
	STATE_FIELD(struct ps2_keyboard_regs, set),
	STATE_FIELD(struct ps2_keyboard_regs, leds),
	STATE_FIELD(struct ps2_keyboard_regs, typematic),
	STATE_FIELD(struct ps2_keyboard_regs, command),
	STATE_FIELD(struct ps2_keyboard_regs, last),
	STATE_FIELD(struct ps2_keyboard_regs, scans.data),
	STATE_FIELD(struct ps2_keyboard_regs, scans.head),
	STATE_FIELD(struct ps2_keyboard_regs, scans.used),
	STATE_FIELD(struct ps2_keyboard_regs, answers.data),
	STATE_FIELD(struct ps2_keyboard_regs, answers.head),
	STATE_FIELD(struct ps2_keyboard_regs, answers.used),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int ps2_keyboard_save(const struct ps2_keyboard *keyboard, struct state_writer *writer,
		      const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &keyboard->regs, err);
}

static bool is_valid(const struct ps2_keyboard_regs *regs)
{
	switch (regs->command) {
	case 0:
	case CMD_SET_LEDS:
	case CMD_SCAN_CODE_SET:
	case CMD_SET_TYPEMATIC:
		break;
	default:
		return false;
	}
	return regs->scanning <= 1 && (regs->set == 1 || regs->set == 2) &&
	       regs->leds <= LEDS_MASK && regs->typematic < COMMANDS &&
	       ps2_fifo_is_valid(&regs->scans) && ps2_fifo_is_valid(&regs->answers);
}

int ps2_keyboard_load(struct ps2_keyboard *keyboard, struct bytes image,
		      const char *section, struct err *err)
{
	struct ps2_keyboard_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!is_valid(&regs))
		return state_err_impossible(err, section);
	keyboard->regs = regs;
	return 0;
}
