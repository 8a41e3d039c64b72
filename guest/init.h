/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tane and the init of its guests (guest/init/) agree on. Both sides include this
 * and nothing of each other.
 *
 * tane makes an initramfs in memory:
 *
 *	/init                  guest/init/, static
 *	/tane/config           what it shall do, see below
 *	/tane/modules/NAME.ko  kernel modules, unpacked
 *
 * The guest gets a share with the tag INIT_TAG_ROOT, which becomes its root, and a virtio
 * console with ports of the names below. A port carries bytes as they are:
 *
 *	control   lines, both ways, see below
 *	stdin     host to guest. The host closes the port at its end of file
 *	stdout    guest to host; so does stderr. The host closes the port when nobody reads
 *	          there any more; the command gets SIGPIPE then
 *	tty       both ways: a terminal of the host, which is raw. The command sees a
 *	          terminal of the guest's
 *
 * There is a port for each stream that is INIT_STREAM_PIPE, and one tty if at least one
 * is INIT_STREAM_TTY. The control port has the highest number: since a host introduces and
 * opens ports in their order, all of them are open when that one is, and one that is not
 * was closed.
 */
#ifndef TANE_GUEST_INIT_H
#define TANE_GUEST_INIT_H

#define INIT_PORT_CONTROL "tane.control"
#define INIT_PORT_STDIN   "tane.stdin"
#define INIT_PORT_STDOUT  "tane.stdout"
#define INIT_PORT_STDERR  "tane.stderr"
#define INIT_PORT_TTY     "tane.tty"

#define INIT_TAG_ROOT "root"

#define INIT_PATH_INIT    "init"
#define INIT_PATH_CONFIG  "tane/config"
#define INIT_PATH_MODULES "tane/modules"

/*
 * /tane/config: records "key=value" that end with a NUL, in any order. Keys that may come
 * several times are lists, in the order of the records. The value is all behind the first
 * '='. An unknown key is an error: the two sides are of one build.
 */
#define INIT_CONFIG_MAX (4u << 20) /* bytes; an argument list may have 2 MiB */

/* List: NAME of /tane/modules/NAME.ko, in the order of their loading. */
#define INIT_KEY_MODULE "module"

/* The file systems. */
#define INIT_KEY_ROOT  "root"  /* one of INIT_ROOT_* */
#define INIT_KEY_MOUNT "mount" /* list: "ro|rw,CACHE,TAG,/PATH" */

/* The command. */
#define INIT_KEY_ARGUMENT "arg" /* list; none: the user's shell, INIT_DEFAULT_SHELL */
#define INIT_KEY_ENV      "env" /* list: "NAME=VALUE" */
#define INIT_KEY_CWD      "cwd" /* not given: / */

/*
 * The user. By numbers (not given: 0), or by a name in the guest's /etc/passwd, which then
 * also says HOME, USER, LOGNAME and SHELL unless the environment has them.
 */
#define INIT_KEY_UID   "uid"
#define INIT_KEY_GID   "gid"
#define INIT_KEY_GROUP "group" /* list: supplementary groups */
#define INIT_KEY_USER  "user"
#define INIT_KEY_UMASK "umask" /* decimal; not given: 022 */

/* Its streams. */
#define INIT_KEY_STDIN   "stdin" /* one of INIT_STREAM_*; not given: null */
#define INIT_KEY_STDOUT  "stdout"
#define INIT_KEY_STDERR  "stderr"
#define INIT_KEY_ROWS    "rows" /* of the caller's terminal */
#define INIT_KEY_COLUMNS "cols"

/* The machine. */
#define INIT_KEY_HOSTNAME "hostname"
#define INIT_KEY_NETWORK  "network" /* INIT_NETWORK_DHCP; not given: loopback only */

#define INIT_ROOT_OVERLAY "overlay" /* a tmpfs takes all changes */
#define INIT_ROOT_RW      "rw"

#define INIT_MOUNT_RO "ro"
#define INIT_MOUNT_RW "rw"

#define INIT_STREAM_TTY    "tty"
#define INIT_STREAM_PIPE   "pipe"
#define INIT_STREAM_NULL   "null"   /* /dev/null */
#define INIT_STREAM_STDOUT "stdout" /* of stderr: where stdout goes, in one order */

#define INIT_NETWORK_DHCP "dhcp"

#define INIT_DEFAULT_SHELL "/bin/sh"

/*
 * The control port: lines of printable text that end with '\n', words with a blank between
 * them. Longer lines than this, the '\n' included, are dropped.
 */
#define INIT_LINE_MAX 512u

/* To the guest. */
#define INIT_SAY_SIZE   "size"   /* "size ROWS COLUMNS": of the terminal */
#define INIT_SAY_SIGNAL "signal" /* "signal NUMBER": to its process group */

/*
 * From the guest, in this order: started, exit; stopped between the two. An error comes
 * instead of "started", and is followed by "exit" if the user has asked for what cannot be,
 * else by the end of the VM. A warning may come before "started".
 */
#define INIT_SAY_STARTED "started" /* the command runs */
#define INIT_SAY_STOPPED "stopped" /* by a signal that stops */
#define INIT_SAY_ERROR   "error"   /* "error TEXT": what is wrong, and what to do */
#define INIT_SAY_WARNING "warning" /* "warning TEXT" */
/*
 * "exit STATUS": 0 to 255, 128 + N after signal N. What is mounted for writing is synced.
 * All output is in the queues of its ports, from where the host is to take it before it
 * ends the VM.
 */
#define INIT_SAY_EXIT "exit"

/* No such user or folder. */
#define INIT_STATUS_NOT_STARTED 125
/* The statuses of a command that could not be executed, as shells have them. */
#define INIT_STATUS_CANNOT_EXECUTE 126
#define INIT_STATUS_NOT_FOUND      127

#endif
