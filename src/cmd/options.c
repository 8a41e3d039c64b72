/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `tane run`. The letters are kvmtool's where it has them.
 *
 * Parsing only turns words into a struct vm_config and says which word is
 * wrong; whether the whole makes sense is for config_validate().
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "boot/flat.h"
#include "cmd/device_options.h"
#include "cmd/options.h"

enum {
	OPT_ROM = 256,
	OPT_BOOT,
	OPT_CONSOLE,
	OPT_SERIAL,
	OPT_NAME,
	OPT_NO_REBOOT,
	OPT_DEBUG_EXIT,
	OPT_DIE_WITH_PARENT,
	OPT_STATS,
	OPT_TRACE,
	OPT_PORT,
	OPT_RNG,
	OPT_BALLOON,
	OPT_VSOCK,
	OPT_VIRTIO,
	OPT_IO_THREADS,
};

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "params", required_argument, NULL, 'p' },
	{ "mem", required_argument, NULL, 'm' },
	{ "cpus", required_argument, NULL, 'c' },
	{ "rom", required_argument, NULL, OPT_ROM },
	{ "boot", required_argument, NULL, OPT_BOOT },
	{ "console", required_argument, NULL, OPT_CONSOLE },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "debug-exit", no_argument, NULL, OPT_DEBUG_EXIT },
	{ "die-with-parent", no_argument, NULL, OPT_DIE_WITH_PARENT },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "trace", no_argument, NULL, OPT_TRACE },
	{ "disk", required_argument, NULL, 'd' },
	{ "net", required_argument, NULL, 'n' },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "rng", no_argument, NULL, OPT_RNG },
	{ "balloon", required_argument, NULL, OPT_BALLOON },
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "virtio", required_argument, NULL, OPT_VIRTIO },
	{ "io-threads", required_argument, NULL, OPT_IO_THREADS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void options_print_help(FILE *out)
{
	fputs("usage: tane run -k KERNEL [options]\n"
	      "       tane run --rom FILE[@ADDR] [options]\n"
	      "\n"
	      "What to boot\n"
	      "  -k, --kernel FILE    bzImage, vmlinux, PVH or multiboot kernel\n"
	      "  -i, --initrd FILE    initial RAM disk; repeat it to append (multiboot: modules)\n"
	      "  -p, --params STR     append to the kernel's command line\n"
	      "      --boot HOW       auto, linux, pvh or multiboot          [auto]\n"
	      "      --rom FILE[@ADDR]  flat real-mode code: OUT to port 1 prints, HLT ends\n"
	      "\n"
	      "The machine\n"
	      "  -m, --mem SIZE       memory: B K M G T, no suffix = MiB      [512M]\n"
	      "  -c, --cpus N         CPUs                                    [1]\n"
	      "      --console WHAT   what is on this terminal: serial (COM1),\n"
	      "                       virtio (hvc0), none                     [serial]\n"
	      "      --serial N=WHAT  COM N (1 to 4): console, null, pty, or file:PATH to append to\n"
	      "      --debug-exit     a write of V to port 0xf4 ends with status (V << 1) | 1\n"
	      "\n",
	      out);
	device_options_print_help(out);
	fputs("Life\n"
	      "      --name NAME      a name, for messages and ps\n"
	      "      --no-reboot      a reset ends the machine (and so does a panic of Linux)\n"
	      "      --die-with-parent  shut down when the process that started us is gone\n"
	      "      --stats          print exits, times and memory at the end\n"
	      "      --trace          print each exit\n"
	      "  -h, --help           this text\n"
	      "\n"
	      "Keys, when a console reads the terminal: Ctrl-a x ends, Ctrl-a h helps; else Ctrl-C\n"
	      "presses the power button, and ends a ROM. Exit status: 0 after power off (or a reset\n"
	      "with --no-reboot, a panic included), 125 when the guest died, 2 for a wrong command\n"
	      "line, 1 for any other failure, 128 + N when signal N ended it by force.\n",
	      out);
}

int options_parse_size(const char *text, uint64_t *bytes, struct err *err)
{
	static const char suffixes[] = "BKMGT";
	const char *suffix;
	char *end;
	uint64_t value;
	unsigned shift = 20;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text))
		return err_set(err, "\"%s\" is not a size (try 512M or 2G)", text);
	if (strpbrk(end, "0123456789.,"))
		return err_set(
			err,
			"\"%s\" is not a size: its number is not whole and decimal "
			"(try 512M or 2G)",
			text);
	if (errno)
		return err_set(err, "\"%s\" is too large", text);
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return err_set(
				err, "\"%s\" is not a size: its unit is one of B K M G T",
				text);
		shift = (unsigned)(suffix - suffixes) * 10;
	}
	if (value > UINT64_MAX >> shift)
		return err_set(err, "\"%s\" is too large", text);
	*bytes = value << shift;
	return 0;
}

