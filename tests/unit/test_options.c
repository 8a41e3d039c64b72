/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `tane run`: what it means, and what it says when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "cmd/options.h"
#include "core/config.h"

static struct vm_config config;
static struct err err;
static char words[32][64];

/* Parse the words of `line`, separated by single spaces. */
static enum options_result parse(const char *line)
{
	char *argv[33];
	int argc = 0;
	const char *at = line;

	while (*at) {
		size_t n = strcspn(at, " ");

		assert_true(argc < 32 && n < sizeof(words[0]));
		memcpy(words[argc], at, n);
		words[argc][n] = '\0';
		argv[argc] = words[argc];
		argc++;
		at += n + (at[n] == ' ');
	}
	argv[argc] = NULL;
	err.text[0] = '\0';
	return options_parse(argc, argv, &config, &err);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("run -k vmlinuz"), OPTIONS_RUN);
	assert_string_equal(config.kernel, "vmlinuz");
	assert_int_equal(config.memory, 512 << 20);
	assert_int_equal(config.cpus, 1);
	assert_int_equal(config.serials[0].kind, SERIAL_CONSOLE);
	assert_int_equal(config.serials[1].kind, SERIAL_ABSENT);
	assert_false(config.no_reboot || config.stats || config.trace ||
		     config.debug_exit);
}

static void test_everything(void **state)
{
	(void)state;
	assert_int_equal(
		parse("run --kernel=k -i one --initrd two -p quiet --mem 3G -c 4 --boot linux "
		      "--serial 2=null --serial 4=/tmp/log --serial 3=pty --name n "
		      "--no-reboot --debug-exit --die-with-parent --stats --trace"),
		OPTIONS_RUN);
	assert_int_equal(config.nr_initrds, 2);
	assert_string_equal(config.initrds[1], "two");
	assert_string_equal(config.params, "quiet");
	assert_true(config.memory == 3ull << 30);
	assert_int_equal(config.cpus, 4);
	assert_int_equal(config.protocol, BOOT_LINUX);
	assert_int_equal(config.serials[1].kind, SERIAL_NULL);
	assert_int_equal(config.serials[2].kind, SERIAL_PTY);
	assert_int_equal(config.serials[3].kind, SERIAL_FILE);
	assert_string_equal(config.serials[3].path, "/tmp/log");
	assert_true(config.no_reboot && config.debug_exit && config.die_with_parent);
	assert_true(config.stats && config.trace);
}

/* A word that is none of ours is no file's name; with a slash or file: it is. */
static void test_files_of_ports(void **state)
{
	(void)state;
	assert_int_equal(parse("run -k x --serial 2=file:log --serial 3=./log "
			       "--port a=file:null --port b=/dev/tty1"),
			 OPTIONS_RUN);
	assert_string_equal(config.serials[1].path, "log");
	assert_string_equal(config.serials[2].path, "./log");
	assert_int_equal(config.ports[1].kind, SERIAL_FILE);
	assert_string_equal(config.ports[1].path, "null");
	assert_string_equal(config.ports[2].path, "/dev/tty1");
}

static void test_size_as_text(void **state)
{
	char text[CONFIG_SIZE_TEXT];

	(void)state;
	assert_string_equal(config_size(0, text), "0B");
	assert_string_equal(config_size(5000, text), "5000B");
	assert_string_equal(config_size(1536ull << 20, text), "1536M");
	assert_string_equal(config_size(100ull << 40, text), "100T");
	assert_string_equal(config_size(UINT64_MAX, text), "18446744073709551615B");
}

/* What only a PC has is refused elsewhere, with the name of the architecture. */
static void needs_a_pc(const char *line)
{
	if (strcmp(arch_name, "x86_64") == 0)
		return;
	assert_int_equal(parse(line), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, arch_name));
	skip();
}

static void test_protocols_of_a_pc(void **state)
{
	(void)state;
	needs_a_pc("run -k x --boot pvh");
	assert_int_equal(parse("run -k x --boot pvh"), OPTIONS_RUN);
	assert_int_equal(config.protocol, BOOT_PVH);
}

