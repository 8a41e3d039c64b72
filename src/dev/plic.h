/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform-level interrupt controller of RISC-V (riscv-plic-spec 1.0.0) as a
 * register model, for level-triggered sources. The caller holds the device's mutex
 * around every function here; the callback runs with it held and must not call back.
 *
 * There is one context for each hart: context n is the S mode of hart n, since guests
 * of KVM have no M mode. The device tree says so by one entry for each hart, in order,
 * in `interrupts-extended`: <&intc_of_hart_n 9>, 9 being the S-mode external interrupt.
 */
#ifndef TANE_DEV_PLIC_H
#define TANE_DEV_PLIC_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define PLIC_MAX_SOURCES  1023 /* numbered from 1: 0 means none */
#define PLIC_MAX_CONTEXTS 15872
#define PLIC_MAX_PRIORITY 7 /* 0: never interrupts */

/* Offsets of the blocks of registers, all of 32 bits. */
#define PLIC_PRIORITY       0x0      /* a word for each source */
#define PLIC_PENDING        0x1000   /* a bit for each source */
#define PLIC_ENABLE         0x2000   /* for each context, a bit for each source */
#define PLIC_ENABLE_STRIDE  0x80     /* from a context to the next */
#define PLIC_CONTEXT        0x200000 /* for each context */
#define PLIC_CONTEXT_STRIDE 0x1000
#define PLIC_THRESHOLD      0 /* in there */
#define PLIC_CLAIM          4 /* in there: a read claims, a write completes */

/* The size of the range to claim on the bus. */
#define PLIC_SIZE(nr_contexts) \
	(PLIC_CONTEXT + (uint64_t)(nr_contexts)*PLIC_CONTEXT_STRIDE)

#define PLIC_WORDS ((PLIC_MAX_SOURCES + 1) / 32)

/* What outlives a snapshot, with the contexts' registers. Bit n of an array is source n. */
struct plic_regs {
	uint32_t nr_contexts; /* of the machine that was saved */
	uint8_t priority[PLIC_MAX_SOURCES + 1];
	uint32_t level[PLIC_WORDS];   /* the lines as they are */
	uint32_t pending[PLIC_WORDS]; /* IP */
	uint32_t
		claimed[PLIC_WORDS]; /* not completed: the gateway lets nothing through */
};

struct plic_context_regs {
	uint32_t enable[PLIC_WORDS]; /* IE */
	uint8_t threshold;
};

struct plic_context {
	struct plic_context_regs regs;
	bool external; /* what set_external() was told last */
};

struct plic {
	struct plic_regs regs;
	uint32_t pending_words; /* bit n: pending[n] is not 0 */
	unsigned nr_sources, nr_contexts;
	struct plic_context *contexts;
	void (*set_external)(void *opaque, unsigned context, bool level);
	void *opaque;
};

extern const struct io_ops plic_io;

/*
 * Sources 1 to `nr_sources`. `set_external` is told when the external interrupt of a
 * hart goes on or off. After an error too, plic_destroy() cleans up.
 */
int plic_init(struct plic *plic, unsigned nr_sources, unsigned nr_contexts,
	      void (*set_external)(void *opaque, unsigned context, bool level),
	      void *opaque, struct err *err);
void plic_destroy(struct plic *plic);

/* The lines stay as they are: what is high pends at once, so reset the devices first. */
void plic_reset(struct plic *plic);

/* The line of a source goes high or low; a source that does not exist has none. */
void plic_set(struct plic *plic, unsigned source, bool level);

/* One section named `section`, and "`section`.N" for each context. */
int plic_save(const struct plic *plic, struct state_writer *writer, const char *section,
	      struct err *err);
/* On an error nothing has changed. */
int plic_load(struct plic *plic, struct bytes image, const char *section,
	      struct err *err);

#endif
