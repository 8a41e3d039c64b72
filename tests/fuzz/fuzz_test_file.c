/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a test in a file, its patterns and texts as well; and as JUnit's text. */
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "judge/judge.h"
#include "judge/junit.h"
#include "judge/test_file.h"

static const char *lookup(const char *name)
{
	return name[0] == 'A' ? "a value" : NULL;
}

static int type(void *opaque, const struct keys *keys, enum judge_input input,
		enum judge_place place, struct err *err)
{
	(void)opaque;
	(void)keys;
	(void)input;
	(void)place;
	(void)err;
	return 0;
}

static int64_t now(void *opaque)
{
	(void)opaque;
	return 0;
}

/* As cmd/test.c would read the words. */
static void ask(struct judge *judge, const char *word)
{
	static const struct {
		const char *option;
		int (*add)(struct judge *judge, const char *text, struct err *err);
	} options[] = {
		{ "--expect=", judge_expect },
		{ "--reject=", judge_reject },
		{ "--send=", judge_send },
		{ "--expect-end=", judge_expect_end },
	};
	struct err err;

	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const size_t n = strlen(options[i].option);

		if (strncmp(word, options[i].option, n) == 0 &&
		    options[i].add(judge, word + n, &err))
			FUZZ_CHECK(err.text[0]);
	}
}

static void check_junit(const uint8_t *data, size_t size)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	junit_escape(out, (const char *)data, size);
	fclose(out);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK((uint8_t)text[i] >= 0x20 && !strchr("<>\"'", text[i]));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct judge_ops ops = { .type = type, .now = now };
	static const char sample[] =
		"one abc 123 $# \x1b[2J\n\ttwo: panic [ok]\r\nlogin: ";
	struct judge *judge = judge_new();
	struct test_file file;
	struct err err;

	if (test_file_parse(&file, "x.test", (struct bytes){ data, size }, lookup,
			    &err)) {
		FUZZ_CHECK(strncmp(err.text, "x.test:", 7) == 0);
	} else {
		(void)test_file_suits(&file, "x86_64");
		for (unsigned i = 1; i < file.nr_words; i++)
			ask(judge, file.words[i]);
		judge_start(judge, &ops, NULL);
		judge_feed(judge, JUDGE_COM1, sample, sizeof(sample) - 1);
		judge_quiet(judge, JUDGE_COM1);
		test_file_free(&file);
	}
	judge_free(judge);
	check_junit(data, size);
	return 0;
}