static void test_firmware(void **state)
{
	(void)state;
	needs_a_pc("run --bios");
	assert_int_equal(parse("run --bios"), OPTIONS_RUN);
	assert_true(config.firmware && !config.bios);
	assert_int_equal(parse("run --bios=file -k x"), OPTIONS_RUN);
	assert_true(config.firmware);
	assert_string_equal(config.bios, "file");
	/* A disk alone is booted by firmware; a kernel boots itself. */
	assert_int_equal(parse("run -d x"), OPTIONS_RUN);
	assert_true(config.firmware && !config.bios);
	assert_int_equal(parse("run -d x -k y"), OPTIONS_RUN);
	assert_false(config.firmware);
	assert_int_equal(parse("run -d x --trace=firmware"), OPTIONS_RUN);
	assert_true(config.trace_firmware && !config.trace);
	assert_int_equal(parse("run -d x --trace=all"), OPTIONS_ERROR);
	assert_string_equal(err.text, "--trace: \"all\" is not firmware");
	assert_int_equal(parse("run -k x --trace=firmware"), OPTIONS_ERROR);
	assert_int_equal(parse("run -d x -p quiet"), OPTIONS_ERROR);
	assert_int_equal(parse("run -d x -i y"), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, "belong to --kernel"));
	assert_int_equal(parse("run -d x -i y -k z"), OPTIONS_RUN);
	/* A command finds its kernel later. */
	assert_int_equal(parse("run -p quiet -i y --boot linux -- true"), OPTIONS_RUN);
	assert_int_equal(parse("run -d x -p quiet -- true"), OPTIONS_RUN);
	assert_int_equal(parse("run --bios="), OPTIONS_ERROR);
	assert_int_equal(parse("run --bios --rom x"), OPTIONS_ERROR);
	assert_string_equal(err.text, "--rom and --bios exclude each other");
	assert_int_equal(parse("run --bios -m 1M"), OPTIONS_ERROR);
	assert_string_equal(err.text,
			    "--mem: 1024 KiB: a PC with firmware needs at least 2 MiB");
}

static void check_order(const char *line, enum boot_source first, unsigned nr)
{
	needs_a_pc(line);
	assert_int_equal(parse(line), OPTIONS_RUN);
	assert_int_equal(config.nr_boot_order, nr);
	assert_int_equal(config.boot_order[0], first);
}

/* What --boot names first, wherever it stands; then devices as they were given. */
static void test_boot_order(void **state)
{
	(void)state;
	check_order("run -d x", BOOT_FROM_DISK, 1);
	check_order("run -d x --boot cdrom", BOOT_FROM_CDROM, 2);
	assert_int_equal(config.boot_order[1], BOOT_FROM_DISK);
	check_order("run --boot floppy,cdrom -d x -d y", BOOT_FROM_FLOPPY, 3);
	assert_int_equal(config.boot_order[1], BOOT_FROM_CDROM);
	assert_int_equal(config.boot_order[2], BOOT_FROM_DISK);
	check_order("run -d x --boot disk,disk,disk,cdrom", BOOT_FROM_DISK, 2);
}

/* A network is booted only if --boot says so, and then without a disk, too. */
static void test_boot_from_network(void **state)
{
	(void)state;
	needs_a_pc("run -n user --boot net");
	assert_int_equal(parse("run -n user"), OPTIONS_RUN);
	assert_true(config.command.enabled);
	check_order("run -d x -n user", BOOT_FROM_DISK, 1);
	assert_false(config_boots_from(&config, BOOT_FROM_NET));
	check_order("run -n user --boot net", BOOT_FROM_NET, 1);
	assert_true(config.firmware);
	check_order("run -d x -n tap --boot net", BOOT_FROM_NET, 2);
	assert_int_equal(parse("run --boot net"), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, "--boot net: there is no network"));
	assert_int_equal(parse("run --boot net -n user --virtio mmio"), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, "on PCI only"));
	assert_int_equal(parse("run -k x --boot net -n user"), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, "is for firmware: add --bios"));
	assert_int_equal(parse("run --rom x --boot net"), OPTIONS_ERROR);
}

