/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The init of `tane run -- command`: what its files share. guest/init.h says what it and
 * tane agree on; main.c tells the order of things.
 *
 * It is the first process of the guest, trusted by nobody and privileged over all there.
 * What it cannot do it says by fail(), which ends the guest: there is nobody to return to.
 * It has one thread. All its descriptors are closed when it executes the command.
 */
#ifndef TANE_GUEST_INIT_PRIVATE_H
#define TANE_GUEST_INIT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "guest/init.h"

/* Where it and the host build the guest's root, in the initramfs. */
#define NEW_ROOT "/new"

enum { STDIN, STDOUT, STDERR, STREAMS };

enum stream {
	STREAM_NULL,
	STREAM_PIPE,
	STREAM_TTY,
	STREAM_STDOUT, /* of STDERR: the same as that one */
};

enum root {
	ROOT_OVERLAY,
	ROOT_RW,
};

/* A further share. */
struct share {
	bool writable;
	char *cache, *tag, *path;
};

/* The values of a key, with a NULL behind them. */
struct list {
	char **values;
	unsigned nr;
};

/* /tane/config. Strings lie in `data`; NULL is what was not given. */
struct config {
	char *data;
	enum root root;
	char *cwd, *user, *hostname;
	unsigned long uid, gid, umask, rows, columns;
	bool network;
	enum stream streams[STREAMS];
	struct list modules, arguments, env, groups;
	struct share *shares;
	unsigned nr_shares;
};

/* How bytes get from one descriptor to the other; see relay.c. */
struct pump {
	int from, to; /* -1: closed */
	char data[65536];
	size_t at, used; /* what was read and is not written yet */
};

enum { PUMP_STDIN, PUMP_STDOUT, PUMP_STDERR, PUMP_TTY_IN, PUMP_TTY_OUT, PUMPS };

struct init {
	struct config config;
	int log;     /* /dev/kmsg */
	int control; /* the port; -1: not open yet */
	bool deaf;   /* the host hung up */
	char line[INIT_LINE_MAX];
	size_t line_used; /* of a message of the host that is not complete */
	bool line_is_long;

	pid_t command; /* 0: it does not run */
	int tty;       /* our side of its terminal; -1: it has none */
	int slave;     /* its side, kept open as long as it lives; -1: likewise */
	struct pump pumps[PUMPS];
};

/* On a clock that nobody sets. */
static inline int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* main.c */

/* Tell the host the status of the command, and end. */
void finish(struct init *init, int status) __attribute__((noreturn));

/* report.c */

/* Say what is wrong to the host and on the kernel's console, and end the guest. */
void fail(struct init *init, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* The same for what does not stop us. */
void warn(struct init *init, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line for the host. */
void say(struct init *init, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void power_off(void) __attribute__((noreturn));

/* config.c */

void config_read(struct init *init);

/* modules.c */

/* Load them, and free what they take in the initramfs. */
void modules_load(struct init *init);

/* mounts.c */

/* /sys and /dev of the initramfs: what it takes to reach the host. */
void mount_early(struct init *init);
/* Make the guest's root of the share and enter it; then mount all that belongs into it. */
void mount_root(struct init *init);
/* Make a folder and those that it lies in; of what is there already nothing is said. */
void make_folders(const char *path);

/* ports.c */

/* Open the port of this name for reading and writing, without blocking; -1: no such port. */
int port_open(const char *name);
/* Open the control port, for which this waits. false: there is none. */
bool control_open(struct init *init);

/* network.c */

void network_start(struct init *init);

/* command.c */

/* Connect pumps and terminal, and execute the command. */
void command_start(struct init *init);

/* relay.c */

/* Carry bytes and messages until the command is done. Its exit status. */
int relay(struct init *init);

#endif
