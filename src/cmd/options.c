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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "boot/flat.h"
#include "cmd/command_options.h"
#include "cmd/debug_options.h"
#include "cmd/device_options.h"
#include "cmd/options.h"

enum {
	OPT_ROM = 256,
	OPT_BIOS,
	OPT_CDROM,
	OPT_HUGEPAGES,
	OPT_FLOPPY,
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
	OPT_IRQCHIP,
	OPT_DUMP_DTB,
	OPT_DISPLAY,
	OPT_SCREEN_DUMP,
	OPT_GDB,
};

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, 'k' },
	{ "initrd", required_argument, NULL, 'i' },
	{ "params", required_argument, NULL, 'p' },
	{ "mem", required_argument, NULL, 'm' },
	{ "hugepages", no_argument, NULL, OPT_HUGEPAGES },
	{ "cpus", required_argument, NULL, 'c' },
	{ "rom", required_argument, NULL, OPT_ROM },
	{ "bios", optional_argument, NULL, OPT_BIOS },
	{ "boot", required_argument, NULL, OPT_BOOT },
	{ "console", required_argument, NULL, OPT_CONSOLE },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "display", required_argument, NULL, OPT_DISPLAY },
	{ "screen-dump", required_argument, NULL, OPT_SCREEN_DUMP },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "debug-exit", no_argument, NULL, OPT_DEBUG_EXIT },
	{ "die-with-parent", no_argument, NULL, OPT_DIE_WITH_PARENT },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "trace", optional_argument, NULL, OPT_TRACE },
	{ "disk", required_argument, NULL, 'd' },
	{ "floppy", required_argument, NULL, OPT_FLOPPY },
	{ "cdrom", required_argument, NULL, OPT_CDROM },
	{ "net", required_argument, NULL, 'n' },
	{ "share", required_argument, NULL, 's' },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "rng", no_argument, NULL, OPT_RNG },
	{ "balloon", required_argument, NULL, OPT_BALLOON },
	{ "vsock", required_argument, NULL, OPT_VSOCK },
	{ "virtio", required_argument, NULL, OPT_VIRTIO },
	{ "io-threads", required_argument, NULL, OPT_IO_THREADS },
	{ "irqchip", required_argument, NULL, OPT_IRQCHIP },
	{ "dump-dtb", required_argument, NULL, OPT_DUMP_DTB },
	{ "gdb", required_argument, NULL, OPT_GDB },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void options_print_help(FILE *out)
{
	fputs("usage: tane run [options] [-- COMMAND [ARGUMENTS]]\n"
	      "       tane run -k KERNEL [options]\n"
	      "       tane run -d DISK | --cdrom FILE | --floppy FILE [options]\n"
	      "       tane run --rom FILE[@ADDR] [options]\n"
	      "\n"
	      "What to boot (nothing named: this host's kernel, for a command)\n"
	      "  -k, --kernel FILE    bzImage, vmlinux, PVH or multiboot kernel\n"
	      "  -i, --initrd FILE    initial RAM disk; repeat it to append (multiboot: modules)\n"
	      "  -p, --params STR     append to the kernel's command line\n"
	      "      --boot HOW       of a kernel: auto, linux, pvh or multiboot  [auto]\n"
	      "      --boot WHAT,...  of firmware: disk, cdrom, floppy, net    [as given]\n"
	      "      --bios[=FILE]    boot as a PC does, from firmware: SeaBIOS, or FILE\n"
	      "      --floppy FILE[,ro]  floppy disk of 360K, 720K, 1.2M, 1.44M or 2.88M; two\n"
	      "                       at most\n"
	      "      --rom FILE[@ADDR]  flat real-mode code: OUT to port 1 prints, HLT ends\n"
	      "\n"
	      "The machine\n"
	      "  -m, --mem SIZE       memory: B K M G T, no suffix = MiB      [512M, or 1G for a command]\n"
	      "      --hugepages      take it from the host's pool of huge pages (2 MiB)\n"
	      "  -c, --cpus N         CPUs                                    [1]\n"
	      "      --console WHAT   what is on this terminal: serial (COM1),\n"
	      "                       virtio (hvc0), none                     [serial]\n"
	      "      --serial N=WHAT  COM N (1 to 4): console, null, pty, or file:PATH to append to\n"
	      "      --display WHAT   the screen of a PC: none, or text: in this terminal [none]\n"
	      "      --screen-dump FILE  write the text of the screen at the end\n"
	      "      --irqchip WHICH  auto; riscv64: plic, aia; arm64: gicv2, gicv3  [auto]\n"
	      "      --debug-exit     a write of V to port 0xf4 ends with status (V << 1) | 1\n"
	      "\n",
	      out);
	device_options_print_help(out);
	command_options_print_help(out);
	fputs("Life\n"
	      "      --name NAME      a name, for messages and ps\n"
	      "      --no-reboot      a reset ends the machine (and so does a panic of Linux)\n"
	      "      --die-with-parent  shut down when the process that started us is gone\n"
	      "      --stats          print exits, times and memory at the end\n"
	      "      --trace          print each exit; --trace=firmware: the firmware's log\n"
	      "      --gdb [HOST:]PORT|unix:PATH[,nowait][,arch=i8086|i386|x86-64]\n"
	      "                       a debugger says when the guest begins; HOST is 127.0.0.1\n"
	      "      --dump-dtb FILE  write the device tree that the guest gets, and end\n"
	      "  -h, --help           this text\n"
	      "\n"
	      "Keys, when a console reads the terminal: Ctrl-a x ends, Ctrl-a h helps; else Ctrl-C\n"
	      "presses the power button, and ends a ROM. Exit status: 0 after power off (or a reset\n"
	      "with --no-reboot, a panic included), 125 when the guest died, 2 for a wrong command\n"
	      "line, 1 for any other failure, 128 + N when signal N ended it by force.\n"
	      "With a command all keys are its own, but Ctrl-] three times within a second ends it by\n"
	      "force. The status is the command's: 128 + N if signal N killed it, 127 and 126 if it is\n"
	      "not there or cannot be run; and 125 for any failure that is not the command's.\n",
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

static int parse_irqchip(const char *text, struct vm_config *config, struct err *err)
{
	static const char *const names[] = {
		[IRQCHIP_AUTO] = "auto",   [IRQCHIP_PLIC] = "plic",
		[IRQCHIP_AIA] = "aia",     [IRQCHIP_GICV2] = "gicv2",
		[IRQCHIP_GICV3] = "gicv3",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			config->irqchip = (enum irqchip)i;
			return 0;
		}
	}
	return err_set(err, "--irqchip: \"%s\" is none of auto, plic, aia, gicv2, gicv3",
		       text);
}

static int boot_word_unknown(const char *word, struct err *err)
{
	return err_set(
		err,
		"--boot: \"%s\" is none of auto, linux, pvh, multiboot (of a kernel), "
		"and none of disk, cdrom, floppy, net (of firmware)",
		word);
}

/* "cdrom,disk": these first, then what the command line has named so far. */
static int parse_boot_order(char *text, struct vm_config *config, struct err *err)
{
	static const char *const names[BOOT_SOURCES] = {
		[BOOT_FROM_DISK] = "disk",
		[BOOT_FROM_CDROM] = "cdrom",
		[BOOT_FROM_FLOPPY] = "floppy",
		[BOOT_FROM_NET] = "net",
	};
	const struct vm_config before = *config;
	char *word;

	config->nr_boot_order = 0;
	config->boot_order_asked = true;
	while ((word = strsep(&text, ","))) {
		unsigned source = 0;

		while (source < BOOT_SOURCES && strcmp(word, names[source]) != 0)
			source++;
		if (source == BOOT_SOURCES)
			return boot_word_unknown(word, err);
		config_boot_from(config, source);
	}
	for (unsigned i = 0; i < before.nr_boot_order; i++)
		config_boot_from(config, before.boot_order[i]);
	return 0;
}

static int parse_boot(char *text, struct vm_config *config, struct err *err)
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
	return parse_boot_order(text, config, err);
}

