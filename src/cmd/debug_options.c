/* SPDX-License-Identifier: BSD-2-Clause */
/* --gdb: where the debugger connects, and what it sees. */
#include <string.h>

#include "cmd/debug_options.h"
#include "cmd/suboptions.h"

/* PORT, HOST:PORT or [HOST]:PORT; the host is cut off in place. */
static int parse_tcp(char *text, struct config_gdb *gdb, struct err *err)
{
	char *colon = strrchr(text, ':'), *host = text;
	const char *port = colon ? colon + 1 : text;

	gdb->host = "127.0.0.1";
	if (suboption_number(port, 0, 65535, &gdb->port, err))
		return err_prefix(err,
				  "\"%s\" is not PORT, HOST:PORT or unix:PATH: ", text);
	if (!colon || colon == text)
		return 0;
	*colon = '\0';
	if (*host == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	gdb->host = host;
	return 0;
}

int debug_option_gdb(char *text, struct vm_config *config, struct err *err)
{
	static const char *const archs[] = { "auto", "i8086", "i386", "x86-64", NULL };
	static const char unix_socket[] = "unix:";
	struct config_gdb *gdb = &config->gdb;
	const char *first;
	unsigned arch = 0;
	const struct suboption table[] = {
		{ .key = "nowait", .kind = SUBOPTION_SWITCH, .value = &gdb->nowait },
		{ .key = "arch",
		  .kind = SUBOPTION_CHOICE,
		  .value = &arch,
		  .names = archs },
	};

	*gdb = (struct config_gdb){ .enabled = true };
	if (suboptions_parse(text, &first, table, 2, err))
		return err_prefix(err, "--gdb: ");
	gdb->arch = (enum debug_arch)arch;
	if (strncmp(first, unix_socket, strlen(unix_socket)) == 0) {
		gdb->path = first + strlen(unix_socket);
		return *gdb->path ? 0 : err_set(err, "--gdb: unix: needs a path");
	}
	return parse_tcp((char *)first, gdb, err) ? err_prefix(err, "--gdb: ") : 0;
}
