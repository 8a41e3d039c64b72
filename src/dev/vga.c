/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a VGA (IBM PS/2 Hardware Interface Technical Reference, Video
 * Subsystem, and FreeVGA).
 *
 * Five groups, four of them behind an index: sequencer, CRT controller (CRTC), graphics
 * controller, attribute controller, and the DAC with its 256 colours. The CRTC, the
 * feature control and input status 1 move from 0x3dx to 0x3bx when bit 0 of MISC is
 * clear: then it is a monochrome adapter.
 *
 * Nothing is drawn here. Registers are kept, read back, and worked out by
 * vga_get_screen() when somebody looks. Memory is RAM with no planes: text modes look
 * right, and fonts that a guest loads do no harm, since they go to 0xa0000.
 *
 * Programs poll input status 1 for the beam. The vertical retrace follows the clock, so
 * that a program that counts frames runs at the right speed; a line is 32 us, less than
 * an exit may take, so "no display" changes with each read instead.
 */
#include <string.h>

#include "dev/vga.h"

#define MISC_COLOUR 0x01 /* I/O address select */

#define SEQ_CLOCKING     1
#define CLOCKING_OFF     0x20
#define GFX_MISC         6 /* bits 3 and 2: where memory is mapped */
#define ATTR_MODE        0x10
#define ATTR_MODE_GFX    0x01
#define ATTR_MODE_BLINK  0x08
#define ATTR_MODE_8BIT   0x40 /* two clocks a pixel: 256 colours */
#define ATTR_INDEX       0x1f
#define ATTR_INDEX_PAS   0x20 /* palette address source: the screen is on */
#define STATUS1_NO_DISP  0x01
#define STATUS1_VRETRACE 0x08
#define DAC_READING      3

enum crtc_register {
	CRTC_H_DISPLAY_END = 0x01,
	CRTC_OVERFLOW = 0x07, /* bits 8 and 9 of vertical values */
	CRTC_MAX_SCAN_LINE = 0x09,
	CRTC_CURSOR_START = 0x0a,
	CRTC_CURSOR_END = 0x0b,
	CRTC_START_HIGH = 0x0c,
	CRTC_START_LOW = 0x0d,
	CRTC_CURSOR_HIGH = 0x0e,
	CRTC_CURSOR_LOW = 0x0f,
	CRTC_V_RETRACE_END = 0x11,
	CRTC_V_DISPLAY_END = 0x12,
	CRTC_OFFSET = 0x13,
	CRTC_MODE = 0x17,
	CRTC_LINE_COMPARE = 0x18,
};

#define V_RETRACE_END_PROTECT 0x80 /* registers 0 to 7 */
#define OVERFLOW_LINE_COMPARE 0x10 /* which is not protected */
#define MAX_SCAN_LINE_DOUBLE  0x80
#define MAX_SCAN_LINE_COUNT   0x1f
#define CURSOR_OFF            0x20
#define CURSOR_LINE           0x1f
#define MODE_NO_CGA_BANKS     0x01 /* scan lines do not select memory */
#define MODE_HALF_LINES       0x04 /* the vertical counter counts every other line */

/* The memory map of GFX_MISC. */
#define MAP_MONO   2
#define MAP_COLOUR 3

/* 400 of 449 lines, 70 times a second. */
#define FRAME_NS   14268000ull
#define VISIBLE_NS (FRAME_NS / 449 * 400)

/* The bits that exist. */
static const uint8_t seq_mask[VGA_NR_SEQ] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const uint8_t gfx_mask[VGA_NR_GFX] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03,
					      0x7b, 0x0f, 0x0f, 0xff };
static const uint8_t attr_mask[VGA_NR_ATTR - 16] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f };
static const uint8_t crtc_mask[VGA_NR_CRTC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						0xff, 0x7f, 0xff, 0x3f, 0x7f, 0xff, 0xff,
						0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
						0xff, 0xff, 0xef, 0xff };

static bool is_colour(const struct vga_regs *regs)
{
	return regs->misc & MISC_COLOUR;
}

/* The CRTC, and what moves with it. */

