/* SPDX-License-Identifier: BSD-2-Clause */
/* What the judge tells people about a test that failed. */
#include <string.h>

#include "judge/judge.h"

const char *judge_place_name(enum judge_place place)
{
	static const char *const names[] = {
		[JUDGE_COM1] = "serial port 1", [JUDGE_COM2] = "serial port 2",
		[JUDGE_COM3] = "serial port 3", [JUDGE_COM4] = "serial port 4",
		[JUDGE_HVC0] = "hvc0",          [JUDGE_DEBUG] = "the debug console",
		[JUDGE_SCREEN] = "the screen",
	};

	return place < JUDGE_NR_PLACES ? names[place] : "nothing";
}

static void print_watch(const struct watch *watch, FILE *out)
{
	const char *text = watch->pattern.text;
	const double seconds = (double)watch->done_ns / 1e9;

	switch (watch->kind) {
	case WATCH_EXPECT:
		if (watch->done)
			fprintf(out, "  seen    %8.3f s  \"%s\" on %s\n", seconds, text,
				judge_place_name(watch->where));
		else
			fprintf(out, "  missing             \"%s\"\n", text);
		break;
	case WATCH_TYPE:
	case WATCH_ANSWER:
		if (watch->done)
			fprintf(out, "  sent    %8.3f s  ", seconds);
		else
			fprintf(out, "  unsent              ");
		for (const char *p = watch->keys->typed; *p; p++) {
			if (*p == '\n')
				fputs("\\n", out);
			else
				fputc(*p == '\t' || (uint8_t)*p >= 0x20 ? *p : '?', out);
		}
		fputc('\n', out);
		break;
	case WATCH_REJECT:
		break;
	}
}

static void print_last_lines(const char *text, size_t n, FILE *out)
{
	size_t from = n;
	unsigned lines = 0;

	while (from &&
	       (text[from - 1] != '\n' || from == n || ++lines < JUDGE_LAST_LINES))
		from--;
	fwrite(text + from, n - from, 1, out);
	if (n && text[n - 1] != '\n')
		fputc('\n', out);
}

void judge_report(const struct judge *judge, FILE *out)
{
	size_t n = judge->nr_screen;

	for (unsigned i = 0; i < judge->nr_watches; i++)
		print_watch(&judge->watches[i], out);
	for (enum judge_place place = 0; place < JUDGE_NR_PORTS; place++) {
		const struct transcript *port = &judge->ports[place];

		if (!port->used)
			continue;
		fprintf(out, "--- %s\n", judge_place_name(place));
		print_last_lines(port->text, port->used, out);
	}
	/* A picture is shown whole, but for empty rows at its end. */
	while (n > 1 && judge->screen[n - 2] == '\n')
		n--;
	if (n > 1) {
		fprintf(out, "--- %s\n", judge_place_name(JUDGE_SCREEN));
		fwrite(judge->screen, n, 1, out);
	}
}
