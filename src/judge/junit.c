/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JUnit XML, as CI systems agree on it: a test suite, with a test case for each file.
 *
 * XML 1.0 has no control characters but TAB, LF and CR, not even escaped, and text must be
 * UTF-8: what is not is written as \xNN. Overlong forms, surrogates, U+FFFE and U+FFFF are
 * no text either.
 */
#include <string.h>

#include "judge/junit.h"

size_t junit_character(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] >= 0x20 || p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
	length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc0 || p[0] > 0xf4 || length > n)
		return 0;
	c = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
	    c == 0xfffe || c == 0xffff)
		return 0;
	return length;
}

void junit_escape(FILE *out, const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + n;

	while (p < end) {
		const size_t length = junit_character(p, (size_t)(end - p));

		if (!length)
			fprintf(out, "\\x%02x", *p);
		else if (strchr("<>&\"'\n\t\r", *p))
			fprintf(out, "&#%u;", *p);
		else
			fwrite(p, length, 1, out);
		p += length ? length : 1;
	}
}

static void attribute(FILE *out, const char *name, const char *text)
{
	fprintf(out, " %s=\"", name);
	junit_escape(out, text, strlen(text));
	fputc('"', out);
}

/* In text, unlike in an attribute, lines stay lines. */
static void element(FILE *out, const char *text, size_t n)
{
	while (n) {
		const char *newline = memchr(text, '\n', n);
		const size_t length = newline ? (size_t)(newline - text) : n;

		junit_escape(out, text, length);
		if (newline)
			fputc('\n', out);
		text += length + (newline != NULL);
		n -= length + (newline != NULL);
	}
}

static void write_result(FILE *out, const struct junit_case *test)
{
	const char *name = test->result == JUNIT_ERROR ? "error" : "failure";

	switch (test->result) {
	case JUNIT_PASSED:
		break;
	case JUNIT_SKIPPED:
		fputs("      <skipped", out);
		attribute(out, "message", test->message ? test->message : "");
		fputs("/>\n", out);
		break;
	default:
		fprintf(out, "      <%s", name);
		attribute(out, "message", test->message ? test->message : "");
		if (test->result != JUNIT_ERROR)
			attribute(out, "type",
				  test->result == JUNIT_TIMED_OUT ? "timeout"
								  : "verdict");
		fputs(">", out);
		element(out, test->output, test->nr_output);
		fprintf(out, "</%s>\n", name);
		break;
	}
	if (test->result == JUNIT_PASSED && test->nr_output) {
		fputs("      <system-out>", out);
		element(out, test->output, test->nr_output);
		fputs("</system-out>\n", out);
	}
}

/* The folder is the class, as far as there is one. */
static void write_case(FILE *out, const struct junit_case *test)
{
	const char *slash = strrchr(test->name, '/');

	fputs("    <testcase classname=\"", out);
	if (slash)
		junit_escape(out, test->name, (size_t)(slash - test->name));
	else
		fputs("tane", out);
	fputc('"', out);
	attribute(out, "name", slash ? slash + 1 : test->name);
	fprintf(out, " time=\"%.3f\">\n", test->seconds);
	write_result(out, test);
	fputs("    </testcase>\n", out);
}

static size_t count(const struct junit_case *cases, size_t nr, enum junit_result result)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++)
		n += cases[i].result == result;
	return n;
}

void junit_write(FILE *out, const struct junit_case *cases, size_t nr, double seconds)
{
	char totals[128];

	snprintf(totals, sizeof(totals),
		 "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" "
		 "time=\"%.3f\"",
		 nr, count(cases, nr, JUNIT_FAILED) + count(cases, nr, JUNIT_TIMED_OUT),
		 count(cases, nr, JUNIT_ERROR), count(cases, nr, JUNIT_SKIPPED), seconds);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
	fprintf(out, "<testsuites %s>\n  <testsuite name=\"tane\" %s>\n", totals, totals);
	for (size_t i = 0; i < nr; i++)
		write_case(out, &cases[i]);
	fputs("  </testsuite>\n</testsuites>\n", out);
}
