/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller.
 *
 * Kernels and firmware look for keyboard and mouse here, they switch the A20 line with it,
 * and its output port pulls the processor's reset line. A20 is kept and read back, but
 * memory never wraps at 1 MiB. All commands finish at once, so IBF is never set.
 *
 * There is one output byte, OBF says that it is there, and reading port 0x60 takes it. Only
 * then the next byte is fetched from a device, the keyboard first, and only then the
 * interrupt line, which is low in between, rises again: one byte, one edge. Devices keep
 * what they have to send. If a command has an answer while a device's byte lies there
 * unread, the answer goes first and the byte after it: whoever gives a command reads an
 * answer next, and no key is lost.
 *
 * With XLATE set, scan codes of set 2 become set 1; 0xf0, "released", turns into bit 7 of
 * the next byte. A byte for a port with nothing plugged in is answered as the chip does
 * when nobody takes it: 0xfe with the time-out bit, so that a probe gives up at once. The
 * chip starts as a BIOS leaves it.
 */
#include <string.h>

#include "dev/i8042.h"
#include "dev/scancodes.h"

#define STATUS_OBF      0x01 /* output buffer full: read port 0x60 */
#define STATUS_SYS      0x04 /* copy of the command byte's bit: self test passed */
#define STATUS_COMMAND  0x08 /* the last write was to port 0x64 */
#define STATUS_UNLOCKED 0x10
#define STATUS_AUX      0x20 /* the output byte is the mouse's */
#define STATUS_TIMEOUT  0x40
#define STATUS_OUTPUT   (STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT)
#define STATUS_KEPT     (STATUS_OUTPUT | STATUS_COMMAND)

#define CTR_KBD_INT 0x01
#define CTR_AUX_INT 0x02
#define CTR_SYS     0x04
#define CTR_KBD_DIS 0x10
#define CTR_AUX_DIS 0x20
#define CTR_XLATE   0x40
#define CTR_BIOS    (CTR_KBD_INT | CTR_SYS | CTR_AUX_DIS | CTR_XLATE)

/* Output port. */
#define PORT_NO_RESET 0x01 /* reset line, active low */
#define PORT_A20      0x02
#define PORT_KBD_OBF  0x10 /* the wires to the interrupts */
#define PORT_AUX_OBF  0x20

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

static bool irq_wanted(const struct i8042_regs *regs, enum i8042_port port)
{
	const uint8_t source = regs->status & (STATUS_OBF | STATUS_AUX);

	if (port == I8042_MOUSE)
		return source == (STATUS_OBF | STATUS_AUX) &&
		       (regs->ram[0] & CTR_AUX_INT);
	return source == STATUS_OBF && (regs->ram[0] & CTR_KBD_INT);
}

static void update_irqs(struct i8042 *kbc)
{
	for (unsigned port = 0; port < I8042_NR_PORTS; port++) {
		bool level = irq_wanted(&kbc->regs, port);

		if (level == kbc->levels[port])
			continue;
		kbc->levels[port] = level;
		irq_set(&kbc->irqs[port], level);
	}
}

/* Put a byte in the output buffer; `flags` are AUX and TIMEOUT. */
static void put(struct i8042_regs *regs, uint8_t byte, uint8_t flags)
{
	regs->output = byte;
	regs->status &= (uint8_t)~STATUS_OUTPUT;
	regs->status |= STATUS_OBF | flags;
}

/* The same with an answer of ours, which goes before a device's byte. */
static void answer(struct i8042_regs *regs, uint8_t byte, uint8_t flags)
{
	if (regs->from_device) {
		regs->held = regs->output;
		regs->held_status = regs->status & STATUS_OUTPUT;
		regs->from_device = false;
	}
	put(regs, byte, flags);
}

/* The controller's translation. false: more has to come. */
static bool translate(struct i8042_regs *regs, uint8_t *byte)
{
	uint8_t released = regs->released ? 0x80 : 0;

	if (!(regs->ram[0] & CTR_XLATE))
		return true;
	regs->released = *byte == SCANCODE_RELEASED;
	*byte = scancode_translate(*byte) | released;
	return !regs->released;
}

static bool take(const struct ps2_port *port, uint8_t *byte)
{
	return port->ops && port->ops->send(port->dev, byte);
}

/* Fill the output buffer, if it is empty, with what waits. */
static void fetch(struct i8042 *kbc)
{
	struct i8042_regs *regs = &kbc->regs;
	uint8_t byte;

	if (regs->status & STATUS_OBF)
		return;
	if (regs->held_status) {
		put(regs, regs->held, regs->held_status);
		regs->held_status = 0;
		regs->from_device = true;
		return;
	}
	while (!(regs->ram[0] & CTR_KBD_DIS) &&
	       take(&kbc->ports[I8042_KEYBOARD], &byte)) {
		if (!translate(regs, &byte))
			continue;
		put(regs, byte, 0);
		regs->from_device = true;
		return;
	}
	if (!(regs->ram[0] & CTR_AUX_DIS) && take(&kbc->ports[I8042_MOUSE], &byte)) {
		put(regs, byte, STATUS_AUX);
		regs->from_device = true;
	}
}