static uint8_t read_crtc(const struct vga_regs *regs)
{
	return regs->crtc_index < VGA_NR_CRTC ? regs->crtc[regs->crtc_index] : 0xff;
}

static void write_crtc(struct vga_regs *regs, uint8_t value)
{
	const uint8_t index = regs->crtc_index;
	uint8_t mask;

	if (index >= VGA_NR_CRTC)
		return;
	mask = crtc_mask[index];
	if (index <= CRTC_OVERFLOW &&
	    (regs->crtc[CRTC_V_RETRACE_END] & V_RETRACE_END_PROTECT))
		mask = index == CRTC_OVERFLOW ? OVERFLOW_LINE_COMPARE : 0;
	regs->crtc[index] = (uint8_t)((regs->crtc[index] & ~mask) | (value & mask));
}

static uint8_t read_status1(struct vga *vga)
{
	struct vga_regs *regs = &vga->regs;
	const uint64_t phase = (uint64_t)vga->now(vga->opaque) % FRAME_NS;

	regs->attr_is_data = 0;
	if (phase >= VISIBLE_NS)
		return STATUS1_VRETRACE | STATUS1_NO_DISP;
	regs->line_shown ^= 1;
	return regs->line_shown ? 0 : STATUS1_NO_DISP;
}

/* `port` is 0x0 to 0xf: of 0x3bx or 0x3dx. */
static uint8_t read_crt(struct vga *vga, unsigned port)
{
	switch (port) {
	case 0x4:
		return vga->regs.crtc_index;
	case 0x5:
		return read_crtc(&vga->regs);
	case 0xa:
		return read_status1(vga);
	default:
		return 0xff;
	}
}

static void write_crt(struct vga *vga, unsigned port, uint8_t value)
{
	switch (port) {
	case 0x4:
		vga->regs.crtc_index = value;
		break;
	case 0x5:
		write_crtc(&vga->regs, value);
		break;
	case 0xa:
		vga->regs.feature = value;
		break;
	default:
		break;
	}
}

/* The attribute controller: index and data by turns at one port. */

static uint8_t read_attr(const struct vga_regs *regs)
{
	const unsigned index = regs->attr_index & ATTR_INDEX;

	return index < VGA_NR_ATTR ? regs->attr[index] : 0;
}

static void write_attr(struct vga_regs *regs, uint8_t value)
{
	const unsigned index = regs->attr_index & ATTR_INDEX;

	regs->attr_is_data ^= 1;
	if (regs->attr_is_data)
		regs->attr_index = value & (ATTR_INDEX | ATTR_INDEX_PAS);
	else if (index < 16)
		regs->attr[index] = value & 0x3f;
	else if (index < VGA_NR_ATTR)
		regs->attr[index] = value & attr_mask[index - 16];
}

/* The DAC: three components of six bits, then the next colour. */

static void next_component(struct vga_regs *regs)
{
	regs->dac_component = (uint8_t)((regs->dac_component + 1) % 3);
	if (!regs->dac_component)
		regs->dac_index++;
}

static uint8_t read_dac(struct vga_regs *regs)
{
	const uint8_t value = regs->dac[regs->dac_index * 3 + regs->dac_component];

	next_component(regs);
	return value;
}

static void write_dac(struct vga_regs *regs, uint8_t value)
{
	uint8_t *colour = regs->dac + (size_t)regs->dac_index * 3;

	value &= 0x3f;
	if (regs->dac_component < 2) {
		regs->dac_latch[regs->dac_component] = value;
	} else {
		memcpy(colour, regs->dac_latch, 2);
		colour[2] = value;
	}
	next_component(regs);
}

static void set_dac_index(struct vga_regs *regs, uint8_t index, uint8_t state)
{
	regs->dac_index = index;
	regs->dac_component = 0;
	regs->dac_state = state;
}

/* Ports 0x3c0 to 0x3cf. */

