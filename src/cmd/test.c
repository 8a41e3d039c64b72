/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tane test: run a virtual machine, and judge what it prints.
 *
 * With options of a machine it is one test, which runs in this process (test_run.c).
 * With files, or folders of them, it is many (test_suite.c). A file says the same as a
 * command line, and is read by the same parser.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/test.h"
#include "dev/keymap.h"
#include "util/fd.h"

#define DEFAULT_TIMEOUT "30s"
#define MAX_JOBS        1024

enum {
	OPT_EXPECT = 512,
	OPT_REJECT,
	OPT_SEND,
	OPT_EXPECT_END,
	OPT_TIMEOUT,
	OPT_JUNIT,
};

static const struct option test_options[] = {
	{ "expect", required_argument, NULL, OPT_EXPECT },
	{ "reject", required_argument, NULL, OPT_REJECT },
	{ "send", required_argument, NULL, OPT_SEND },
	{ "expect-end", required_argument, NULL, OPT_EXPECT_END },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "junit", required_argument, NULL, OPT_JUNIT },
	{ "jobs", required_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
	fputs("usage: tane test [options of tane run] --expect REGEX [options]\n"
	      "       tane test [-j N] [--junit FILE] FILE.test|FOLDER...\n"
	      "\n"
	      "Runs a machine until the verdict is known: all that is expected has been seen, on\n"
	      "its serial ports, debug console or screen; or it cannot be any more.\n"
	      "\n"
	      "One test\n"
	      "      --expect REGEX     this appears; several: one after the other\n"
	      "      --reject REGEX     this does not\n"
	      "      --send TEXT        type, once the --expects before it were seen\n"
	      "      --send 'after REGEX: TEXT'  type, when REGEX appears\n"
	      "      --expect-end HOW   it ends: poweroff, reset, crash, or exit=N: it writes N to\n"
	      "                         the port of --debug-exit\n"
	      "      --timeout TIME     ms, s, m or h; without a letter, seconds      [30s]\n"
	      "  -v, --verbose          print what the guest prints, as it comes\n"
	      "\n"
	      "REGEX is that of grep -E, for a line. In front of it may stand where: @serial,\n"
	      "@serial1 to @serial4, @hvc0, @debug or @screen, and a blank. TEXT has \\n \\r \\t \\e\n"
	      "\\\\ \\xNN and keys such as <enter>, <f1>, <ctrl-c>; it goes where the REGEX was seen,\n"
	      "or where @serial, @serial1 to @serial4, @hvc0 or @keys in front of it says.\n"
	      "\n"
	      "Many tests\n"
	      "  -j, --jobs N           run so many at once                [one for each CPU]\n"
	      "      --junit FILE       write the results as JUnit XML\n"
	      "\n"
	      "A file has lines \"run: OPTIONS\", \"expect: REGEX\" and so on; its paths begin at its\n"
	      "folder. tane.1 and docs/judge.md tell more.\n"
	      "\n"
	      "Exit status: 0 passed, 1 failed, 124 timed out, 2 wrong command line, 77 the file is\n"
	      "for other architectures, 125 could not be run; of many tests: 0 all passed (or\n"
	      "were skipped), 1 some did not.\n",
	      out);
}

static int parse_timeout(const char *text, struct test *test, struct err *err)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {
		{ "ms", 1000000 },    { "s", 1000000000 },    { "", 1000000000 },
		{ "m", 60000000000 }, { "h", 3600000000000 },
	};
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) == 0 && isdigit((unsigned char)*text) &&
		    !errno && value && value <= 1000000000) {
			test->timeout_ns = (int64_t)value * units[i].ns;
			snprintf(test->timeout, sizeof(test->timeout), "%lu%s", value,
				 *end ? end : "s");
			return 0;
		}
	}
	return err_set(err, "--timeout: \"%s\" is not a time (try 500ms, 30s or 2m)",
		       text);
}

static int parse_jobs(const char *text, unsigned *jobs, struct err *err)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || !value || value > MAX_JOBS)
		return err_set(err, "--jobs: \"%s\" is not a number from 1 to %d", text,
			       MAX_JOBS);
	*jobs = (unsigned)value;
	return 0;
}

static int add_path(struct test_options *options, char *path, struct err *err)
{
	char **paths = realloc(options->paths,
			       (options->nr_paths + 2) * sizeof(*options->paths));

	if (!paths)
		return err_set(err, "no memory");
	options->paths = paths;
	paths[options->nr_paths++] = path;
	paths[options->nr_paths] = NULL;
	return 0;
}

/* What is for many tests only. */
static int apply_many(struct test_options *options, int option, char *value,
		      struct err *err)
{
	if (options->in_file && option == 1)
		return err_set(err, "\"%s\" is no option", value);
	if (options->in_file)
		return err_set(err, "-j, -v and --junit belong to the command line");
	switch (option) {
	case 'j':
		return parse_jobs(value, &options->jobs, err);
	case 'v':
		options->test.verbose = true;
		return 0;
	case OPT_JUNIT:
		options->junit = value;
		return 0;
	default:
		return add_path(options, value, err);
	}
}

static const char *prefix(int option)
{
	for (unsigned i = 0; test_options[i].name; i++) {
		if (test_options[i].val == option)
			return test_options[i].name;
	}
	return "";
}