static int parse_display(const char *text, struct vm_config *config, struct err *err)
{
	if (strcmp(text, "none") == 0)
		config->display = DISPLAY_NONE;
	else if (strcmp(text, "text") == 0)
		config->display = DISPLAY_TEXT;
	else
		return err_set(err, "--display: \"%s\" is not none or text", text);
	return 0;
}

/* This terminal is at one console. What --serial 1=... put at COM1 stays there. */
static int parse_console(const char *text, struct vm_config *config, struct err *err)
{
	const bool is_virtio = strcmp(text, "virtio") == 0;

	if (!is_virtio && strcmp(text, "serial") != 0 && strcmp(text, "none") != 0)
		return err_set(err, "--console: \"%s\" is not serial, virtio or none",
			       text);
	config->serials[0].by_default = false;
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
	config->serials[number].by_default = false;
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

static int parse_trace(const char *text, struct vm_config *config, struct err *err)
{
	if (!text)
		config->trace = true;
	else if (strcmp(text, "firmware") == 0)
		config->trace_firmware = true;
	else
		return err_set(err, "--trace: \"%s\" is not firmware", text);
	return 0;
}

static int parse_bios(const char *path, struct vm_config *config, struct err *err)
{
	if (path && !*path)
		return err_set(err,
			       "--bios=: name a file, or leave the = out for SeaBIOS");
	config->firmware = true;
	config->bios = path;
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
	case OPT_CDROM:
		return device_option_cdrom(value, config, err);
	case 'n':
		return device_option_net(value, config, err);
	case OPT_FLOPPY:
		return device_option_floppy(value, config, err);
	case 's':
		return device_option_share(value, config, err);
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
		config->memory_by_default = false;
		return options_parse_size(value, &config->memory, err)
			       ? err_prefix(err, "--mem: ")
			       : 0;
	case OPT_HUGEPAGES:
		config->hugepages = true;
		return 0;
	case 'c':
		return parse_cpus(value, &config->cpus, err);
	case OPT_ROM:
		return parse_rom(value, config, err);
	case OPT_BIOS:
		return parse_bios(value, config, err);
	case OPT_BOOT:
		return parse_boot(value, config, err);
	case OPT_CONSOLE:
		return parse_console(value, config, err);
	case OPT_SERIAL:
		return parse_serial(value, config, err);
	case OPT_IRQCHIP:
		return parse_irqchip(value, config, err);
	case OPT_DISPLAY:
		return parse_display(value, config, err);
	case OPT_SCREEN_DUMP:
		config->screen_dump = value;
		return 0;
	case OPT_DUMP_DTB:
		config->dump_dtb = value;
		return 0;
	case OPT_GDB:
		return debug_option_gdb(value, config, err);
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
		return parse_trace(value, config, err);
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

/* How many options another command may have of its own. */
#define MAX_MORE 32

/* What a command takes: the options of `tane run`, and its own. */
struct grammar {
	const struct options_more *more;
	struct option options[sizeof(long_options) / sizeof(long_options[0]) + MAX_MORE];
	char letters[64];
};

static void init_grammar(struct grammar *grammar, const struct options_more *more)
{
	const size_t own = sizeof(long_options) / sizeof(long_options[0]) - 1;
	size_t n = 0;

	memset(grammar, 0, sizeof(*grammar));
	grammar->more = more;
	memcpy(grammar->options, long_options, sizeof(long_options));
	while (n < MAX_MORE && more->options[n].name) {
		grammar->options[own + n] = more->options[n];
		n++;
	}
	snprintf(grammar->letters, sizeof(grammar->letters), "%s:k:i:p:m:c:d:n:s:h%s",
		 more->stops ? "+" : "-", more->letters);
}

/*
 * The next option, which stands in *word. -1: there is none left; '?': it is unknown, ':':
 * it lacks its value; 1: a word that is no option.
 */
static int next_option(const struct grammar *grammar, int argc, char **argv,
		       const char **word)
{
	int index = -1;
	int option;

	*word = argv[optind ? optind : 1];
	option = getopt_long(argc, argv, grammar->letters, grammar->options, &index);
	if (index >= 0 && is_abbreviated(*word, grammar->options[index].name))
		return '?';
	return option;
}

/* No name of an option is as long. */
#define MAX_NAME 32

/* How many letters to add, drop or change to get from a to b; MAX_NAME: one is too long. */
static unsigned distance(const char *a, size_t a_length, const char *b)
{
	const size_t b_length = strlen(b);
	unsigned row[MAX_NAME];

	if (a_length >= MAX_NAME || b_length >= MAX_NAME)
		return MAX_NAME;
	for (unsigned j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 0; i < a_length; i++) {
		unsigned diagonal = row[0]++;

		for (size_t j = 0; j < b_length; j++) {
			const unsigned changed = diagonal + (a[i] != b[j]);
			const unsigned moved =
				(row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = changed < moved ? changed : moved;
		}
	}
	return row[b_length];
}

/* The only option that begins so, or else the nearest that is near; NULL: none. */
static const char *similar(const struct grammar *grammar, const char *name)
{
	const size_t length = strcspn(name, "=");
	const char *begins = NULL, *nearest = NULL;
	unsigned nr_begin = 0, best = 3;

	if (length < 3) /* near to too many */
		return NULL;
	for (const struct option *o = grammar->options; o->name; o++) {
		const unsigned d = distance(name, length, o->name);

		if (d == 0) /* its value is what is wrong */
			return NULL;
		if (strncmp(o->name, name, length) == 0) {
			begins = o->name;
			nr_begin++;
		}
		if (d < best) {
			nearest = o->name;
			best = d;
		}
	}
	return nr_begin == 1 ? begins : nearest;
}

static void unknown(const struct grammar *grammar, const char *word, struct err *err)
{
	const char *name =
		strncmp(word, "--", 2) == 0 ? similar(grammar, word + 2) : NULL;

	if (name)
		err_set(err, "unknown option \"%s\": did you mean --%s?", word, name);
	else
		err_set(err, "unknown option \"%s\"", word);
}

static int apply_or_more(const struct options_more *more, int option, char *value,
			 struct vm_config *config, struct err *err)
{
	int r = more->apply(more->opaque, option, value, err);

	return r > 0 ? apply(option, value, config, err) : r;
}

/* *dashes: they ended with a "--", and not with a word that is none. */
static enum options_result parse(int argc, char **argv, struct vm_config *config,
				 const struct options_more *more, bool *dashes,
				 struct err *err)
{
	struct grammar grammar;
	const char *word;
	int option;

	init_grammar(&grammar, more);
	config_init(config);
	optind = 0; /* begin anew, also when called twice */
	opterr = 0; /* the messages are ours */
	while ((option = next_option(&grammar, argc, argv, &word)) != -1) {
		if (option == 'h')
			return OPTIONS_HELP;
		if (option == '?') {
			unknown(&grammar, word, err);
			return OPTIONS_ERROR;
		}
		if (option == ':') {
			err_set(err, "option \"%s\" needs a value", word);
			return OPTIONS_ERROR;
		}
		if (apply_or_more(more, option, optarg, config, err))
			return OPTIONS_ERROR;
	}
	*dashes = word && strcmp(word, "--") == 0;
	return OPTIONS_RUN;
}

int options_check(struct vm_config *config, struct err *err)
{
	config_complete(config);
	return config_validate(config, err) || arch_validate(config, err) ? -1 : 0;
}

static void unexpected(const char *word, const char *before, struct err *err)
{
	if (strcmp(before, "--bios") == 0)
		err_set(err, "unexpected argument \"%s\" (did you mean --bios=%s?)", word,
			word);
	else
		err_set(err,
			"unexpected argument \"%s\" (a command goes after --, a kernel "
			"after -k, a disk or a boot sector after -d)",
			word);
}

enum options_result options_parse(int argc, char **argv, struct vm_config *config,
				  struct err *err)
{
	const struct options_more more = command_options(config);
	bool dashes = false;
	const enum options_result result = parse(argc, argv, config, &more, &dashes, err);

	if (result != OPTIONS_RUN)
		return result;
	if (optind < argc && !dashes) {
		unexpected(argv[optind], argv[optind - 1], err);
		return OPTIONS_ERROR;
	}
	command_options_decide(config, dashes, argv + optind, (unsigned)(argc - optind));
	return options_check(config, err) ? OPTIONS_ERROR : OPTIONS_RUN;
}

enum options_result options_parse_more(int argc, char **argv, struct vm_config *config,
				       const struct options_more *more, struct err *err)
{
	bool dashes;
	const enum options_result result = parse(argc, argv, config, more, &dashes, err);

	/* What stands behind "--". */
	for (; result == OPTIONS_RUN && optind < argc; optind++) {
		if (more->apply(more->opaque, 1, argv[optind], err))
			return OPTIONS_ERROR;
	}
	return result;
}

int options_position(void)
{
	return optind - 1;
}
