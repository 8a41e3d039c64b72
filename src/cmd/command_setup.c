/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that runs a command; see command_setup.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/command_setup.h"
#include "cmd/default_kernel.h"
#include "cmd/device_options.h"
#include "cmd/terminal.h"
#include "guest/init.h"
#include "util/fd.h"

/* -- the caller -- */

static bool is_null_device(const struct stat *st)
{
	/* The number that Linux has given to /dev/null. */
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static enum caller_end end_of(int fd)
{
	struct stat st;

	/* fd_open_standard() has opened /dev/null where nothing was. */
	if (fstat(fd, &st) || is_null_device(&st))
		return CALLER_NULL;
	return isatty(fd) ? CALLER_TTY : CALLER_PIPE;
}

static void look_at_streams(struct command_setup *setup, struct caller *caller)
{
	static const int order[] = { STDOUT_FILENO, STDERR_FILENO, STDIN_FILENO };

	for (int fd = 0; fd < 3; fd++)
		caller->streams[fd] = end_of(fd);
	/* Then one order of bytes holds for both. */
	if (caller->streams[STDERR_FILENO] == CALLER_PIPE &&
	    caller->streams[STDOUT_FILENO] == CALLER_PIPE &&
	    fd_is_same_file(STDOUT_FILENO, STDERR_FILENO))
		caller->streams[STDERR_FILENO] = CALLER_STDOUT;
	setup->tty = -1;
	for (size_t i = 0; i < 3 && setup->tty < 0; i++) {
		if (caller->streams[order[i]] == CALLER_TTY)
			setup->tty = order[i];
	}
	if (setup->tty >= 0)
		(void)terminal_size(setup->tty, &caller->cols, &caller->rows);
	memcpy(setup->streams, caller->streams, sizeof(setup->streams));
}

/*
 * Where the command is to be if nobody says where. A folder that somebody has removed is
 * not taken for another one: with --rw the command would be at work in that.
 */
static int look_at_folder(const struct config_command *command, struct caller *caller,
			  struct err *err)
{
	if (command->cwd || command->root)
		return 0;
	if (!getcwd(caller->cwd, sizeof(caller->cwd)))
		return err_errno(err, "the current folder (--cwd names another one)");
	if (caller->cwd[0] != '/')
		return err_set(err, "the current folder is not below this root: name "
				    "one (--cwd DIR)");
	return 0;
}

static int look_at_caller(struct command_setup *setup,
			  const struct config_command *command, struct caller *caller,
			  struct err *err)
{
	int n;

	look_at_streams(setup, caller);
	caller->uid = getuid();
	caller->gid = getgid();
	caller->umask = umask(0);
	umask(caller->umask);
	n = getgroups(NGROUPS_MAX, caller->groups);
	caller->nr_groups = n > 0 ? (unsigned)n : 0;
	caller->environ = environ;
	return look_at_folder(command, caller, err);
}

/* -- the kernel -- */

static int find_kernel(struct command_setup *setup, struct vm_config *config,
		       struct err *err)
{
	struct utsname host;
	struct kernel_places places = {
		.boot = "/boot",
		.sources = "arch",
		.modules = "/lib/modules",
		.release = host.release,
	};

	if (uname(&host))
		return err_errno(err, "uname");
	if (!config->kernel) {
		if (default_kernel(&places, setup->kernel, sizeof(setup->kernel), err))
			return -1;
		config->kernel = setup->kernel;
	}
	if (kernel_release_of_file(config->kernel, setup->release, err) ||
	    kernel_modules(&places, config->kernel, setup->release,
			   config->command.modules, setup->modules,
			   sizeof(setup->modules), err))
		return -1;
	config->command.modules_dir = setup->modules[0] ? setup->modules : NULL;
	return 0;
}

/* Where programs keep what they could make again, by the XDG Base Directory Specification. */
static void find_cache(struct command_setup *setup, struct vm_config *config)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n = 0;

	if (base && base[0] == '/')
		n = snprintf(setup->cache, sizeof(setup->cache), "%s", base);
	else if (home && home[0] == '/')
		n = snprintf(setup->cache, sizeof(setup->cache), "%s/.cache", home);
	if (n <= 0 || (size_t)n + sizeof("/tane") > sizeof(setup->cache))
		return;
	(void)mkdir(setup->cache, 0700);
	strcpy(setup->cache + n, "/tane");
	config->command.cache = setup->cache;
}