static int parse_cpus(const char *text, unsigned *cpus, struct err *err)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value > UINT32_MAX)
		return err_set(err, "--cpus: \"%s\" is not a number of CPUs", text);
	*cpus = (unsigned)value;
	return 0;
}

static int parse_boot(const char *text, struct vm_config *config, struct err *err)
{
	static const struct {
		const char *name;
		enum boot_protocol protocol;
	} names[] = {
		{ "auto", BOOT_AUTO },
		{ "linux", BOOT_LINUX },
		{ "pvh", BOOT_PVH },
		{ "multiboot", BOOT_MULTIBOOT },
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i].name) == 0) {
			config->protocol = names[i].protocol;
			return 0;
		}
	}
	return err_set(err, "--boot: \"%s\" is none of auto, linux, pvh, multiboot",
		       text);
}

/* This terminal is at one console. What --serial 1=... put at COM1 stays there. */
static int parse_console(const char *text, struct vm_config *config, struct err *err)
{
	const bool is_virtio = strcmp(text, "virtio") == 0;

	if (!is_virtio && strcmp(text, "serial") != 0 && strcmp(text, "none") != 0)
		return err_set(err, "--console: \"%s\" is not serial, virtio or none",
			       text);
	if (strcmp(text, "serial") == 0)
		config->serials[0].kind = SERIAL_CONSOLE;
	else if (config->serials[0].kind == SERIAL_CONSOLE || !is_virtio)
		config->serials[0].kind = SERIAL_ABSENT;
	if (is_virtio)
		device_option_hvc0(config, SERIAL_CONSOLE);
	else if (config->nr_ports == 1)
		config->nr_ports = 0;
	else if (config->nr_ports)
		device_option_hvc0(config, SERIAL_NULL);
	return 0;
}

int options_parse_end(const char *text, enum serial_kind *kind, const char **path)
{
	const char file[] = "file:";

	if (strcmp(text, "null") == 0) {
		*kind = SERIAL_NULL;
	} else if (strcmp(text, "pty") == 0) {
		*kind = SERIAL_PTY;
	} else if (strncmp(text, file, strlen(file)) == 0 && text[strlen(file)]) {
		*kind = SERIAL_FILE;
		*path = text + strlen(file);
	} else if (strchr(text, '/')) {
		*kind = SERIAL_FILE;
		*path = text;
	} else {
		return -1;
	}
	return 0;
}

static int parse_serial(const char *text, struct vm_config *config, struct err *err)
{
	const char *what = text + 2;
	unsigned number = (unsigned)(text[0] - '1');

	if (number >= CONFIG_MAX_UARTS || text[1] != '=' || !*what)
		return err_set(err, "--serial: \"%s\" is not N=WHAT with N from 1 to %d",
			       text, CONFIG_MAX_UARTS);
	config->serials[number].path = NULL;
	if (strcmp(what, "console") == 0) {
		config->serials[number].kind = SERIAL_CONSOLE;
		return 0;
	}
	if (options_parse_end(what, &config->serials[number].kind,
			      &config->serials[number].path))
		return err_set(
			err,
			"--serial: \"%s\" is not console, null, pty, file:PATH or a "
			"path with a slash in it",
			what);
	return 0;
}

/* FILE[@ADDR]: the file's name is cut off in place, argv is ours. */
static int parse_rom(char *text, struct vm_config *config, struct err *err)
{
	struct flat_spec spec;

	if (flat_parse_spec(text, &spec, err))
		return err_prefix(err, "--rom: ");
	text[spec.file_length] = '\0';
	config->rom = text;
	config->rom_address = spec.address;
	return 0;
}

