/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDB remote serial protocol, from the target's side. See stub.c.
 */
#ifndef TANE_GDB_STUB_H
#define TANE_GDB_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/debug.h"
#include "gdb/packet.h"

enum gdb_action {
	GDB_STAY,
	GDB_CONTINUE,
	GDB_STEP,
};

/* Prints a text on gdb's console. */
struct gdb_printer {
	void (*print)(void *opaque, const char *text, size_t size);
	void *opaque;
};

/*
 * What is debugged. CPUs count from 0. All of it is called while the target is stopped,
 * but for stop() and interrupt(). The functions return whether they could.
 */
struct gdb_target_ops {
	/* Stop, if it runs, and tell on which CPU gdb looks first. */
	bool (*stop)(void *opaque, unsigned *cpu);
	/* Ctrl-C: it stops soon, and gdb_stub_stopped() is called then. */
	void (*interrupt)(void *opaque);
	/* Each CPU does what `actions` says for it; one at least runs. */
	bool (*resume)(void *opaque, const uint8_t *actions);
	/* gdb goes away: no breakpoint is left, and the guest runs. */
	void (*detach)(void *opaque);
	void (*kill)(void *opaque);

	unsigned (*nr_cpus)(void *opaque);
	const struct debug_layout *(*layout)(void *opaque, unsigned cpu);
	void (*describe)(void *opaque, unsigned cpu, char *to, size_t size);
	void (*get_register)(void *opaque, unsigned cpu, const struct debug_register *r,
			     uint8_t to[DEBUG_REGISTER_BYTES]);
	void (*set_register)(void *opaque, unsigned cpu, const struct debug_register *r,
			     const uint8_t from[DEBUG_REGISTER_BYTES]);
	/* Now the CPU has all that set_register() has set. */
	bool (*store_registers)(void *opaque, unsigned cpu);
	/* How many bytes from `address` on could be read. */
	size_t (*read_memory)(void *opaque, unsigned cpu, uint64_t address, void *to,
			      size_t size);
	bool (*write_memory)(void *opaque, unsigned cpu, uint64_t address,
			     const void *from, size_t size);
	bool (*insert)(void *opaque, unsigned cpu, enum debug_kind kind, uint64_t address,
		       uint64_t length);
	bool (*remove)(void *opaque, enum debug_kind kind, uint64_t address,
		       uint64_t length);
	void (*monitor)(void *opaque, unsigned cpu, const char *command,
			const struct gdb_printer *printer);
};

#define GDB_SIGNAL_INT  2
#define GDB_SIGNAL_TRAP 5
#define GDB_SIGNAL_SEGV 11
#define GDB_SIGNAL_PWR  32 /* "Power fail/restart": unlike TRAP no step ends with it */
#define GDB_XML_SIZE    0x8000

struct gdb_stub {
	const struct gdb_target_ops *ops;
	void *opaque;
	enum {
		GDB_FRESH, /* nothing was asked yet, and the guest may run */
		GDB_STOPPED,
		GDB_RUNNING,
		GDB_EXITED,
	} state;
	bool no_ack;
	bool knows_swbreak, knows_hwbreak;
	unsigned cpu;         /* of registers and memory (Hg) */
	unsigned step_cpu;    /* of s and c (Hc); or GDB_ALL_CPUS */
	unsigned next_thread; /* qsThreadInfo */
	int signal;           /* of the last stop, and its CPU and reason */
	unsigned stopped_cpu;
	struct debug_stop stop;
	const struct debug_layout *layout;
	struct gdb_decoder decoder;
	struct gdb_out out;
	uint8_t actions[CONFIG_MAX_CPUS];
	uint8_t buffer[GDB_PACKET_MAX];
	char xml[GDB_XML_SIZE];
};
#define GDB_ALL_CPUS (~0u)

/* For each connection. */
void gdb_stub_init(struct gdb_stub *stub, const struct gdb_target_ops *ops, void *opaque);

/* A byte from gdb. Call it only while nothing is on its way out (gdb_out_is_empty()). */
void gdb_stub_put(struct gdb_stub *stub, uint8_t byte);

/* A target that ran has stopped. */
void gdb_stub_stopped(struct gdb_stub *stub, int signal, unsigned cpu,
		      const struct debug_stop *stop);

/* The guest's life is over: it ended with `status`, or by signal `signal` if not 0. */
void gdb_stub_exited(struct gdb_stub *stub, int status, int signal);

/* Print on gdb's console. Only before gdb_stub_stopped() and gdb_stub_exited(). */
void gdb_stub_print(struct gdb_stub *stub, const char *text, size_t size);

/* Between stub.c and query.c. */
void gdb_stub_reply(struct gdb_stub *stub, const char *text);
void gdb_stub_query(struct gdb_stub *stub, struct gdb_text *text);
bool gdb_stub_take_thread(struct gdb_stub *stub, struct gdb_text *text, unsigned *cpu);

#endif
