/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A test in a file.
 *
 *	# a comment, on a line of its own
 *	run: -k kernel.elf -m 64M	options of `tane run`, as words of a shell
 *	expect: REGEX			and so on: the options of `tane test`, without --
 *	arch: x86_64 arm64		only there
 *
 * What surrounds a value is trimmed; in double quotes a pattern keeps its blanks. Words
 * after "run:" may stand in '' or "", or have a \ in front, and ${NAME} is the environment
 * variable; there is no more of a shell. A key may be repeated, as the option may be.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge/test_file.h"

#define MAX_WORD 4096u

struct parser {
	struct test_file *file;
	const char *(*lookup)(const char *name);
	unsigned line;
	char word[MAX_WORD + 1]; /* that is being put together */
	size_t nr;
};

static int add_word(struct parser *parser, const char *word, size_t n, struct err *err)
{
	struct test_file *file = parser->file;

	if (file->nr_words == TEST_FILE_WORDS)
		return err_set(err, "more than %u words", TEST_FILE_WORDS);
	file->words[file->nr_words] = strndup(word, n);
	if (!file->words[file->nr_words])
		return err_set(err, "no memory");
	file->lines[file->nr_words++] = parser->line;
	return 0;
}

static int put(struct parser *parser, const char *text, size_t n, struct err *err)
{
	if (n > MAX_WORD - parser->nr)
		return err_set(err, "a word of more than %u bytes", MAX_WORD);
	memcpy(parser->word + parser->nr, text, n);
	parser->nr += n;
	return 0;
}

/* ${NAME}, at *p, which goes behind it. */
static int put_variable(struct parser *parser, const char **p, const char *end,
			struct err *err)
{
	const char *name = *p + 2;
	const char *close = memchr(name, '}', (size_t)(end - name));
	char text[64];
	const char *value;

	if (!close || close == name || (size_t)(close - name) >= sizeof(text))
		return err_set(err, "\"%.*s\" is no ${NAME}",
			       (int)(end - *p < 20 ? end - *p : 20), *p);
	memcpy(text, name, (size_t)(close - name));
	text[close - name] = '\0';
	value = parser->lookup(text);
	if (!value)
		return err_set(err, "the environment variable %s is not set", text);
	*p = close + 1;
	return put(parser, value, strlen(value), err);
}

/* The text in quotes that begin at *p, which goes behind it. */
static int put_quoted(struct parser *parser, const char **p, const char *end,
		      struct err *err)
{
	const char quote = *(*p)++;

	while (*p < end && **p != quote) {
		const bool is_double = quote == '"';

		if (is_double && **p == '$' && end - *p > 1 && (*p)[1] == '{') {
			if (put_variable(parser, p, end, err))
				return -1;
			continue;
		}
		if (is_double && **p == '\\' && end - *p > 1 && strchr("\"\\$", (*p)[1]))
			(*p)++;
		if (put(parser, (*p)++, 1, err))
			return -1;
	}
	if (*p == end)
		return err_set(err, "a %c is not closed", quote);
	(*p)++;
	return 0;
}

/* The word that begins at *p, which goes behind it. */
static int take_word(struct parser *parser, const char **p, const char *end,
		     struct err *err)
{
	parser->nr = 0;
	while (*p < end && !isblank((unsigned char)**p)) {
		int r;

		if (**p == '\'' || **p == '"') {
			r = put_quoted(parser, p, end, err);
		} else if (**p == '$' && end - *p > 1 && (*p)[1] == '{') {
			r = put_variable(parser, p, end, err);
		} else {
			if (**p == '\\' && end - *p > 1)
				(*p)++;
			r = put(parser, (*p)++, 1, err);
		}
		if (r)
			return -1;
	}
	return add_word(parser, parser->word, parser->nr, err);
}

static int take_run(struct parser *parser, const char *p, const char *end,
		    struct err *err)
{
	while (p < end) {
		if (isblank((unsigned char)*p))
			p++;
		else if (take_word(parser, &p, end, err))
			return -1;
	}
	return 0;
}

