/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8042 keyboard controller with nothing plugged in.
 *
 * Kernels probe it, firmware and old kernels switch the A20 line with it, and
 * its output port pulls the processor's reset line. All commands finish at
 * once, so IBF is never set, and there is one output byte, so OBF goes away
 * with one read of port 0x60. A byte for the keyboard or the mouse is answered
 * as the chip does when nobody takes it: 0xfe with the time-out bit, so that a
 * probe gives up at once. The chip starts as a BIOS leaves it. A20 is kept and
 * read back, but memory never wraps at 1 MiB.
 */
#include <string.h>

#include "dev/i8042.h"

#define STATUS_OBF      0x01 /* output buffer full: read port 0x60 */
#define STATUS_SYS      0x04 /* copy of the command byte's bit: self test passed */
#define STATUS_COMMAND  0x08 /* the last write was to port 0x64 */
#define STATUS_UNLOCKED 0x10
#define STATUS_AUX      0x20 /* the output byte is the mouse's */
#define STATUS_TIMEOUT  0x40
#define STATUS_KEPT     (STATUS_OBF | STATUS_COMMAND | STATUS_AUX | STATUS_TIMEOUT)

#define CTR_KBD_INT 0x01
#define CTR_SYS     0x04
#define CTR_KBD_DIS 0x10
#define CTR_AUX_DIS 0x20
#define CTR_XLATE   0x40
#define CTR_BIOS    (CTR_KBD_INT | CTR_SYS | CTR_AUX_DIS | CTR_XLATE)

#define PORT_NO_RESET 0x01 /* output port: reset line, active low */
#define PORT_A20      0x02

#define INPUT_PORT_UNLOCKED 0x80

#define CMD_READ_RAM     0x20 /* to 0x3f */
#define CMD_WRITE_RAM    0x60 /* to 0x7f */
#define CMD_AUX_DISABLE  0xa7
#define CMD_AUX_ENABLE   0xa8
#define CMD_AUX_TEST     0xa9
#define CMD_SELF_TEST    0xaa
#define CMD_KBD_TEST     0xab
#define CMD_KBD_DISABLE  0xad
#define CMD_KBD_ENABLE   0xae
#define CMD_READ_INPUT   0xc0
#define CMD_READ_OUTPUT  0xd0
#define CMD_WRITE_OUTPUT 0xd1
#define CMD_KBD_LOOP     0xd2
#define CMD_AUX_LOOP     0xd3
#define CMD_WRITE_AUX    0xd4
#define CMD_A20_DISABLE  0xdd
#define CMD_A20_ENABLE   0xdf
#define CMD_READ_TEST    0xe0
#define CMD_PULSE        0xf0 /* to 0xff: pulses the output lines whose bit is 0 */

#define SELF_TEST_PASSED 0x55
#define TEST_PASSED      0x00
#define TEST_CLOCK_LOW   0x01
#define ANSWER_RESEND    0xfe

static bool irq_wanted(const struct i8042_regs *regs)
{
	return (regs->status & (STATUS_OBF | STATUS_AUX)) == STATUS_OBF &&
	       (regs->ram[0] & CTR_KBD_INT);
}

static void update_irq(struct i8042 *kbc)
{
	bool level = irq_wanted(&kbc->regs);

	if (level == kbc->irq_level)
		return;
	kbc->irq_level = level;
	irq_set(&kbc->irq, level);
}

/* Put a byte in the output buffer; `flags` are AUX and TIMEOUT. */
static void answer(struct i8042_regs *regs, uint8_t byte, uint8_t flags)
{
	regs->output = byte;
	regs->status &= (uint8_t) ~(STATUS_AUX | STATUS_TIMEOUT);
	regs->status |= STATUS_OBF | flags;
}

static void write_output_port(struct i8042 *kbc, uint8_t value)
{
	kbc->regs.output_port = value;
	if (!(value & PORT_NO_RESET))
		kbc->reset(kbc->opaque);
}

