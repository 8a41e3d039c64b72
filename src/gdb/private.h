/* SPDX-License-Identifier: BSD-2-Clause */
/* What server.c and target.c share. */
#ifndef TANE_GDB_PRIVATE_H
#define TANE_GDB_PRIVATE_H

#include "core/vm.h"
#include "gdb/stub.h"

struct gdb {
	struct vm *vm;
	struct debug debug;
	struct gdb_stub stub;

	/* target.c */
	bool is_waiting;   /* the guest has not begun: gdb shall say when */
	bool is_stopped;   /* we keep the gate closed */
	bool wants_reset;  /* instead of the next step of the guest */
	bool is_dead;      /* the guest is; gdb looks at it */
	bool was_examined; /* ... and has done so */

	/* server.c */
	struct loop_source listener, client; /* descriptor -1: none */
	bool has_path;                       /* the Unix socket of the listener is ours */
	bool has_spoken;                     /* the client's first byte was gdb's */
	uint8_t in[1024];
	size_t in_at, in_size;
};

extern const struct gdb_target_ops gdb_vm_ops;

/* No breakpoint is left, and the guest runs on if we stopped it. */
void gdb_target_release(struct gdb *gdb);
/* RAM and vCPUs are new. */
void gdb_target_forget(struct gdb *gdb);
/* Stop everybody and read their registers. */
int gdb_target_stop(struct gdb *gdb, struct err *err);
/* A vCPU has stopped: callback of gdb->debug.stopped. */
void gdb_target_on_stopped(void *opaque);

/* Send what the stub has to say. */
void gdb_server_flush(struct gdb *gdb);

#endif