static int take_arch(struct parser *parser, const char *p, const char *end,
		     struct err *err)
{
	if (parser->file->arch)
		return err_set(err, "arch: given twice");
	parser->file->arch = strndup(p, (size_t)(end - p));
	return parser->file->arch ? 0 : err_set(err, "no memory");
}

static int take_option(struct parser *parser, const char *key, const char *p,
		       const char *end, struct err *err)
{
	const bool is_pattern = strcmp(key, "expect") == 0 || strcmp(key, "reject") == 0;
	char option[32];
	int n;

	if (is_pattern && end - p >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
	}
	/* In one word, so that a value may begin with a dash. */
	n = snprintf(option, sizeof(option), "--%s=", key);
	parser->nr = 0;
	return put(parser, option, (size_t)n, err) ||
			       put(parser, p, (size_t)(end - p), err) ||
			       add_word(parser, parser->word, parser->nr, err)
		       ? -1
		       : 0;
}

static int take_key(struct parser *parser, const char *key, size_t length, const char *p,
		    const char *end, struct err *err)
{
	static const char *const options[] = { "expect", "reject", "send", "expect-end",
					       "timeout" };

	if (p == end)
		return err_set(err, "nothing stands after \"%.*s:\"",
			       (int)(length < 40 ? length : 40), key);
	if (length == 3 && memcmp(key, "run", 3) == 0)
		return take_run(parser, p, end, err);
	if (length == 4 && memcmp(key, "arch", 4) == 0)
		return take_arch(parser, p, end, err);
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strlen(options[i]) == length && memcmp(key, options[i], length) == 0)
			return take_option(parser, options[i], p, end, err);
	}
	return err_set(err,
		       "\"%.*s\" is none of run, expect, reject, send, expect-end, "
		       "timeout, arch",
		       (int)(length < 40 ? length : 40), key);
}

static int take_line(struct parser *parser, const char *p, const char *end,
		     struct err *err)
{
	const char *colon;

	if (memchr(p, '\0', (size_t)(end - p)))
		return err_set(err, "a zero byte: this is no text");
	while (p < end && isspace((unsigned char)*p))
		p++;
	while (p < end && isspace((unsigned char)end[-1]))
		end--;
	if (p == end || *p == '#')
		return 0;
	colon = memchr(p, ':', (size_t)(end - p));
	if (!colon)
		return err_set(err, "\"%.*s\" is no \"KEY: VALUE\"",
			       (int)(end - p < 40 ? end - p : 40), p);
	for (const char *value = colon + 1;; value++) {
		if (value == end || !isblank((unsigned char)*value))
			return take_key(parser, p, (size_t)(colon - p), value, end, err);
	}
}

int test_file_parse(struct test_file *file, const char *path, struct bytes text,
		    const char *(*lookup)(const char *name), struct err *err)
{
	struct parser parser = { .file = file, .lookup = lookup };
	const char *p = (const char *)text.data, *all = p + text.size;
	int r;

	*file = (struct test_file){ .nr_words = 0 };
	r = add_word(&parser, "test", 4, err);
	while (!r && p < all) {
		const char *newline = memchr(p, '\n', (size_t)(all - p));
		const char *end = newline ? newline : all;

		parser.line++;
		r = take_line(&parser, p, end, err);
		p = newline ? newline + 1 : all;
	}
	if (!r)
		return 0;
	test_file_free(file);
	return err_prefix(err, "%s:%u: ", path, parser.line);
}

void test_file_free(struct test_file *file)
{
	for (unsigned i = 0; i < file->nr_words; i++)
		free(file->words[i]);
	free(file->arch);
	*file = (struct test_file){ .nr_words = 0 };
}

bool test_file_suits(const struct test_file *file, const char *arch)
{
	const size_t n = strlen(arch);

	if (!file->arch)
		return true;
	for (const char *p = file->arch; *p; p += strspn(p, " \t")) {
		const size_t length = strcspn(p, " \t");

		if (length == n && memcmp(p, arch, n) == 0)
			return true;
		p += length;
	}
	return false;
}
