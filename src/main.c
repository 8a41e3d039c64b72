/* SPDX-License-Identifier: BSD-2-Clause */
/* tane: the table of commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/fd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "run a virtual machine" },
	{ "test", cmd_test, "run one, and judge what it prints" },
};

static void print_usage(FILE *out)
{
	fputs("usage: tane COMMAND [options]\n\n", out);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n\"tane help COMMAND\" tells more; \"tane version\" tells the version.\n",
	      out);
}

static int dispatch(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	char help[] = "--help";

	/* "help run" is "run --help". */
	if (argc == 3 && strcmp(name, "help") == 0) {
		char *swapped[] = { argv[0], argv[2], help, NULL };

		return dispatch(argc, swapped);
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0 ||
	    strcmp(name, "version") == 0) {
		puts("tane " TANE_VERSION);
		return 0;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
	    strcmp(name, "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (*name)
		fprintf(stderr, "tane: unknown command \"%s\"\n", name);
	print_usage(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct err err;
	int status;

	if (fd_open_standard(&err)) {
		fprintf(stderr, "tane: %s\n", err.text);
		return EXIT_OURS;
	}
	status = dispatch(argc, argv);
	/* Help that could not be written (a full disk) has not been given. */
	if ((!fflush(stdout) && !ferror(stdout)) || status)
		return status;
	fprintf(stderr, "tane: cannot write to the standard output: %s\n",
		strerror(errno));
	return EXIT_OURS;
}
