/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 8237A DMA controllers, two of them, and the page registers beside them.
 *
 * Nothing runs in here: a device that has data, or wants some, calls i8237_to_memory() or
 * i8237_from_memory() as its DREQ would be answered, and all that the channel allows is
 * moved at once. Single, block and demand mode differ in who has the bus meanwhile,
 * so they are the same here.
 *
 * A channel counts within its page: the 16 bits of the address wrap, the page register
 * beside it (bits 23:16) stays. So no transfer leaves the 64 KiB in which it began
 * (128 KiB for words), nor the first 16 MiB. The count register has one less than is left;
 * when it passes zero that is terminal count: the channel is masked, or begins anew.
 *
 * Memory to memory, priorities, timing and the levels of DREQ and DACK have no meaning in
 * a PC, whose BIOSes never set them: those bits are swallowed.
 */
#include <string.h>

#include "dev/i8237.h"

/* Registers of a controller, in units of its ports. 0 to 7: address, count, address ... */
#define REG_STATUS     0x8 /* write: command */
#define REG_REQUEST    0x9
#define REG_MASK       0xa
#define REG_MODE       0xb
#define REG_FLIP_FLOP  0xc
#define REG_TEMPORARY  0xd /* write: master clear */
#define REG_CLEAR_MASK 0xe
#define REG_ALL_MASKS  0xf

#define COMMAND_DISABLE 0x04

#define MODE_TYPE      0x0c /* 0 verify, 4 write to memory, 8 read from memory */
#define MODE_WRITE     0x04
#define MODE_READ      0x08
#define MODE_AUTO_INIT 0x10
#define MODE_DECREMENT 0x20
#define MODE_CASCADE   0xc0
#define MODE_BITS      0xfc

#define CASCADE   4
#define PAGE_SIZE 0x10000u

/* The page register of each channel, counted from port 0x81. */
static const uint8_t page_of[I8237_NR_CHANNELS] = {
	0x6, 0x2, 0x0, 0x1, 0xe, 0xa, 0x8, 0x9
};

static bool is_masked(const struct i8237_regs *regs, unsigned channel)
{
	return regs->mask[channel / 4] & 1u << channel % 4 ||
	       regs->command[channel / 4] & COMMAND_DISABLE;
}

static bool is_off(const struct i8237_regs *regs, unsigned channel)
{
	return is_masked(regs, channel) || (channel < 4 && is_masked(regs, CASCADE));
}

/* Where the next byte, or word, of a channel is in memory. */
static uint64_t address_of(const struct i8237_regs *regs, unsigned channel)
{
	const uint64_t page = regs->page[page_of[channel]];
	const uint64_t address = regs->address[channel];

	return channel < 4 ? page << 16 | address : (page & 0xfe) << 16 | address << 1;
}

/*
 * How many of `units` can be moved in one piece: up to terminal count and to the end of
 * the page; downwards each by itself.
 */
static size_t piece_size(const struct i8237_regs *regs, unsigned channel, size_t units)
{
	const size_t left = regs->count[channel] + 1u;
	const size_t room = PAGE_SIZE - regs->address[channel];

	if (regs->mode[channel] & MODE_DECREMENT)
		return 1;
	if (units > left)
		units = left;
	return units < room ? units : room;
}

static void begin_anew(struct i8237_regs *regs, unsigned channel)
{
	regs->address[channel] = regs->base_address[channel];
	regs->count[channel] = regs->base_count[channel];
}

/* `units` were moved. Was that all? */
static bool advance(struct i8237_regs *regs, unsigned channel, size_t units)
{
	const bool is_last = units == regs->count[channel] + 1u;
	const uint8_t bit = (uint8_t)(1u << channel % 4);

	regs->count[channel] = (uint16_t)(regs->count[channel] - units);
	regs->address[channel] = (uint16_t)(regs->mode[channel] & MODE_DECREMENT
						    ? regs->address[channel] - units
						    : regs->address[channel] + units);
	if (!is_last)
		return false;
	regs->terminal[channel / 4] |= bit;
	regs->request[channel / 4] &= (uint8_t)~bit;
	if (regs->mode[channel] & MODE_AUTO_INIT)
		begin_anew(regs, channel);
	else
		regs->mask[channel / 4] |= bit;
	return true;
}

