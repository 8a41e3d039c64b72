/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the judge is asked to watch for, from texts:
 *
 *	expect, reject	[@PLACE ]PATTERN
 *	send		[@INPUT ]TEXT, or after [@PLACE ]PATTERN: [@INPUT ]TEXT
 *
 * Of "after", the pattern ends at the first ": ", or stands in double quotes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"

#define SERIAL_PLACES ((1u << JUDGE_DEBUG) - 1) /* and hvc0 */
#define ALL_PLACES    ((1u << JUDGE_NR_PLACES) - 1)

static const struct {
	const char *word;
	unsigned places;
} places[] = {
	{ "serial", SERIAL_PLACES },     { "serial1", 1u << JUDGE_COM1 },
	{ "serial2", 1u << JUDGE_COM2 }, { "serial3", 1u << JUDGE_COM3 },
	{ "serial4", 1u << JUDGE_COM4 }, { "hvc0", 1u << JUDGE_HVC0 },
	{ "debug", 1u << JUDGE_DEBUG },  { "screen", 1u << JUDGE_SCREEN },
};

static const struct {
	const char *word;
	enum judge_input input;
} inputs[] = {
	{ "serial", JUDGE_TO_SERIAL }, { "serial1", JUDGE_TO_COM1 },
	{ "serial2", JUDGE_TO_COM2 },  { "serial3", JUDGE_TO_COM3 },
	{ "serial4", JUDGE_TO_COM4 },  { "hvc0", JUDGE_TO_HVC0 },
	{ "keys", JUDGE_TO_KEYBOARD },
};

/* Is `word` what stands between @ and a blank at `text`? */
static bool is_word(const char *text, const char *word)
{
	const size_t n = strlen(word);

	return strncmp(text + 1, word, n) == 0 && text[1 + n] == ' ';
}

static const char *skip_word(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

static int take_places(const char **text, unsigned *mask, struct err *err)
{
	*mask = ALL_PLACES;
	if (**text != '@')
		return 0;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (is_word(*text, places[i].word)) {
			*mask = places[i].places;
			*text = skip_word(*text);
			return 0;
		}
	}
	return err_set(err,
		       "\"%.20s\": @ is followed by serial, serial1 to serial4, hvc0, "
		       "debug or screen, and a blank ([@] is the character)",
		       *text);
}

static int take_input(const char **text, enum judge_input *input, struct err *err)
{
	*input = JUDGE_TO_MATCH;
	if (**text != '@')
		return 0;
	for (unsigned i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		if (is_word(*text, inputs[i].word)) {
			*input = inputs[i].input;
			*text = skip_word(*text);
			return 0;
		}
	}
	return err_set(err,
		       "\"%.20s\": @ is followed by keys, serial, serial1 to serial4 or "
		       "hvc0, and a blank (\\x40 is the character)",
		       *text);
}

static struct watch *add(struct judge *judge, enum watch_kind kind, struct err *err)
{
	struct watch *watch = &judge->watches[judge->nr_watches];

	if (judge->nr_watches == JUDGE_MAX_WATCHES) {
		err_set(err, "more than %d of --expect, --reject and --send",
			JUDGE_MAX_WATCHES);
		return NULL;
	}
	memset(watch, 0, sizeof(*watch));
	watch->kind = kind;
	watch->where = JUDGE_NR_PLACES;
	return watch;
}

static int add_pattern(struct judge *judge, enum watch_kind kind, const char *text,
		       struct err *err)
{
	struct watch *watch = add(judge, kind, err);

	if (!watch || take_places(&text, &watch->places, err) ||
	    pattern_init(&watch->pattern, text, err))
		return -1;
	judge->nr_watches++;
	return 0;
}

int judge_expect(struct judge *judge, const char *text, struct err *err)
{
	return add_pattern(judge, WATCH_EXPECT, text, err);
}

int judge_reject(struct judge *judge, const char *text, struct err *err)
{
	return add_pattern(judge, WATCH_REJECT, text, err);
}

/* Where the pattern at `text` ends, and where what is sent begins. */
static int split_after(const char *text, const char **end, const char **rest,
		       struct err *err)
{
	if (*text == '"') {
		*end = strstr(text + 1, "\":");
		*rest = *end ? *end + 2 : NULL;
	} else {
		*end = strstr(text, ": ");
		*rest = *end ? *end + 1 : NULL;
	}
	if (!*end)
		return err_set(err, "\"after %.60s\" is not: after PATTERN: TEXT", text);
	*rest += strspn(*rest, " ");
	return 0;
}

static int add_after(struct judge *judge, struct watch *watch, const char *text,
		     struct err *err)
{
	const char *end, *rest;
	char *pattern;
	int r;

	if (take_places(&text, &watch->places, err) ||
	    split_after(text, &end, &rest, err) ||
	    take_input(&rest, &watch->input, err) || keys_parse(watch->keys, rest, err))
		return -1;
	if (*text == '"')
		text++;
	pattern = strndup(text, (size_t)(end - text));
	if (!pattern)
		return err_set(err, "no memory");
	r = pattern_init(&watch->pattern, pattern, err);
	free(pattern);
	if (!r)
		judge->nr_watches++;
	return r;
}

int judge_send(struct judge *judge, const char *text, struct err *err)
{
	static const char after[] = "after ";
	const bool is_answer = strncmp(text, after, strlen(after)) == 0;
	struct watch *watch = add(judge, is_answer ? WATCH_ANSWER : WATCH_TYPE, err);
	int r;

	if (!watch)
		return -1;
	watch->keys = malloc(sizeof(*watch->keys));
	if (!watch->keys)
		return err_set(err, "no memory");
	if (is_answer) {
		text += strlen(after);
		r = add_after(judge, watch, text + strspn(text, " "), err);
	} else {
		r = take_input(&text, &watch->input, err) ||
				    keys_parse(watch->keys, text, err)
			    ? -1
			    : 0;
		judge->nr_watches += !r;
	}
	if (r)
		free(watch->keys);
	return r;
}

int judge_expect_end(struct judge *judge, const char *text, struct err *err)
{
	static const struct {
		const char *word;
		enum judge_end end;
	} ends[] = {
		{ "poweroff", JUDGE_END_POWEROFF },
		{ "reset", JUDGE_END_RESET },
		{ "crash", JUDGE_END_CRASH },
	};
	unsigned long long value;
	char *end;

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(text, ends[i].word) == 0) {
			judge->end = ends[i].end;
			return 0;
		}
	}
	errno = 0;
	value = strncmp(text, "exit=", 5) == 0 ? strtoull(text + 5, &end, 0) : 0;
	if (strncmp(text, "exit=", 5) != 0 || !isdigit((unsigned char)text[5]) || *end ||
	    errno || value > UINT32_MAX)
		return err_set(err, "\"%s\" is none of poweroff, reset, crash, exit=N",
			       text);
	judge->end = JUDGE_END_EXIT;
	judge->end_value = (uint32_t)value;
	return 0;
}

bool judge_has_work(const struct judge *judge)
{
	for (unsigned i = 0; i < judge->nr_watches; i++) {
		if (judge->watches[i].kind == WATCH_EXPECT)
			return true;
	}
	return judge->end != JUDGE_END_ANY;
}