/* -- what the guest gets -- */

static int add_root(struct vm_config *config, struct err *err)
{
	const struct config_command *command = &config->command;

	if (config->nr_shares == CONFIG_MAX_SHARES)
		return err_set(err, "--share: at most %d beside the root of a command",
			       CONFIG_MAX_SHARES - 1);
	for (unsigned i = 0; i < config->nr_shares; i++) {
		if (strcmp(config->shares[i].tag, INIT_TAG_ROOT) == 0)
			return err_set(err, "--share: the tag \"" INIT_TAG_ROOT
					    "\" is the command's root (--root)");
	}
	config->shares[config->nr_shares++] = (struct config_share){
		.path = command->root ? command->root : "/",
		.tag = INIT_TAG_ROOT,
		.writable = command->writable,
		.is_root = true,
		/* Another system has root's files, and here they are ours. */
		.map_ids = command->root && geteuid() != 0,
	};
	return 0;
}

static void add_port(struct vm_config *config, const char *name, enum serial_kind kind,
		     int in, int out)
{
	config->ports[config->nr_ports++] = (struct config_port){
		.name = name,
		.kind = kind,
		.in = in,
		.out = out,
	};
}

static void add_stream(struct vm_config *config, const char *name, const char *title,
		       int in, int out)
{
	add_port(config, name, SERIAL_STREAM, in, out);
	config->ports[config->nr_ports - 1].title = title;
}

/* config_validate_command() has seen that there is room. The control port comes last. */
static void add_ports(const struct command_setup *setup, struct vm_config *config)
{
	const enum caller_end *streams = setup->streams;

	if (!config->nr_ports)
		device_option_hvc0(config, SERIAL_NULL);
	if (streams[STDIN_FILENO] == CALLER_PIPE)
		add_stream(config, INIT_PORT_STDIN, "standard input", STDIN_FILENO, -1);
	if (streams[STDOUT_FILENO] == CALLER_PIPE)
		add_stream(config, INIT_PORT_STDOUT, "standard output", -1,
			   STDOUT_FILENO);
	if (streams[STDERR_FILENO] == CALLER_PIPE)
		add_stream(config, INIT_PORT_STDERR, "standard error", -1, STDERR_FILENO);
	if (setup->tty >= 0) {
		add_port(config, INIT_PORT_TTY, SERIAL_TTY,
			 streams[STDIN_FILENO] == CALLER_TTY ? STDIN_FILENO : -1,
			 setup->tty);
		/* Who gets our output may be a pager. */
		config->ports[config->nr_ports - 1].is_shared =
			streams[STDOUT_FILENO] != CALLER_TTY;
	}
	add_port(config, INIT_PORT_CONTROL, SERIAL_NULL, -1, -1);
}

int command_set_up(struct command_setup *setup, struct vm_config *config, struct err *err)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	int r = -1;

	*setup = (struct command_setup){ .tty = -1 };
	if (!caller)
		return err_set(err, "no memory for a command");
	if (!look_at_caller(setup, &config->command, caller, err) &&
	    !add_root(config, err) && !find_kernel(setup, config, err))
		r = record_build(&setup->record, config, caller, err);
	free(caller);
	if (r)
		return -1;
	find_cache(setup, config);
	add_ports(setup, config);
	config->command.record =
		(struct bytes){ (const uint8_t *)setup->record.data, setup->record.used };
	return 0;
}

void command_setup_print_hint(const struct command_setup *setup, FILE *out)
{
	if (setup->release[0] && !setup->modules[0])
		fprintf(out,
			"tane: no modules of the kernel %s are found: they are in "
			"/lib/modules/%s, or where --modules says\n",
			setup->release, setup->release);
}

void command_setup_free(struct command_setup *setup)
{
	record_free(&setup->record);
}
