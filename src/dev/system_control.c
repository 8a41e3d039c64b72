/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System control port B.
 *
 * Bits 0 to 3 are what the guest wrote (timer 2 gate, speaker, and two NMI
 * masks without a source), bit 4 is the memory refresh signal, bit 5 the output
 * of timer 2, bits 6 and 7 report memory errors, which there are none of. Linux
 * measures the TSC by waiting for bit 5, so the output is asked for and not
 * remembered. Refresh changes with each read: it is only ever used to wait for
 * the next change, and the access itself takes longer than the 15 us between
 * two of them.
 *
 * This chip is used when the machine has no timer in KVM, or creates it without
 * KVM_PIT_SPEAKER_DUMMY. With that flag KVM answers port 0x61 in the kernel,
 * where timer 2 is, and no access arrives here.
 */
#include "dev/system_control.h"

#define CONTROL_MASK 0x0f
#define SPEAKER_MASK (SYSTEM_CONTROL_TIMER2_GATE | SYSTEM_CONTROL_SPEAKER)

static uint64_t system_control_read(void *dev, uint64_t offset, unsigned size)
{
	struct system_control *sc = dev;
	uint8_t value;

	(void)offset;
	(void)size;
	sc->regs.refresh ^= SYSTEM_CONTROL_REFRESH;
	value = sc->regs.control | sc->regs.refresh;
	if (sc->ops->timer2_output(sc->opaque))
		value |= SYSTEM_CONTROL_TIMER2_OUTPUT;
	return value;
}

static void set_speaker(const struct system_control *sc)
{
	if (sc->ops->speaker)
		sc->ops->speaker(sc->opaque, sc->regs.control & SPEAKER_MASK);
}

static void system_control_write(void *dev, uint64_t offset, unsigned size,
				 uint64_t value)
{
	struct system_control *sc = dev;
	uint8_t old = sc->regs.control;

	(void)offset;
	(void)size;
	sc->regs.control = value & CONTROL_MASK;
	if ((sc->regs.control ^ old) & SPEAKER_MASK)
		set_speaker(sc);
}

const struct io_ops system_control_io = {
	.read = system_control_read,
	.write = system_control_write,
	.max_size = 1,
};

void system_control_reset(struct system_control *sc)
{
	sc->regs = (struct system_control_regs){ 0 };
	set_speaker(sc);
}

void system_control_init(struct system_control *sc, const struct system_control_ops *ops,
			 void *opaque)
{
	*sc = (struct system_control){ .ops = ops, .opaque = opaque };
}

static const struct state_field fields[] = {
	STATE_FIELD(struct system_control_regs, control),
	STATE_FIELD(struct system_control_regs, refresh),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int system_control_save(const struct system_control *sc, struct state_writer *writer,
			const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &sc->regs, err);
}

int system_control_load(struct system_control *sc, struct bytes image,
			const char *section, struct err *err)
{
	struct system_control_regs regs = { 0 };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.control & ~CONTROL_MASK || regs.refresh & ~SYSTEM_CONTROL_REFRESH)
		return err_set(err,
			       "state of %s: impossible register values; "
			       "the snapshot is damaged, take a new one",
			       section);
	sc->regs = regs;
	set_speaker(sc);
	return 0;
}