static uint8_t read_common(struct vga_regs *regs, unsigned port)
{
	switch (port) {
	case 0x0:
		return regs->attr_index;
	case 0x1:
		return read_attr(regs);
	case 0x2:
		return 0; /* input status 0: no interrupt, no switch */
	case 0x3:
		return regs->enable;
	case 0x4:
		return regs->seq_index;
	case 0x5:
		return regs->seq_index < VGA_NR_SEQ ? regs->seq[regs->seq_index] : 0;
	case 0x6:
		return regs->dac_mask;
	case 0x7:
		return regs->dac_state;
	case 0x8:
		return regs->dac_index;
	case 0x9:
		return read_dac(regs);
	case 0xa:
		return regs->feature;
	case 0xc:
		return regs->misc;
	case 0xe:
		return regs->gfx_index;
	case 0xf:
		return regs->gfx_index < VGA_NR_GFX ? regs->gfx[regs->gfx_index] : 0;
	default:
		return 0xff;
	}
}

static void write_common(struct vga_regs *regs, unsigned port, uint8_t value)
{
	switch (port) {
	case 0x0:
		write_attr(regs, value);
		break;
	case 0x2:
		regs->misc = value;
		break;
	case 0x3:
		regs->enable = value & 1;
		break;
	case 0x4:
		regs->seq_index = value & 7;
		break;
	case 0x5:
		if (regs->seq_index < VGA_NR_SEQ)
			regs->seq[regs->seq_index] = value & seq_mask[regs->seq_index];
		break;
	case 0x6:
		regs->dac_mask = value;
		break;
	case 0x7:
		set_dac_index(regs, value, DAC_READING);
		break;
	case 0x8:
		set_dac_index(regs, value, 0);
		break;
	case 0x9:
		write_dac(regs, value);
		break;
	case 0xe:
		regs->gfx_index = value & 15;
		break;
	case 0xf:
		if (regs->gfx_index < VGA_NR_GFX)
			regs->gfx[regs->gfx_index] = value & gfx_mask[regs->gfx_index];
		break;
	default: /* the rest is read only */
		break;
	}
}

static uint64_t mono_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *vga = dev;

	(void)size;
	return is_colour(&vga->regs) ? 0xff : read_crt(vga, (unsigned)offset);
}

static void mono_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *vga = dev;

	(void)size;
	if (!is_colour(&vga->regs))
		write_crt(vga, (unsigned)offset, (uint8_t)value);
}

static uint64_t vga_read(void *dev, uint64_t offset, unsigned size)
{
	struct vga *vga = dev;

	(void)size;
	if (offset < 0x10)
		return read_common(&vga->regs, (unsigned)offset);
	return is_colour(&vga->regs) ? read_crt(vga, (unsigned)offset - 0x10) : 0xff;
}

static void vga_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct vga *vga = dev;

	(void)size;
	if (offset < 0x10)
		write_common(&vga->regs, (unsigned)offset, (uint8_t)value);
	else if (is_colour(&vga->regs))
		write_crt(vga, (unsigned)offset - 0x10, (uint8_t)value);
}

const struct io_ops vga_mono_io = {
	.read = mono_read,
	.write = mono_write,
	.max_size = 1,
};

const struct io_ops vga_io = {
	.read = vga_read,
	.write = vga_write,
	.max_size = 1,
};

/* What the registers say about the screen. */

static unsigned crtc16(const struct vga_regs *regs, enum crtc_register high)
{
	return regs->crtc[high] * 256u + regs->crtc[high + 1];
}

/* The vertical display end has ten bits, two of them in the overflow register. */
static unsigned visible_lines(const struct vga_regs *regs)
{
	const uint8_t overflow = regs->crtc[CRTC_OVERFLOW];
	const unsigned end = regs->crtc[CRTC_V_DISPLAY_END] | (overflow & 0x02u) << 7 |
			     (overflow & 0x40u) << 3;
	const bool half = regs->crtc[CRTC_MODE] & MODE_HALF_LINES;

	return (end + 1) << half;
}

static unsigned line_compare(const struct vga_regs *regs)
{
	const bool half = regs->crtc[CRTC_MODE] & MODE_HALF_LINES;
	const unsigned line = regs->crtc[CRTC_LINE_COMPARE] |
			      (regs->crtc[CRTC_OVERFLOW] & 0x10u) << 4 |
			      (regs->crtc[CRTC_MAX_SCAN_LINE] & 0x40u) << 3;

	return line << half;
}