static int apply_judge(struct test_options *options, int option, const char *value,
		       struct err *err)
{
	switch (option) {
	case OPT_EXPECT:
		return judge_expect(options->judge, value, err);
	case OPT_REJECT:
		return judge_reject(options->judge, value, err);
	case OPT_SEND:
		return judge_send(options->judge, value, err);
	default:
		return judge_expect_end(options->judge, value, err);
	}
}

static int apply(void *opaque, int option, char *value, struct err *err)
{
	struct test_options *options = opaque;

	switch (option) {
	case 1:
	case 'j':
	case 'v':
	case OPT_JUNIT:
		return apply_many(options, option, value, err);
	case OPT_TIMEOUT:
		options->given = "--timeout";
		return parse_timeout(value, &options->test, err);
	case OPT_EXPECT:
	case OPT_REJECT:
	case OPT_SEND:
	case OPT_EXPECT_END:
		options->given = prefix(option);
		return apply_judge(options, option, value, err)
			       ? err_prefix(err, "--%s: ", prefix(option))
			       : 0;
	default:
		options->given = "of a machine";
		return 1;
	}
}

/* Keys that no serial line has are for a keyboard: are they on one? */
static int check_keys(const struct judge *judge, struct err *err)
{
	for (unsigned i = 0; i < judge->nr_watches; i++) {
		const struct keys *keys = judge->watches[i].keys;
		const char *text = keys && keys->no_serial[0] ? keys->typed : "";
		struct key_press press;
		int r;

		do {
			r = keymap_next(&text, &press, err);
		} while (r > 0);
		if (r < 0)
			return err_prefix(err, "--send: ");
	}
	return 0;
}

/* An option that a test has no use for; NULL: none was given. */
static const char *run_only(const struct vm_config *config)
{
	if (config->dump_dtb)
		return "--dump-dtb";
	if (config->display != DISPLAY_NONE)
		return "--display text";
	if (config->stats)
		return "--stats";
	return config->die_with_parent ? "--die-with-parent" : NULL;
}

/* What a test asks of its machine by what it expects. */
static int complete(struct test_options *options, struct err *err)
{
	struct test *test = &options->test;
	struct vm_config *config = &test->config;

	if (!judge_has_work(options->judge))
		return err_set(err, "nothing is expected: --expect or --expect-end says "
				    "what");
	if (check_keys(options->judge, err))
		return -1;
	if (run_only(config))
		return err_set(err, "%s belongs to tane run", run_only(config));
	config->tapped = true;
	if (!config->rom)
		config->screen = arch_has_screen;
	if (options->judge->end == JUDGE_END_EXIT)
		config->debug_exit = true;
	if (options->judge->end == JUDGE_END_RESET)
		config->no_reboot = true;
	if (options_check(config, err))
		return -1;
	/* With firmware a triple fault is a reset, but for those who want none. */
	if (options->judge->end == JUDGE_END_CRASH && config->firmware)
		config->no_reboot = true;
	return 0;
}

int test_parse(int argc, char **argv, struct test_options *options, struct err *err)
{
	const struct options_more more = {
		.options = test_options,
		.letters = "j:v",
		.apply = apply,
		.opaque = options,
	};
	enum options_result result;

	options->judge = judge_new();
	if (!options->judge)
		return err_set(err, "no memory");
	options->test.judge = options->judge;
	(void)parse_timeout(DEFAULT_TIMEOUT, &options->test, err);
	result = options_parse_more(argc, argv, &options->test.config, &more, err);
	if (result != OPTIONS_RUN)
		return result == OPTIONS_HELP ? 1 : -1;
	if (!options->nr_paths && options->junit)
		return err_set(err, "--junit is for tests in files");
	if (!options->nr_paths && options->jobs)
		return err_set(err, "--jobs is for tests in files");
	if (!options->nr_paths)
		return complete(options, err);
	if (options->given)
		return err_set(err, "options of a test belong into its file");
	return 0;
}

void test_options_free(struct test_options *options)
{
	judge_free(options->judge);
	free(options->paths);
}

static void quote(const char *word, FILE *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_=+/.,:@%";

	fputc(' ', out);
	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (; *word; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			fputc(*word, out);
	}
	fputc('\'', out);
}

char *test_quote(int argc, char *const *argv)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs("tane", out);
	for (int i = 0; i < argc; i++)
		quote(argv[i], out);
	fclose(out);
	return text;
}

int cmd_test(int argc, char **argv)
{
	struct test_options options = { .jobs = 0 };
	struct test_result result = { .status = EXIT_PASSED };
	struct err err = { "no memory" };
	/* Before it is parsed: that takes some words to pieces. */
	char *repeat = test_quote(argc, argv);
	int r = repeat ? test_parse(argc, argv, &options, &err) : -1;

	options.test.repeat = repeat;
	if (r > 0) {
		print_help(stdout);
	} else if (r < 0) {
		fprintf(stderr,
			"tane: %s\ntane: \"tane test --help\" lists the options\n",
			err.text);
		result.status = EXIT_USAGE;
	} else if (options.nr_paths) {
		result.status = test_suite(&options);
	} else {
		test_run(&options.test, &result);
	}
	test_options_free(&options);
	free(repeat);
	return result.status;
}
