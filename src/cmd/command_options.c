/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tane run [options] [-- command [args]]: the options that are about the command, and
 * whether there is one.
 */
#include "cmd/command_options.h"

enum {
	OPT_ROOT = 512,
	OPT_RW,
	OPT_ENV,
	OPT_CWD,
	OPT_USER,
	OPT_MODULES,
	OPT_VERBOSE,
	OPT_DUMP_INITRD,
};

static const struct option options[] = {
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "rw", no_argument, NULL, OPT_RW },
	{ "env", required_argument, NULL, OPT_ENV },
	{ "cwd", required_argument, NULL, OPT_CWD },
	{ "user", required_argument, NULL, OPT_USER },
	{ "modules", required_argument, NULL, OPT_MODULES },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "dump-initrd", required_argument, NULL, OPT_DUMP_INITRD },
	{ NULL, 0, NULL, 0 },
};

void command_options_print_help(FILE *out)
{
	fputs("A command in the guest, on the files of this host (no command: a shell)\n"
	      "      --root DIR       run it on this folder, as root       [/, as you]\n"
	      "      --rw             write to the files, and not to memory that is lost\n"
	      "      --user NAME|UID[:GID]  run it as this user\n"
	      "      --cwd DIR        run it in this folder                [this one]\n"
	      "      --env NAME[=VALUE]  add to its environment\n"
	      "      --modules DIR    the kernel's modules       [/lib/modules/RELEASE]\n"
	      "      --verbose        show what the kernel prints\n"
	      "      --dump-initrd FILE  write the initramfs that runs it, and end\n"
	      "\n",
	      out);
}

static int add_env(const char *text, struct config_command *command, struct err *err)
{
	if (command->nr_env == CONFIG_MAX_ENV)
		return err_set(err, "--env: more than %d", CONFIG_MAX_ENV);
	command->env[command->nr_env++] = text;
	return 0;
}

static int apply(void *opaque, int option, char *value, struct err *err)
{
	struct config_command *command = opaque;

	switch (option) {
	case OPT_ROOT:
		command->root = value;
		return 0;
	case OPT_RW:
		command->writable = true;
		return 0;
	case OPT_ENV:
		return add_env(value, command, err);
	case OPT_CWD:
		command->cwd = value;
		return 0;
	case OPT_USER:
		command->user = value;
		return 0;
	case OPT_MODULES:
		command->modules = value;
		return 0;
	case OPT_VERBOSE:
		command->verbose = true;
		return 0;
	case OPT_DUMP_INITRD:
		command->dump_initrd = value;
		return 0;
	default:
		return 1;
	}
}

struct options_more command_options(struct vm_config *config)
{
	return (struct options_more){
		.options = options,
		.letters = "",
		.stops = true,
		.apply = apply,
		.opaque = &config->command,
	};
}

void command_options_decide(struct vm_config *config, bool dashes, char *const *argv,
			    unsigned argc)
{
	struct config_command *command = &config->command;

	command->enabled = dashes || command->root || !config_boots_something(config);
	command->argv = argv;
	command->argc = dashes ? argc : 0;
}