static void get_graphics(const struct vga_regs *regs, struct vga_screen *screen)
{
	const uint8_t scan = regs->crtc[CRTC_MAX_SCAN_LINE];
	unsigned lines = visible_lines(regs);

	screen->width = (regs->crtc[CRTC_H_DISPLAY_END] + 1u) * 8;
	if (regs->attr[ATTR_MODE] & ATTR_MODE_8BIT)
		screen->width /= 2;
	if (scan & MAX_SCAN_LINE_DOUBLE)
		lines /= 2;
	if (regs->crtc[CRTC_MODE] & MODE_NO_CGA_BANKS)
		lines /= (scan & MAX_SCAN_LINE_COUNT) + 1u;
	screen->height = lines ? lines : 1;
}

/* While fonts are loaded, neither window is mapped: then the kind of adapter says. */
static uint32_t text_base(const struct vga_regs *regs)
{
	const unsigned map = regs->gfx[GFX_MISC] >> 2 & 3;

	if (map == MAP_MONO)
		return VGA_TEXT_MONO;
	if (map == MAP_COLOUR)
		return VGA_TEXT_COLOUR;
	return is_colour(regs) ? VGA_TEXT_COLOUR : VGA_TEXT_MONO;
}

static void get_cursor(const struct vga_regs *regs, struct vga_screen *screen)
{
	const uint8_t first = regs->crtc[CRTC_CURSOR_START];
	const uint8_t last = regs->crtc[CRTC_CURSOR_END] & CURSOR_LINE;
	const unsigned last_line = (regs->crtc[CRTC_MAX_SCAN_LINE] & MAX_SCAN_LINE_COUNT);
	const unsigned pitch = screen->pitch / 2;
	/* In cells from the first one of the screen. */
	const unsigned at =
		(crtc16(regs, CRTC_CURSOR_HIGH) - crtc16(regs, CRTC_START_HIGH)) %
		(VGA_TEXT_SIZE / 2);

	screen->cursor_row = pitch ? at / pitch : 0;
	screen->cursor_col = pitch ? at % pitch : at;
	screen->has_cursor = !(first & CURSOR_OFF) && (first & CURSOR_LINE) <= last &&
			     (first & CURSOR_LINE) <= last_line &&
			     screen->cursor_row < screen->rows &&
			     screen->cursor_col < screen->cols;
}

static void get_text(const struct vga_regs *regs, struct vga_screen *screen)
{
	const uint8_t scan = regs->crtc[CRTC_MAX_SCAN_LINE];
	unsigned char_height = (scan & MAX_SCAN_LINE_COUNT) + 1u;

	if (scan & MAX_SCAN_LINE_DOUBLE)
		char_height *= 2;
	screen->cols = regs->crtc[CRTC_H_DISPLAY_END] + 1u;
	screen->rows = visible_lines(regs) / char_height;
	if (!screen->rows)
		screen->rows = 1;
	screen->base = text_base(regs);
	screen->start = crtc16(regs, CRTC_START_HIGH) * 2 % VGA_TEXT_SIZE;
	screen->pitch = regs->crtc[CRTC_OFFSET] * 4u;
	screen->split_row = line_compare(regs) / char_height + 1;
	screen->blink = regs->attr[ATTR_MODE] & ATTR_MODE_BLINK;
	get_cursor(regs, screen);
}

void vga_get_screen(const struct vga *vga, struct vga_screen *screen)
{
	const struct vga_regs *regs = &vga->regs;

	*screen = (struct vga_screen){
		.is_dark = (regs->seq[SEQ_CLOCKING] & CLOCKING_OFF) ||
			   !(regs->attr_index & ATTR_INDEX_PAS),
		.is_text = !(regs->attr[ATTR_MODE] & ATTR_MODE_GFX),
	};
	if (screen->is_text)
		get_text(regs, screen);
	else
		get_graphics(regs, screen);
}