static void settle(struct i8042 *kbc)
{
	fetch(kbc);
	update_irqs(kbc);
}

static void write_output_port(struct i8042 *kbc, uint8_t value)
{
	kbc->regs.output_port = value;
	if (!(value & PORT_NO_RESET))
		kbc->reset(kbc->opaque);
}

static uint8_t read_output_port(const struct i8042_regs *regs)
{
	uint8_t value = regs->output_port & (uint8_t) ~(PORT_KBD_OBF | PORT_AUX_OBF);

	if (regs->status & STATUS_OBF)
		value |= regs->status & STATUS_AUX ? PORT_AUX_OBF : PORT_KBD_OBF;
	return value;
}

/* A byte for what is plugged into a port. Writing enables the port. */
static void send_to(struct i8042 *kbc, enum i8042_port number, uint8_t byte)
{
	const struct ps2_port *port = &kbc->ports[number];
	const bool is_mouse = number == I8042_MOUSE;

	kbc->regs.ram[0] &= (uint8_t) ~(is_mouse ? CTR_AUX_DIS : CTR_KBD_DIS);
	if (port->ops)
		port->ops->receive(port->dev, byte);
	else
		answer(&kbc->regs, PS2_RESEND,
		       STATUS_TIMEOUT | (is_mouse ? STATUS_AUX : 0));
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
		/* Without a mouse there is no port for one. */
		answer(regs, kbc->ports[I8042_MOUSE].ops ? TEST_PASSED : TEST_CLOCK_LOW,
		       0);
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
		answer(regs, read_output_port(regs), 0);
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
	settle(kbc);
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
		answer(regs, (uint8_t)value, 0);
		break;
	case CMD_AUX_LOOP: /* not marked as the mouse's: that is how probes see no port */
		answer(regs, (uint8_t)value,
		       kbc->ports[I8042_MOUSE].ops ? STATUS_AUX : 0);
		break;
	case CMD_WRITE_AUX:
		send_to(kbc, I8042_MOUSE, (uint8_t)value);
		break;
	default:
		send_to(kbc, I8042_KEYBOARD, (uint8_t)value);
		break;
	}
	settle(kbc);
}

static uint64_t i8042_data_read(void *dev, uint64_t offset, unsigned size)
{
	struct i8042 *kbc = dev;
	const uint8_t byte = kbc->regs.output;

	(void)offset;
	(void)size;
	kbc->regs.status &= (uint8_t)~STATUS_OUTPUT;
	kbc->regs.from_device = false;
	update_irqs(kbc); /* low, before the next byte raises it */
	settle(kbc);
	return byte;
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
	update_irqs(kbc);
}

void i8042_init(struct i8042 *kbc, void (*reset)(void *opaque),
		const struct irq_line irqs[I8042_NR_PORTS], void *opaque)
{
	*kbc = (struct i8042){ .reset = reset, .opaque = opaque };
	memcpy(kbc->irqs, irqs, sizeof(kbc->irqs));
	regs_reset(&kbc->regs);
}

void i8042_plug(struct i8042 *kbc, enum i8042_port port, const struct ps2_ops *ops,
		void *dev)
{
	kbc->ports[port] = (struct ps2_port){ .ops = ops, .dev = dev };
}

void i8042_poll(struct i8042 *kbc)
{
	settle(kbc);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct i8042_regs, status),
	STATE_FIELD(struct i8042_regs, output),
	STATE_FIELD(struct i8042_regs, output_port),
	STATE_FIELD(struct i8042_regs, command),
	STATE_FIELD(struct i8042_regs, ram),
	STATE_FIELD(struct i8042_regs, held),
	STATE_FIELD(struct i8042_regs, held_status),
	STATE_FIELD(struct i8042_regs, from_device),
	STATE_FIELD(struct i8042_regs, released),
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

static bool is_valid(const struct i8042_regs *regs)
{
	const bool full = regs->status & STATUS_OBF;

	if ((regs->status & ~STATUS_KEPT) || regs->from_device > 1 || regs->released > 1)
		return false;
	if (regs->from_device && (!full || (regs->status & STATUS_TIMEOUT)))
		return false;
	/* What an answer went before is kept as long as the answer is. */
	if (regs->held_status & ~(STATUS_OBF | STATUS_AUX))
		return false;
	return !regs->held_status ||
	       ((regs->held_status & STATUS_OBF) && full && !regs->from_device);
}

int i8042_load(struct i8042 *kbc, struct bytes image, const char *section,
	       struct err *err)
{
	struct i8042_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!is_valid(&regs))
		return state_err_impossible(err, section);
	kbc->regs = regs;
	fetch(kbc);
	for (unsigned port = 0; port < I8042_NR_PORTS; port++) {
		kbc->levels[port] = irq_wanted(&kbc->regs, port);
		irq_set(&kbc->irqs[port], kbc->levels[port]);
	}
	return 0;
}