size_t i8237_to_memory(struct i8237 *dma, unsigned channel, const void *data, size_t size,
		       bool *tc)
{
	const unsigned unit = channel < 4 ? 1 : 2;
	struct i8237_regs *regs = &dma->regs;
	size_t moved = 0;

	*tc = false;
	while (size - moved >= unit && !*tc && !is_off(regs, channel)) {
		size_t units = piece_size(regs, channel, (size - moved) / unit);

		/* In the other modes the device's byte reaches the bus, and nobody takes it. */
		if ((regs->mode[channel] & MODE_TYPE) == MODE_WRITE)
			(void)dma->ops->write(dma->opaque, address_of(regs, channel),
					      (const uint8_t *)data + moved,
					      units * unit);
		moved += units * unit;
		*tc = advance(regs, channel, units);
	}
	return moved;
}

size_t i8237_from_memory(struct i8237 *dma, unsigned channel, void *data, size_t size,
			 bool *tc)
{
	const unsigned unit = channel < 4 ? 1 : 2;
	struct i8237_regs *regs = &dma->regs;
	size_t moved = 0;

	*tc = false;
	while (size - moved >= unit && !*tc && !is_off(regs, channel)) {
		size_t units = piece_size(regs, channel, (size - moved) / unit);
		uint8_t *to = (uint8_t *)data + moved;

		if ((regs->mode[channel] & MODE_TYPE) != MODE_READ ||
		    !dma->ops->read(dma->opaque, address_of(regs, channel), to,
				    units * unit))
			memset(to, 0xff, units * unit);
		moved += units * unit;
		*tc = advance(regs, channel, units);
	}
	return moved;
}

/* -- the registers -- */

/* The flip-flop: is it the high byte's turn? */
static bool take_turn(struct i8237_regs *regs, unsigned controller)
{
	const bool high = regs->high_byte[controller];

	regs->high_byte[controller] = !high;
	return high;
}

static void set_byte(uint16_t *word, bool high, uint8_t value)
{
	*word = high ? (uint16_t)((*word & 0xff) | value << 8)
		     : (uint16_t)((*word & 0xff00) | value);
}

static void master_clear(struct i8237_regs *regs, unsigned controller)
{
	regs->command[controller] = 0;
	regs->terminal[controller] = 0;
	regs->request[controller] = 0;
	regs->high_byte[controller] = 0;
	regs->mask[controller] = 0xf;
}

static uint8_t read_status(struct i8237_regs *regs, unsigned controller)
{
	uint8_t status =
		(uint8_t)(regs->request[controller] << 4 | regs->terminal[controller]);

	regs->terminal[controller] = 0;
	return status;
}

static uint8_t read_register(struct i8237_regs *regs, unsigned controller, unsigned reg)
{
	const unsigned channel = controller * 4 + reg / 2 % 4;
	uint16_t word;

	switch (reg) {
	case 0 ... 7:
		word = reg % 2 ? regs->count[channel] : regs->address[channel];
		return (uint8_t)(take_turn(regs, controller) ? word >> 8 : word);
	case REG_STATUS:
		return read_status(regs, controller);
	case REG_TEMPORARY: /* memory to memory only */
		return 0;
	case REG_ALL_MASKS: /* as chipsets have it; it is write only on the 8237A */
		return regs->mask[controller] | 0xf0;
	default:
		return 0xff;
	}
}

/* Base and current registers are written together. */
static void write_channel(struct i8237_regs *regs, unsigned controller, unsigned reg,
			  uint8_t value)
{
	const unsigned channel = controller * 4 + reg / 2;
	const bool high = take_turn(regs, controller);

	if (reg % 2) {
		set_byte(&regs->base_count[channel], high, value);
		set_byte(&regs->count[channel], high, value);
	} else {
		set_byte(&regs->base_address[channel], high, value);
		set_byte(&regs->address[channel], high, value);
	}
}

/* Set or clear the bit of the channel in value 1:0, as bit 2 says. */
static void set_bit(uint8_t *bits, uint8_t value)
{
	const uint8_t bit = (uint8_t)(1u << (value & 3));

	*bits = value & 4 ? *bits | bit : *bits & (uint8_t)~bit;
}