/* A command runs where "--" or --root says so, or nothing to boot is named. */
static void test_command(void **state)
{
	(void)state;
	assert_int_equal(parse("run -- make -k check"), OPTIONS_RUN);
	assert_true(config.command.enabled && !config.kernel);
	assert_int_equal(config.command.argc, 3);
	assert_string_equal(config.command.argv[1], "-k");
	assert_null(config.command.argv[3]);
	assert_true(config.memory == 1ull << 30);
	assert_true(config.no_reboot);
	assert_int_equal(parse("run -k x -m 512M -- true"), OPTIONS_RUN);
	assert_string_equal(config.kernel, "x");
	assert_true(config.memory == 512 << 20);
	assert_int_equal(parse("run"), OPTIONS_RUN);
	assert_true(config.command.enabled);
	assert_int_equal(config.command.argc, 0);
	assert_int_equal(parse("run -c 2 --"), OPTIONS_RUN);
	assert_true(config.command.enabled);
	assert_int_equal(parse("run -k x --root /"), OPTIONS_RUN);
	assert_true(config.command.enabled);
	/* The second one is the command's; and one may be a value. */
	assert_int_equal(parse("run -- -- a"), OPTIONS_RUN);
	assert_int_equal(config.command.argc, 2);
	assert_int_equal(parse("run -k x -p -- a"), OPTIONS_ERROR);
	assert_non_null(strstr(err.text, "unexpected argument \"a\""));
	assert_int_equal(parse("run -k x -p --"), OPTIONS_RUN);
	assert_false(config.command.enabled);
	/* A disk goes with a command, and does not boot then. */
	assert_int_equal(parse("run -d x -- a"), OPTIONS_RUN);
	assert_false(config.firmware);
}

static void test_options_of_a_command(void **state)
{
	(void)state;
	assert_int_equal(parse("run --root /srv/tree --rw --env A --env B=c --cwd /tmp "
			       "--user 1000:100 --modules /m --verbose -- true"),
			 OPTIONS_RUN);
	assert_string_equal(config.command.root, "/srv/tree");
	assert_string_equal(config.command.env[0], "A");
	assert_string_equal(config.command.env[1], "B=c");
	assert_int_equal(config.command.nr_env, 2);
	assert_string_equal(config.command.cwd, "/tmp");
	assert_string_equal(config.command.user, "1000:100");
	assert_string_equal(config.command.modules, "/m");
	assert_true(config.command.writable && config.command.verbose);
}

static void test_rom(void **state)
{
	(void)state;
	needs_a_pc("run --rom hello.bin");
	assert_int_equal(parse("run --rom hello.bin@0x7c00"), OPTIONS_RUN);
	assert_string_equal(config.rom, "hello.bin");
	assert_int_equal(config.rom_address, 0x7c00);
	assert_int_equal(parse("run --rom hello.bin"), OPTIONS_RUN);
	assert_int_equal(config.rom_address, 0);
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(parse("run -h"), OPTIONS_HELP);
	assert_int_equal(parse("run -k x --help"), OPTIONS_HELP);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1", 1ull << 20 },  { "4096B", 4096 },
		{ "4k", 4096 },       { "128M", 128ull << 20 },
		{ "5G", 5ull << 30 }, { "2t", 2ull << 40 },
		{ "0", 0 },
	};
	static const char *const bad[] = { "",
					   "M",
					   "-1",
					   "+1",
					   "1X",
					   "1MB",
					   "1.5G",
					   " 1G",
					   "0x10",
					   "17592186044416M",
					   "99999999999999999999" };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(options_parse_size(good[i].text, &bytes, &err), 0);
		assert_true(bytes == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(options_parse_size(bad[i], &bytes, &err), -1);
}

