/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks of a command that a guest runs; see config.h. */
#include <string.h>

#include "core/config.h"

/* Ports of the virtio console for it: control, stdin, stdout, stderr or a terminal. */
#define COMMAND_PORTS 4

/* Names that begin so are for the guest's init. */
#define RESERVED_PREFIX "tane."

static bool is_absolute(const char *path)
{
	return path[0] == '/';
}

/* Options that are about a command, with none to be run. */
static int validate_absence(const struct config_command *command, struct err *err)
{
	if (!command->root && !command->writable && !command->cwd && !command->user &&
	    !command->nr_env && !command->modules && !command->verbose &&
	    !command->dump_initrd)
		return 0;
	return err_set(err, "--root, --rw, --cwd, --user, --env, --modules, --verbose "
			    "and --dump-initrd are about a command: put \"--\" and it "
			    "behind them");
}

static int validate_boot(const struct vm_config *config, struct err *err)
{
	if (config->rom)
		return err_set(err, "--rom runs no command: leave it out, or the --");
	if (config->firmware)
		return err_set(err, "--bios runs no command: leave it out, or the --");
	if (config->protocol == BOOT_MULTIBOOT)
		return err_set(err, "--boot multiboot: a command needs a kernel of "
				    "Linux, and those have another entry");
	if (config->display != DISPLAY_NONE)
		return err_set(err, "--display text: the terminal is the command's");
	return 0;
}

/* The terminal is the command's, and COM1 ours. */
static int validate_consoles(const struct vm_config *config, struct err *err)
{
	if (!config->serials[0].by_default)
		return err_set(err, "--console and --serial 1: a command has the "
				    "terminal, and COM1 takes the kernel's messages "
				    "(--verbose shows them)");
	for (unsigned i = 1; i < CONFIG_MAX_UARTS; i++) {
		if (config->serials[i].kind == SERIAL_CONSOLE)
			return err_set(err,
				       "--serial %u=console: a command has the terminal",
				       i + 1);
	}
	if (config->nr_ports + COMMAND_PORTS > CONFIG_MAX_PORTS)
		return err_set(err, "--port: at most %d beside those of a command",
			       CONFIG_MAX_PORTS - COMMAND_PORTS - 1);
	for (unsigned i = 1; i < config->nr_ports; i++) {
		if (strncmp(config->ports[i].name, RESERVED_PREFIX,
			    strlen(RESERVED_PREFIX)) == 0)
			return err_set(err,
				       "--port %s: names that begin with " RESERVED_PREFIX
				       " are the command's",
				       config->ports[i].name);
	}
	return 0;
}

static int validate_env(const struct config_command *command, struct err *err)
{
	for (unsigned i = 0; i < command->nr_env; i++) {
		if (!command->env[i][0] || command->env[i][0] == '=')
			return err_set(err, "--env: \"%s\" is not NAME or NAME=VALUE",
				       command->env[i]);
	}
	return 0;
}

int config_validate_command(const struct vm_config *config, struct err *err)
{
	const struct config_command *command = &config->command;

	if (!command->enabled)
		return validate_absence(command, err);
	if (validate_boot(config, err) || validate_consoles(config, err) ||
	    validate_env(command, err))
		return -1;
	if (command->user && !command->user[0])
		return err_set(err, "--user: it is neither NAME nor UID[:GID]");
	if (command->cwd && !is_absolute(command->cwd))
		return err_set(err,
			       "--cwd: \"%s\" is a path in the guest, and must begin "
			       "with /",
			       command->cwd);
	return 0;
}