/* Mode 3 of a VGA BIOS: 720x400 dots, characters of 9x16. */
static const struct vga_regs mode3 = {
	.misc = 0x67,
	.enable = 1,
	.seq = { 0x03, 0x00, 0x03, 0x00, 0x02 },
	.crtc = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00,
		  0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e,
		  0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	.gfx = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff },
	.attr_index = ATTR_INDEX_PAS,
	.attr = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
		  0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 },
	.dac_mask = 0xff,
};

void vga_reset(struct vga *vga)
{
	struct vga_regs *regs = &vga->regs;

	*regs = mode3;
	/* The 64 colours of an EGA: bits 2 to 0 are two thirds of red, green, blue, 5 to 3 one. */
	for (unsigned i = 0; i < 64; i++) {
		for (unsigned c = 0; c < 3; c++)
			regs->dac[3 * i + c] = (uint8_t)((i >> (2 - c) & 1) * 0x2a +
							 (i >> (5 - c) & 1) * 0x15);
	}
}

void vga_init(struct vga *vga, int64_t (*now)(void *opaque), void *opaque)
{
	*vga = (struct vga){ .now = now, .opaque = opaque };
	vga_reset(vga);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct vga_regs, misc),
	STATE_FIELD(struct vga_regs, feature),
	STATE_FIELD(struct vga_regs, enable),
	STATE_FIELD(struct vga_regs, seq_index),
	STATE_FIELD(struct vga_regs, seq),
	STATE_FIELD(struct vga_regs, crtc_index),
	STATE_FIELD(struct vga_regs, crtc),
	STATE_FIELD(struct vga_regs, gfx_index),
	STATE_FIELD(struct vga_regs, gfx),
	STATE_FIELD(struct vga_regs, attr_index),
	STATE_FIELD(struct vga_regs, attr_is_data),
	STATE_FIELD(struct vga_regs, attr),
	STATE_FIELD(struct vga_regs, dac_mask),
	STATE_FIELD(struct vga_regs, dac_index),
	STATE_FIELD(struct vga_regs, dac_component),
	STATE_FIELD(struct vga_regs, dac_state),
	STATE_FIELD(struct vga_regs, dac_latch),
	STATE_FIELD(struct vga_regs, dac),
	STATE_FIELD(struct vga_regs, line_shown),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int vga_save(const struct vga *vga, struct state_writer *writer, const char *section,
	     struct err *err)
{
	return state_save(writer, section, &layout, &vga->regs, err);
}

/* Are the bits that exist the only ones that are set? */
static bool fits(const uint8_t *regs, const uint8_t *mask, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (regs[i] & ~mask[i])
			return false;
	}
	return true;
}

static bool six_bits(const uint8_t *regs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (regs[i] > 0x3f)
			return false;
	}
	return true;
}

static bool regs_valid(const struct vga_regs *regs)
{
	return regs->enable <= 1 && regs->attr_is_data <= 1 && regs->line_shown <= 1 &&
	       regs->seq_index <= 7 && fits(regs->seq, seq_mask, VGA_NR_SEQ) &&
	       fits(regs->crtc, crtc_mask, VGA_NR_CRTC) && regs->gfx_index <= 15 &&
	       fits(regs->gfx, gfx_mask, VGA_NR_GFX) && regs->attr_index <= 0x3f &&
	       six_bits(regs->attr, 16) &&
	       fits(regs->attr + 16, attr_mask, VGA_NR_ATTR - 16) &&
	       regs->dac_component <= 2 &&
	       (regs->dac_state == 0 || regs->dac_state == DAC_READING) &&
	       six_bits(regs->dac_latch, 2) && six_bits(regs->dac, VGA_DAC_SIZE);
}

int vga_load(struct vga *vga, struct bytes image, const char *section, struct err *err)
{
	struct vga fresh;

	vga_init(&fresh, vga->now, vga->opaque);
	if (state_load(image, section, &layout, &fresh.regs, err))
		return -1;
	if (!regs_valid(&fresh.regs))
		return state_err_impossible(err, section);
	vga->regs = fresh.regs;
	return 0;
}