static void test_errors(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "run true", "unexpected argument \"true\" (a command goes after --" },
		{ "run --rom x -- true", "--rom runs no command" },
		{ "run --bios -- true", "--bios runs no command" },
		{ "run --boot multiboot -- true", "a kernel of Linux" },
		{ "run --boot cdrom -- true", "is for firmware" },
		{ "run --display text -- true", "the terminal is the command's" },
		{ "run --console none -- true", "COM1 takes the kernel's" },
		{ "run --console virtio -- true", "COM1 takes the kernel's" },
		{ "run --serial 1=null -- true", "COM1 takes the kernel's" },
		{ "run --serial 2=console -- true", "--serial 2=console: a command" },
		{ "run --port tane.x=null -- true", "--port tane.x: names that begin" },
		{ "run --env =x -- true", "\"=x\" is not NAME" },
		{ "run --cwd sub -- true", "\"sub\" is a path in the guest" },
		{ "run -k x --rw", "put \"--\" and it behind them" },
		{ "run -k x --env A=B", "put \"--\" and it behind them" },
		{ "run -d x --user root", "put \"--\" and it behind them" },
		{ "run --frobnicate", "unknown option \"--frobnicate\"" },
		{ "run -k", "\"-k\" needs a value" },
		{ "run -k x y",
		  "unexpected argument \"y\" (a command goes after --, a kernel" },
		{ "run --bios x", "\"x\" (did you mean --bios=x?)" },
		{ "run -k x -c 0", "1 to 4096" },
		{ "run -k x -c 4097", "1 to 4096" },
		{ "run -k x -c two", "\"two\" is not a number" },
		{ "run -k x -c -1", "\"-1\" is not a number" },
		{ "run -k x -m 0", "not 0" },
		{ "run -k x -m 1000B", "multiple of 4 KiB" },
		{ "run -k x -m 1", "at least 2 MiB" },
		{ "run -k x -m 3X", "B K M G T" },
		{ "run -k x -m 3MM", "B K M G T" },
		{ "run -k x -m 1.5G", "\"1.5G\" is not a size: its number" },
		{ "run -k x -m 0x200", "\"0x200\" is not a size: its number" },
		{ "run -k x -m 1e3", "\"1e3\" is not a size: its number" },
		{ "run -k x -m 99999999999999999999", "is too large" },
		{ "run --kern x", "unknown option \"--kern\": did you mean --kernel?" },
		{ "run --shrae x", "unknown option \"--shrae\": did you mean --share?" },
		{ "run --Kernal=x", "\"--Kernal=x\": did you mean --kernel?" },
		{ "run --cwdd x -- true", "\"--cwdd\": did you mean --cwd?" },
		{ "run -k x --no-reb", "unknown option \"--no-reb\"" },
		{ "run --kern=x", "unknown option \"--kern=x\"" },
		{ "run -k x --serial 2=nul", "\"nul\" is not console, null, pty" },
		{ "run -k x --serial 2=file:", "\"file:\" is not console, null, pty" },
		{ "run -k x --serial 2=ser.log", "\"ser.log\" is not console" },
		{ "run -k x --port a=log",
		  "--port a: \"log\" is not null, pty, file:PATH" },
		{ "run -k x --boot uefi", "\"uefi\" is none of" },
		{ "run -k x --console vga", "is not serial, virtio or none" },
		{ "run -k x --serial 5=null", "N from 1 to 4" },
		{ "run -k x --serial 1", "N=WHAT" },
		{ "run -k x --serial 2=console", "COM1 is the console already" },
		{ "run -k x --console none --serial 3=console --serial 4=console",
		  "COM3 is the console already, so COM4" },
		{ "run -k x --serial 1=", "N=WHAT" },
		{ "run -k x --rom y", "exclude each other" },
		{ "run --rom y -i z", "belong to --kernel" },
		{ "run --rom y -c 2", "one CPU" },
		{ "run --rom y@zz", "--rom" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(cases[i].line), OPTIONS_ERROR);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].line,
				 err.text, cases[i].says);
	}
}

static void test_too_many_initrds(void **state)
{
	(void)state;
	assert_int_equal(
		parse("run -ka -i1 -i2 -i3 -i4 -i5 -i6 -i7 -i8 -i9 -ia -ib -ic -id -ie "
		      "-if -ig"),
		OPTIONS_RUN);
	assert_int_equal(
		parse("run -ka -i1 -i2 -i3 -i4 -i5 -i6 -i7 -i8 -i9 -ia -ib -ic -id -ie "
		      "-if -ig -ih"),
		OPTIONS_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_files_of_ports),
		cmocka_unit_test(test_size_as_text),
		cmocka_unit_test(test_protocols_of_a_pc),
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_boot_order),
		cmocka_unit_test(test_boot_from_network),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_options_of_a_command),
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_too_many_initrds),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
