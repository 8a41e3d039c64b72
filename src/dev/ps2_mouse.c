/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mouse on a PS/2 port (IBM PS/2 Technical Reference, "Auxiliary Device"): the standard
 * one, with two buttons and no wheel.
 *
 * Systems expect one, and some wait for it. It answers every command, but nobody moves it
 * or presses a button: in stream mode it is silent, and Read Data tells of no movement.
 */
#include "dev/ps2_mouse.h"

#define CMD_SCALING_1_1    0xe6
#define CMD_SCALING_2_1    0xe7
#define CMD_SET_RESOLUTION 0xe8
#define CMD_STATUS_REQUEST 0xe9
#define CMD_STREAM_MODE    0xea
#define CMD_READ_DATA      0xeb
#define CMD_RESET_WRAP     0xec
#define CMD_SET_WRAP       0xee
#define CMD_REMOTE_MODE    0xf0
#define CMD_READ_ID        0xf2
#define CMD_SET_RATE       0xf3
#define CMD_ENABLE         0xf4
#define CMD_DISABLE        0xf5
#define CMD_SET_DEFAULT    0xf6
#define CMD_RESEND         0xfe
#define CMD_RESET          0xff

#define STATUS_SCALING_2_1 0x10
#define STATUS_ENABLED     0x20
#define STATUS_REMOTE      0x40
#define STATUS_MASK        (STATUS_SCALING_2_1 | STATUS_ENABLED | STATUS_REMOTE)

#define ID_STANDARD    0x00
#define PACKET_ALWAYS  0x08 /* in the first byte of a packet; no button, no sign */
#define RESOLUTION_MAX 3

static void answer(struct ps2_mouse_regs *regs, uint8_t byte)
{
	ps2_fifo_push(&regs->answers, byte);
}

static void set_defaults(struct ps2_mouse_regs *regs)
{
	regs->status = 0;
	regs->resolution = 2; /* four counts a millimetre */
	regs->sample_rate = 100;
}

/* What follows an acknowledgement. */
static void answer_more(struct ps2_mouse_regs *regs, uint8_t cmd)
{
	switch (cmd) {
	case CMD_STATUS_REQUEST:
		answer(regs, regs->status);
		answer(regs, regs->resolution);
		answer(regs, regs->sample_rate);
		break;
	case CMD_READ_DATA:
		answer(regs, PACKET_ALWAYS);
		answer(regs, 0);
		answer(regs, 0);
		break;
	case CMD_READ_ID:
		answer(regs, ID_STANDARD);
		break;
	case CMD_RESET:
		answer(regs, PS2_BAT_COMPLETION);
		answer(regs, ID_STANDARD);
		break;
	default:
		break;
	}
}

static void command(struct ps2_mouse_regs *regs, uint8_t cmd)
{
	switch (cmd) {
	case CMD_SCALING_1_1:
		regs->status &= (uint8_t)~STATUS_SCALING_2_1;
		break;
	case CMD_SCALING_2_1:
		regs->status |= STATUS_SCALING_2_1;
		break;
	case CMD_SET_RESOLUTION:
	case CMD_SET_RATE:
		regs->command = cmd;
		break;
	case CMD_STREAM_MODE:
		regs->status &= (uint8_t)~STATUS_REMOTE;
		break;
	case CMD_REMOTE_MODE:
		regs->status |= STATUS_REMOTE;
		break;
	case CMD_SET_WRAP:
		regs->wrap = true;
		break;
	case CMD_ENABLE:
		regs->status |= STATUS_ENABLED;
		break;
	case CMD_DISABLE:
		regs->status &= (uint8_t)~STATUS_ENABLED;
		break;
	case CMD_SET_DEFAULT:
	case CMD_RESET:
		set_defaults(regs);
		break;
	case CMD_RESET_WRAP:
	case CMD_STATUS_REQUEST:
	case CMD_READ_DATA:
	case CMD_READ_ID:
		break;
	case CMD_RESEND:
		answer(regs, regs->last);
		return;
	default:
		answer(regs, PS2_RESEND);
		return;
	}
	answer(regs, PS2_ACK);
	answer_more(regs, cmd);
}

static bool is_sample_rate(uint8_t value)
{
	static const uint8_t rates[] = { 10, 20, 40, 60, 80, 100, 200 };

	for (unsigned i = 0; i < sizeof(rates); i++) {
		if (value == rates[i])
			return true;
	}
	return false;
}

static void parameter(struct ps2_mouse_regs *regs, uint8_t cmd, uint8_t value)
{
	if (cmd == CMD_SET_RESOLUTION && value <= RESOLUTION_MAX) {
		regs->resolution = value;
	} else if (cmd == CMD_SET_RATE && is_sample_rate(value)) {
		regs->sample_rate = value;
	} else {
		answer(regs, PS2_RESEND);
		return;
	}
	answer(regs, PS2_ACK);
}

static void mouse_receive(void *dev, uint8_t byte)
{
	struct ps2_mouse *mouse = dev;
	struct ps2_mouse_regs *regs = &mouse->regs;
	uint8_t cmd = regs->command;

	ps2_fifo_clear(&regs->answers);
	regs->command = 0;
	if (regs->wrap && byte != CMD_RESET && byte != CMD_RESET_WRAP) {
		answer(regs, byte);
		return;
	}
	regs->wrap = false;
	if (cmd)
		parameter(regs, cmd, byte);
	else
		command(regs, byte);
}

static bool mouse_send(void *dev, uint8_t *byte)
{
	struct ps2_mouse *mouse = dev;

	if (!ps2_fifo_pop(&mouse->regs.answers, byte))
		return false;
	mouse->regs.last = *byte;
	return true;
}

const struct ps2_ops ps2_mouse_ops = {
	.receive = mouse_receive,
	.send = mouse_send,
};

static void regs_reset(struct ps2_mouse_regs *regs)
{
	*regs = (struct ps2_mouse_regs){ 0 };
	set_defaults(regs);
}

void ps2_mouse_reset(struct ps2_mouse *mouse)
{
	regs_reset(&mouse->regs);
}

void ps2_mouse_init(struct ps2_mouse *mouse)
{
	regs_reset(&mouse->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct ps2_mouse_regs, status),
	STATE_FIELD(struct ps2_mouse_regs, resolution),
	STATE_FIELD(struct ps2_mouse_regs, sample_rate),
	STATE_FIELD(struct ps2_mouse_regs, wrap),
	STATE_FIELD(struct ps2_mouse_regs, command),
	STATE_FIELD(struct ps2_mouse_regs, last),
	STATE_FIELD(struct ps2_mouse_regs, answers.data),
	STATE_FIELD(struct ps2_mouse_regs, answers.head),
	STATE_FIELD(struct ps2_mouse_regs, answers.used),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int ps2_mouse_save(const struct ps2_mouse *mouse, struct state_writer *writer,
		   const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &mouse->regs, err);
}

static bool is_valid(const struct ps2_mouse_regs *regs)
{
	if (regs->command && regs->command != CMD_SET_RESOLUTION &&
	    regs->command != CMD_SET_RATE)
		return false;
	return !(regs->status & ~STATUS_MASK) && regs->resolution <= RESOLUTION_MAX &&
	       is_sample_rate(regs->sample_rate) && regs->wrap <= 1 &&
	       ps2_fifo_is_valid(&regs->answers);
}

int ps2_mouse_load(struct ps2_mouse *mouse, struct bytes image, const char *section,
		   struct err *err)
{
	struct ps2_mouse_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!is_valid(&regs))
		return state_err_impossible(err, section);
	mouse->regs = regs;
	return 0;
}
