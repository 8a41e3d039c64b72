/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that prints any bytes on any port and shows any screen, before a judge who
 * waits for many things at once. The verdict stays what it is.
 */
#include <stdlib.h>

#include "chip.h"
#include "judge/judge.h"

static int type(void *opaque, const struct keys *keys, enum judge_input input,
		enum judge_place place, struct err *err)
{
	unsigned *count = opaque;

	(void)input;
	FUZZ_CHECK(place <= JUDGE_NR_PLACES && keys->nr_serial <= KEYS_MAX);
	return ++*count % 7 ? 0 : err_set(err, "no");
}

static int64_t now(void *opaque)
{
	(void)opaque;
	return 0;
}

static const struct judge_ops ops = { .type = type, .now = now };

/* Their first letters say what they are. */
static const char *const watches[] = {
	"E^$",
	"E[a-c]+x?$",
	"E@serial b|(cd)*e",
	"E@screen ^ ",
	"E[[:space:]]$",
	"Rpanic",
	"R@screen \t$",
	"Rz{3}$",
	"Sx",
	"S@keys <f1>",
	"Safter a: b",
	"Safter a: c",
	"Safter \"^ \": d",
	"Ea",
	"Ef.*g",
};

static void add(struct judge *judge, unsigned which)
{
	const char *text = watches[which % (sizeof(watches) / sizeof(watches[0]))];
	struct err err;

	if (*text == 'E')
		(void)judge_expect(judge, text + 1, &err);
	else if (*text == 'R')
		(void)judge_reject(judge, text + 1, &err);
	else
		(void)judge_send(judge, text + 1, &err);
}

/* The next few bytes of the input. */
static const uint8_t *take(struct fuzz_input *input, size_t *n)
{
	const uint8_t *data = input->data;

	if (*n > input->size)
		*n = input->size;
	data = input->data;
	input->data += *n;
	input->size -= *n;
	return data;
}

static void happen(struct judge *judge, struct fuzz_input *input)
{
	const uint8_t what = (uint8_t)fuzz_next(input, 1);
	size_t n = fuzz_next(input, 1);
	const uint8_t *data = take(input, &n);
	char *much;

	switch (what == 0xff ? 16 : what % 16) {
	case 0:
		judge_quiet(judge, what / 16 % JUDGE_NR_PLACES);
		break;
	case 1:
	case 2:
	case 3:
		judge_show(judge, (const char *)data, n);
		break;
	case 16: /* a flood of the same */
		much = malloc(70000);
		memset(much, n && data[0] != '\n' ? data[0] : 'x', 70000);
		for (unsigned i = 0; i < 70000; i += 500)
			much[i] = '\n';
		judge_feed(judge, what / 16 % JUDGE_NR_PORTS, much, 70000);
		free(much);
		break;
	default:
		judge_feed(judge, what / 16 % JUDGE_NR_PORTS, data, n);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct judge *judge;
	unsigned typed = 0, nr = fuzz_next(&input, 1) % 8;
	enum judge_verdict verdict;
	FILE *null;

	/* Each line is looked at by each pattern: more would only take longer. */
	if (size > 1024)
		return -1;
	judge = judge_new();
	while (nr--)
		add(judge, (unsigned)fuzz_next(&input, 1));
	judge_start(judge, &ops, &typed);
	while (input.size)
		happen(judge, &input);
	verdict = judge->verdict;
	judge_end(judge, JUDGE_END_CRASH, 0, "crashed");
	FUZZ_CHECK(judge->verdict != JUDGE_UNDECIDED);
	FUZZ_CHECK(!verdict || verdict == judge->verdict);
	null = fopen("/dev/null", "w");
	judge_report(judge, null);
	fclose(null);
	judge_free(judge);
	return 0;
}