static void command(struct i8042 *kbc, uint8_t cmd)
{
	struct i8042_regs *regs = &kbc->regs;

	switch (cmd) {
	case CMD_READ_RAM ... CMD_READ_RAM + I8042_RAM_SIZE - 1:
		answer(regs, regs->ram[cmd - CMD_READ_RAM], 0);
		break;
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + I8042_RAM_SIZE - 1:
	case CMD_WRITE_OUTPUT:
	case CMD_KBD_LOOP:
	case CMD_AUX_LOOP:
	case CMD_WRITE_AUX:
		regs->command = cmd;
		break;
	case CMD_AUX_DISABLE:
		regs->ram[0] |= CTR_AUX_DIS;
		break;
	case CMD_AUX_ENABLE:
		regs->ram[0] &= (uint8_t)~CTR_AUX_DIS;
		break;
	case CMD_AUX_TEST:
		answer(regs, TEST_CLOCK_LOW, 0); /* there is no mouse port */
		break;
	case CMD_SELF_TEST:
		regs->ram[0] |= CTR_SYS;
		answer(regs, SELF_TEST_PASSED, 0);
		break;
	case CMD_KBD_TEST:
		answer(regs, TEST_PASSED, 0);
		break;
	case CMD_KBD_DISABLE:
		regs->ram[0] |= CTR_KBD_DIS;
		break;
	case CMD_KBD_ENABLE:
		regs->ram[0] &= (uint8_t)~CTR_KBD_DIS;
		break;
	case CMD_READ_INPUT:
		answer(regs, INPUT_PORT_UNLOCKED, 0);
		break;
	case CMD_READ_OUTPUT:
		answer(regs, regs->output_port, 0);
		break;
	case CMD_A20_DISABLE:
		regs->output_port &= (uint8_t)~PORT_A20;
		break;
	case CMD_A20_ENABLE:
		regs->output_port |= PORT_A20;
		break;
	case CMD_READ_TEST:
		answer(regs, 0, 0);
		break;
	case CMD_PULSE ... CMD_PULSE + 15:
		if (!(cmd & PORT_NO_RESET))
			kbc->reset(kbc->opaque);
		break;
	default:
		break;
	}
}

static void i8042_command_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *kbc = dev;

	(void)offset;
	(void)size;
	kbc->regs.status |= STATUS_COMMAND;
	kbc->regs.command = 0;
	command(kbc, (uint8_t)value);
	update_irq(kbc);
}

static uint64_t i8042_status_read(void *dev, uint64_t offset, unsigned size)
{
	const struct i8042 *kbc = dev;
	uint8_t status = kbc->regs.status | STATUS_UNLOCKED;

	(void)offset;
	(void)size;
	if (kbc->regs.ram[0] & CTR_SYS)
		status |= STATUS_SYS;
	return status;
}

static void i8042_data_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8042 *kbc = dev;
	struct i8042_regs *regs = &kbc->regs;
	uint8_t cmd = regs->command;

	(void)offset;
	(void)size;
	regs->status &= (uint8_t)~STATUS_COMMAND;
	regs->command = 0;
	switch (cmd) {
	case CMD_WRITE_RAM ... CMD_WRITE_RAM + I8042_RAM_SIZE - 1:
		regs->ram[cmd - CMD_WRITE_RAM] = (uint8_t)value;
		break;
	case CMD_WRITE_OUTPUT:
		write_output_port(kbc, (uint8_t)value);
		break;
	case CMD_KBD_LOOP:
	case CMD_AUX_LOOP: /* not marked as the mouse's: that is how probes see no port */
		answer(regs, (uint8_t)value, 0);
		break;
	case CMD_WRITE_AUX:
		answer(regs, ANSWER_RESEND, STATUS_AUX | STATUS_TIMEOUT);
		break;
	default: /* for the keyboard, which writing enables */
		regs->ram[0] &= (uint8_t)~CTR_KBD_DIS;
		answer(regs, ANSWER_RESEND, STATUS_TIMEOUT);
		break;
	}
	update_irq(kbc);
}

static uint64_t i8042_data_read(void *dev, uint64_t offset, unsigned size)
{
	struct i8042 *kbc = dev;

	(void)offset;
	(void)size;
	kbc->regs.status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
	update_irq(kbc);
	return kbc->regs.output;
}

const struct io_ops i8042_data_io = {
	.read = i8042_data_read,
	.write = i8042_data_write,
	.max_size = 1,
};

const struct io_ops i8042_command_io = {
	.read = i8042_status_read,
	.write = i8042_command_write,
	.max_size = 1,
};

static void regs_reset(struct i8042_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->ram[0] = CTR_BIOS;
	regs->output_port = PORT_NO_RESET | PORT_A20;
}

void i8042_reset(struct i8042 *kbc)
{
	regs_reset(&kbc->regs);
	update_irq(kbc);
}

void i8042_init(struct i8042 *kbc, void (*reset)(void *opaque),
		const struct irq_line *irq, void *opaque)
{
	*kbc = (struct i8042){ .reset = reset, .opaque = opaque, .irq = *irq };
	regs_reset(&kbc->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct i8042_regs, status),
	STATE_FIELD(struct i8042_regs, output),
	STATE_FIELD(struct i8042_regs, output_port),
	STATE_FIELD(struct i8042_regs, command),
	STATE_FIELD(struct i8042_regs, ram),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int i8042_save(const struct i8042 *kbc, struct state_writer *writer, const char *section,
	       struct err *err)
{
	return state_save(writer, section, &layout, &kbc->regs, err);
}

int i8042_load(struct i8042 *kbc, struct bytes image, const char *section,
	       struct err *err)
{
	struct i8042_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.status & ~STATUS_KEPT)
		return err_set(err,
			       "state of %s: impossible register values; "
			       "the snapshot is damaged, take a new one",
			       section);
	kbc->regs = regs;
	kbc->irq_level = irq_wanted(&kbc->regs);
	irq_set(&kbc->irq, kbc->irq_level);
	return 0;
}
