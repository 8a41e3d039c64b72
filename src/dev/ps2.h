/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is plugged into a PS/2 port of the keyboard controller: it takes bytes, and has
 * bytes to send when it is asked for them. The controller asks whenever it has room, which
 * is what its clock line says on a real wire; so no byte is ever lost on the way.
 *
 * The fifo is what such a device keeps its bytes in.
 */
#ifndef TANE_DEV_PS2_H
#define TANE_DEV_PS2_H

#include <stdbool.h>
#include <stdint.h>

struct ps2_ops {
	void (*receive)(void *dev, uint8_t byte);
	bool (*send)(void *dev, uint8_t *byte); /* false: it has none */
};

struct ps2_port {
	const struct ps2_ops *ops; /* NULL: nothing is plugged in */
	void *dev;
};

/* Answers of both kinds of devices. */
#define PS2_ACK            0xfa
#define PS2_RESEND         0xfe
#define PS2_BAT_COMPLETION 0xaa /* basic assurance test: passed */

#define PS2_FIFO_SIZE 16u

struct ps2_fifo {
	uint8_t data[PS2_FIFO_SIZE];
	uint8_t head, used;
};

/* Could a fifo be like this? Of a state that was loaded. */
static inline bool ps2_fifo_is_valid(const struct ps2_fifo *fifo)
{
	return fifo->head < PS2_FIFO_SIZE && fifo->used <= PS2_FIFO_SIZE;
}

static inline void ps2_fifo_clear(struct ps2_fifo *fifo)
{
	fifo->head = fifo->used = 0;
}

/* There must be room. */
static inline void ps2_fifo_push(struct ps2_fifo *fifo, uint8_t byte)
{
	fifo->data[(fifo->head + fifo->used++) % PS2_FIFO_SIZE] = byte;
}

static inline bool ps2_fifo_pop(struct ps2_fifo *fifo, uint8_t *byte)
{
	if (!fifo->used)
		return false;
	*byte = fifo->data[fifo->head];
	fifo->head = (uint8_t)((fifo->head + 1u) % PS2_FIFO_SIZE);
	fifo->used--;
	return true;
}

#endif