static void write_register(struct i8237_regs *regs, unsigned controller, unsigned reg,
			   uint8_t value)
{
	switch (reg) {
	case 0 ... 7:
		write_channel(regs, controller, reg, value);
		break;
	case REG_STATUS:
		regs->command[controller] = value;
		break;
	case REG_REQUEST:
		set_bit(&regs->request[controller], value);
		break;
	case REG_MASK:
		set_bit(&regs->mask[controller], value);
		break;
	case REG_MODE:
		regs->mode[controller * 4 + (value & 3)] = value & MODE_BITS;
		break;
	case REG_FLIP_FLOP:
		regs->high_byte[controller] = 0;
		break;
	case REG_TEMPORARY:
		master_clear(regs, controller);
		break;
	case REG_CLEAR_MASK:
		regs->mask[controller] = 0;
		break;
	default: /* REG_ALL_MASKS */
		regs->mask[controller] = value & 0xf;
		break;
	}
}

static void write_and_release(struct i8237 *dma, unsigned controller, unsigned reg,
			      uint64_t value)
{
	write_register(&dma->regs, controller, reg, (uint8_t)value);
	if (reg >= REG_STATUS)
		dma->ops->released(dma->opaque);
}

static uint64_t read_1(void *dev, uint64_t offset, unsigned size)
{
	struct i8237 *dma = dev;

	(void)size;
	return read_register(&dma->regs, 0, (unsigned)offset);
}

static void write_1(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)size;
	write_and_release(dev, 0, (unsigned)offset, value);
}

/* The second one's A0 is the bus's A1: each register has two ports. */
static uint64_t read_2(void *dev, uint64_t offset, unsigned size)
{
	struct i8237 *dma = dev;

	(void)size;
	return read_register(&dma->regs, 1, (unsigned)offset / 2);
}

static void write_2(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	(void)size;
	write_and_release(dev, 1, (unsigned)offset / 2, value);
}

static uint64_t page_read(void *dev, uint64_t offset, unsigned size)
{
	const struct i8237 *dma = dev;

	(void)size;
	return dma->regs.page[offset];
}

static void page_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct i8237 *dma = dev;

	(void)size;
	dma->regs.page[offset] = (uint8_t)value;
}

const struct io_ops i8237_io_1 = { .read = read_1, .write = write_1, .max_size = 1 };
const struct io_ops i8237_io_2 = { .read = read_2, .write = write_2, .max_size = 1 };
const struct io_ops i8237_page_io = {
	.read = page_read,
	.write = page_write,
	.max_size = 1,
};

static void regs_reset(struct i8237_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	regs->mask[0] = 0xf;
	regs->mask[1] = 0xe;
	regs->mode[CASCADE] = MODE_CASCADE;
}

void i8237_reset(struct i8237 *dma)
{
	regs_reset(&dma->regs);
}

void i8237_init(struct i8237 *dma, const struct i8237_ops *ops, void *opaque)
{
	*dma = (struct i8237){ .ops = ops, .opaque = opaque };
	regs_reset(&dma->regs);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct i8237_regs, base_address),
	STATE_FIELD(struct i8237_regs, base_count),
	STATE_FIELD(struct i8237_regs, address),
	STATE_FIELD(struct i8237_regs, count),
	STATE_FIELD(struct i8237_regs, mode),
	STATE_FIELD(struct i8237_regs, page),
	STATE_FIELD(struct i8237_regs, command),
	STATE_FIELD(struct i8237_regs, mask),
	STATE_FIELD(struct i8237_regs, request),
	STATE_FIELD(struct i8237_regs, terminal),
	STATE_FIELD(struct i8237_regs, high_byte),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int i8237_save(const struct i8237 *dma, struct state_writer *writer, const char *section,
	       struct err *err)
{
	return state_save(writer, section, &layout, &dma->regs, err);
}

static bool regs_valid(const struct i8237_regs *regs)
{
	for (unsigned i = 0; i < I8237_NR_CHANNELS; i++) {
		if (regs->mode[i] & ~MODE_BITS)
			return false;
	}
	for (unsigned i = 0; i < 2; i++) {
		if ((regs->mask[i] | regs->request[i] | regs->terminal[i]) & ~0xf ||
		    regs->high_byte[i] > 1)
			return false;
	}
	return true;
}

int i8237_load(struct i8237 *dma, struct bytes image, const char *section,
	       struct err *err)
{
	struct i8237_regs regs;

	regs_reset(&regs);
	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (!regs_valid(&regs))
		return state_err_impossible(err, section);
	dma->regs = regs;
	return 0;
}
