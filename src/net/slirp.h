/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libslirp, loaded when a user network is asked for. It brings GLib along, which would
 * make each start of the program slower and its memory larger, and a program that is linked
 * with it does not start where it is not installed.
 */
#ifndef TANE_NET_SLIRP_H
#define TANE_NET_SLIRP_H

#include <slirp/libslirp.h>

#include "util/err.h"

/* The functions of slirp/libslirp.h that we call, without "slirp_". */
struct slirp_library {
	void *handle;
	__typeof__(&slirp_new) new;
	__typeof__(&slirp_cleanup) cleanup;
	__typeof__(&slirp_pollfds_fill) pollfds_fill;
	__typeof__(&slirp_pollfds_poll) pollfds_poll;
	__typeof__(&slirp_input) input;
	__typeof__(&slirp_add_hostfwd) add_hostfwd;
};

/* 0, or -1 with a message that says what to install. */
int slirp_library_load(struct slirp_library *library, struct err *err);
void slirp_library_unload(struct slirp_library *library);

#endif
