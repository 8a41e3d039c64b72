/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pattern: regcomp(3) and regexec(3), within bounds.
 *
 * The C library repeats what stands in front of {N} N times, and of + twice, so that a
 * short expression may take all memory: what it grows to is counted first (a_size()), and
 * much is refused. So are back-references, which POSIX has not in extended expressions,
 * and which make a search take for ever.
 *
 * The library also remembers states that it met while it searched. What it searches is
 * the guest's, so the expression is compiled anew now and then, which forgets them.
 *
 * No locale is set: a byte is a character. UTF-8 is found, but a "." is one byte of it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "judge/pattern.h"

#define MAX_LENGTH   1024
#define MAX_DEPTH    32
#define MAX_SIZE     4096u
#define FORGET_AFTER (16u << 10)

#define FLAGS (REG_EXTENDED | REG_NEWLINE)

/* How large a piece of an expression gets; more than MAX_SIZE is all the same. */
struct pieces {
	uint32_t sum[MAX_DEPTH]; /* of each open group, and of the whole */
	uint32_t last;           /* the piece that a repetition would repeat */
	unsigned depth;
};

static uint32_t limited(uint64_t size)
{
	return size > MAX_SIZE ? MAX_SIZE + 1 : (uint32_t)size;
}

static void add_piece(struct pieces *pieces, uint32_t size)
{
	uint32_t *sum = &pieces->sum[pieces->depth];

	*sum = limited((uint64_t)*sum + pieces->last);
	pieces->last = size;
}

/* Behind a bracket expression that begins at `p`. */
static const char *skip_brackets(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		const char kind = p[1];

		if (*p == '[' && kind && strchr(".:=", kind)) {
			const char end[] = { kind, ']', '\0' };
			const char *close = strstr(p + 2, end);

			p = close ? close + 2 : p + 1;
		} else {
			p++;
		}
	}
	return *p ? p + 1 : p;
}

/* {N}, {N,} or {N,M}: the larger number, or 1 if it is none of them. */
static uint32_t repetitions(const char *p)
{
	unsigned long n = strtoul(p + 1, NULL, 10);
	const char *comma = p + 1 + strspn(p + 1, "0123456789");

	if (*comma == ',' && isdigit((unsigned char)comma[1]))
		n = strtoul(comma + 1, NULL, 10);
	else if (*comma == ',')
		n++;
	return n ? limited(n) : 1;
}

static int open_group(struct pieces *pieces, struct err *err)
{
	if (pieces->depth + 1 == MAX_DEPTH)
		return err_set(err, "more than %d groups in each other", MAX_DEPTH - 1);
	add_piece(pieces, 0);
	pieces->sum[++pieces->depth] = 0;
	return 0;
}

static void close_group(struct pieces *pieces)
{
	if (!pieces->depth)
		return;
	add_piece(pieces, 0);
	pieces->last = limited(pieces->sum[pieces->depth--] + 1ull);
}

/* Refuse what would grow too large. Whether it is well formed is for regcomp(). */
static int check(const char *text, struct err *err)
{
	struct pieces pieces = { .depth = 0 };
	const char *p = text;

	if (!*text)
		return err_set(err, "it is empty");
	if (strlen(text) > MAX_LENGTH)
		return err_set(err, "more than %d bytes", MAX_LENGTH);
	while (*p) {
		if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
			return err_set(err, "\\%c: there are no back-references", p[1]);
		if (*p == '\\' && p[1]) {
			add_piece(&pieces, 1);
			p += 2;
			continue;
		}
		if (*p == '[') {
			add_piece(&pieces, 1);
			p = skip_brackets(p);
			continue;
		}
		if (*p == '(' && open_group(&pieces, err))
			return -1;
		if (*p == ')')
			close_group(&pieces);
		else if (*p == '{')
			pieces.last = limited((uint64_t)pieces.last * repetitions(p));
		else if (*p == '+')
			pieces.last = limited(pieces.last * 2ull);
		else if (*p != '(')
			add_piece(&pieces, 1);
		p++;
	}
	while (pieces.depth)
		close_group(&pieces);
	add_piece(&pieces, 0);
	if (pieces.sum[0] > MAX_SIZE)
		return err_set(err, "its repetitions make it too large");
	return 0;
}

int pattern_init(struct pattern *pattern, const char *text, struct err *err)
{
	char why[128];
	int error;

	*pattern = (struct pattern){ .text = NULL };
	if (check(text, err))
		return err_prefix(err, "\"%.80s\": ", text);
	error = regcomp(&pattern->regex, text, FLAGS);
	if (error) {
		regerror(error, &pattern->regex, why, sizeof(why));
		return err_set(err, "\"%.200s\" is no extended regular expression: %s",
			       text, why);
	}
	pattern->text = strdup(text);
	if (pattern->text)
		return 0;
	regfree(&pattern->regex);
	return err_set(err, "no memory");
}

void pattern_destroy(struct pattern *pattern)
{
	if (!pattern->text)
		return;
	regfree(&pattern->regex);
	free(pattern->text);
	pattern->text = NULL;
}

static void forget(struct pattern *pattern)
{
	regex_t fresh;

	pattern->searched = 0;
	if (regcomp(&fresh, pattern->text, FLAGS))
		return; /* no memory: go on with the old one */
	regfree(&pattern->regex);
	pattern->regex = fresh;
}

bool pattern_find(struct pattern *pattern, const char *line, size_t from, size_t length,
		  bool open, size_t *end)
{
	regmatch_t match = { .rm_so = (regoff_t)from, .rm_eo = (regoff_t)length };

	pattern->searched += length - from;
	if (pattern->searched > FORGET_AFTER)
		forget(pattern);
	if (regexec(&pattern->regex, line, 1, &match,
		    REG_STARTEND | (open ? REG_NOTEOL : 0)))
		return false;
	*end = (size_t)match.rm_eo;
	return true;
}