static int add_initrd(const char *path, struct vm_config *config, struct err *err)
{
	if (config->nr_initrds == CONFIG_MAX_INITRDS)
		return err_set(err, "--initrd: more than %d", CONFIG_MAX_INITRDS);
	config->initrds[config->nr_initrds++] = path;
	return 0;
}

static int apply_device(int option, char *value, struct vm_config *config,
			struct err *err)
{
	switch (option) {
	case 'd':
		return device_option_disk(value, config, err);
	case 'n':
		return device_option_net(value, config, err);
	case OPT_PORT:
		return device_option_port(value, config, err);
	case OPT_BALLOON:
		return device_option_balloon(value, config, err);
	case OPT_VSOCK:
		return device_option_vsock(value, config, err);
	case OPT_VIRTIO:
		return device_option_virtio(value, config, err);
	case OPT_IO_THREADS:
		return device_option_io_threads(value, config, err);
	default: /* OPT_RNG */
		config->rng = true;
		return 0;
	}
}

static int apply(int option, char *value, struct vm_config *config, struct err *err)
{
	switch (option) {
	case 'k':
		config->kernel = value;
		return 0;
	case 'i':
		return add_initrd(value, config, err);
	case 'p':
		config->params = value;
		return 0;
	case 'm':
		return options_parse_size(value, &config->memory, err)
			       ? err_prefix(err, "--mem: ")
			       : 0;
	case 'c':
		return parse_cpus(value, &config->cpus, err);
	case OPT_ROM:
		return parse_rom(value, config, err);
	case OPT_BOOT:
		return parse_boot(value, config, err);
	case OPT_CONSOLE:
		return parse_console(value, config, err);
	case OPT_SERIAL:
		return parse_serial(value, config, err);
	case OPT_NAME:
		config->name = value;
		return 0;
	case OPT_NO_REBOOT:
		config->no_reboot = true;
		return 0;
	case OPT_DEBUG_EXIT:
		config->debug_exit = true;
		return 0;
	case OPT_DIE_WITH_PARENT:
		config->die_with_parent = true;
		return 0;
	case OPT_STATS:
		config->stats = true;
		return 0;
	case OPT_TRACE:
		config->trace = true;
		return 0;
	default:
		return apply_device(option, value, config, err);
	}
}

/*
 * getopt_long() takes any beginning of a name, which would be somebody's script that
 * breaks when an option is added.
 */
static bool is_abbreviated(const char *word, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, length) != 0 ||
	       (word[2 + length] && word[2 + length] != '=');
}

/*
 * The next option, which stands in *word. -1: there is none left; '?': it is unknown, ':':
 * it lacks its value.
 */
static int next_option(int argc, char **argv, const char **word)
{
	int index = -1;
	int option;

	*word = argv[optind ? optind : 1];
	option = getopt_long(argc, argv, "+:k:i:p:m:c:d:n:h", long_options, &index);
	if (index >= 0 && is_abbreviated(*word, long_options[index].name))
		return '?';
	return option;
}

enum options_result options_parse(int argc, char **argv, struct vm_config *config,
				  struct err *err)
{
	const char *word;
	int option;

	config_init(config);
	optind = 0; /* begin anew, also when called twice */
	opterr = 0; /* the messages are ours */
	while ((option = next_option(argc, argv, &word)) != -1) {
		if (option == 'h')
			return OPTIONS_HELP;
		if (option == '?') {
			err_set(err, "unknown option \"%s\"", word);
			return OPTIONS_ERROR;
		}
		if (option == ':') {
			err_set(err, "option \"%s\" needs a value", word);
			return OPTIONS_ERROR;
		}
		if (apply(option, optarg, config, err))
			return OPTIONS_ERROR;
	}
	if (optind < argc) {
		err_set(err, "unexpected argument \"%s\" (the kernel goes after -k)",
			argv[optind]);
		return OPTIONS_ERROR;
	}
	return config_validate(config, err) ? OPTIONS_ERROR : OPTIONS_RUN;
}
