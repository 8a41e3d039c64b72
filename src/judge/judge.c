/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge.
 *
 * Watches are tried on lines, as grep does; a line without an end counts as well, so that
 * prompts are seen. $ waits for the end of the line, or until nothing came for a moment.
 *
 *	expect	in turn: each is looked for behind what the one before it has matched, at
 *		the same place. What appears at different places has no order.
 *	send	in turn: typed once the expectations before it were seen
 *	answer	"after PATTERN: TEXT", by itself: typed once, when its pattern appears; those
 *		with the same pattern take turns
 *	reject	at any time; the test has failed
 *
 * Lines are judged one by one, so when a line ends the test, what came after it in
 * the same piece of output does not matter.
 *
 * The screen is a picture and no stream. A mark in it (behind the last match) moves with
 * the row that it is in: that is looked for upwards, since screens scroll. If it is gone,
 * so is the mark.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"

#define ALL_PLACES ((1u << JUDGE_NR_PLACES) - 1)
#define SCREEN     (1u << JUDGE_SCREEN)

struct judge *judge_new(void)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->last = JUDGE_NR_PLACES;
	return judge;
}

void judge_free(struct judge *judge)
{
	if (!judge)
		return;
	for (unsigned i = 0; i < judge->nr_watches; i++) {
		pattern_destroy(&judge->watches[i].pattern);
		free(judge->watches[i].keys);
	}
	free(judge);
}

static bool is_in_turn(const struct watch *watch)
{
	return watch->kind == WATCH_EXPECT || watch->kind == WATCH_TYPE;
}

static void decide(struct judge *judge, enum judge_verdict verdict, const char *fmt,
		   va_list ap)
{
	if (judge->verdict)
		return;
	judge->verdict = verdict;
	if (fmt)
		vsnprintf(judge->why, sizeof(judge->why), fmt, ap);
}

static void __attribute__((format(printf, 2, 3)))
fail(struct judge *judge, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	decide(judge, JUDGE_FAILED, fmt, ap);
	va_end(ap);
}

/* -- the streams -- */

/* The beginning of the line that `at` is in. */
static size_t line_start(const struct transcript *port, size_t at)
{
	const char *newline = memrchr(port->text, '\n', at);

	return newline ? (size_t)(newline - port->text) + 1 : 0;
}

/* Look in what `port` printed since watch->from. *end: a position behind the match. */
static bool find_printed(const struct judge *judge, struct watch *watch,
			 enum judge_place place, uint64_t *end)
{
	const struct transcript *port = &judge->ports[place];
	uint64_t *from = &watch->from[place];
	size_t at;

	if (*from < port->base)
		*from = port->base;
	/* A backspace may have taken what was matched. */
	if (*from > transcript_end(port))
		*from = transcript_end(port);
	at = (size_t)(*from - port->base);
	while (at < port->used) {
		const char *newline = memchr(port->text + at, '\n', port->used - at);
		const size_t stop = newline ? (size_t)(newline - port->text) : port->used;
		const size_t start = line_start(port, at);
		size_t match;

		if (pattern_find(&watch->pattern, port->text + start, at - start,
				 stop - start, !newline && !(judge->quiet & 1u << place),
				 &match)) {
			*end = port->base + start + match;
			return true;
		}
		if (!newline)
			return false;
		at = stop + 1;
		*from = port->base + at;
	}
	return false;
}

/* -- the screen -- */

/* The row that begins at `row`, without its line feed. NULL: there is none. */
static const char *screen_row(const struct judge *judge, const char *row, size_t *length)
{
	const char *end = judge->screen + judge->nr_screen;
	const char *newline = row < end ? memchr(row, '\n', (size_t)(end - row)) : NULL;

	if (!newline)
		return NULL;
	*length = (size_t)(newline - row);
	return row;
}

/* The row number `number`. */
static const char *nth_row(const struct judge *judge, unsigned number, size_t *length)
{
	const char *row = screen_row(judge, judge->screen, length);

	while (row && number--)
		row = screen_row(judge, row + *length + 1, length);
	return row;
}

/* May there be more to come at the end of the row? */
static bool is_open(const struct judge *judge, unsigned row)
{
	return !(judge->quiet & SCREEN) && row < JUDGE_ROWS && judge->changed[row];
}

/*
 * In a row of the screen. Nobody can see whether a blank is at its end, so a pattern may
 * have one there, as that of a prompt.
 */
static bool find_in_row(struct pattern *pattern, const char *row, size_t from,
			size_t length, bool open, size_t *end)
{
	char with_blank[1024];

	if (from > length)
		return false;
	if (pattern_find(pattern, row, from, length, open, end))
		return true;
	if (length + 1 >= sizeof(with_blank))
		return false;
	memcpy(with_blank, row, length);
	with_blank[length] = ' ';
	with_blank[length + 1] = '\0';
	if (!pattern_find(pattern, with_blank, from, length + 1, open, end))
		return false;
	if (*end > length)
		*end = length;
	return true;
}

static bool find_shown(const struct judge *judge, struct watch *watch,
		       struct screen_mark *end)
{
	unsigned i = watch->mark.row;
	size_t from = watch->mark.column, length;
	const char *row = nth_row(judge, i, &length);

	while (row) {
		if (find_in_row(&watch->pattern, row, from, length, is_open(judge, i),
				&end->column)) {
			end->row = i;
			return true;
		}
		row = screen_row(judge, row + length + 1, &length);
		from = 0;
		i++;
	}
	return false;
}

/* What is in front of a mark in its row, before the picture changes. NULL: nothing. */
static char *save_front(const struct judge *judge, const struct screen_mark *mark)
{
	size_t length;
	const char *row = nth_row(judge, mark->row, &length);

	return row && mark->column ? strndup(row, mark->column) : NULL;
}

/* Where the mark is in the new picture. */
static void move_mark(const struct judge *judge, struct screen_mark *mark,
		      const char *front)
{
	for (unsigned i = mark->row + 1; front && i-- > 0;) {
		size_t length;
		const char *row = nth_row(judge, i, &length);

		if (row && length >= mark->column &&
		    memcmp(row, front, mark->column) == 0) {
			mark->row = i;
			return;
		}
	}
	*mark = (struct screen_mark){ 0 };
}

/* One row of a new picture, behind the rows that are in place already. */
static void set_row(struct judge *judge, const char *row, size_t length, unsigned number,
		    const char *old, size_t nr_old)
{
	char *to = judge->screen + judge->nr_screen;

	/* Blanks at the end of a row are nothing. */
	while (length && row[length - 1] == ' ')
		length--;
	if (length + 1 > JUDGE_SCREEN_SIZE - judge->nr_screen)
		return;
	memcpy(to, row, length);
	to[length] = '\n';
	judge->nr_screen += length + 1;
	if (number < JUDGE_ROWS)
		judge->changed[number] =
			nr_old < length + 1 || memcmp(old, to, length + 1) != 0;
}

static void set_picture(struct judge *judge, const char *text, size_t n, const char *old,
			size_t nr_old)
{
	judge->nr_screen = 0;
	for (unsigned number = 0; n; number++) {
		const char *newline = memchr(text, '\n', n);
		const size_t length = newline ? (size_t)(newline - text) : n;
		const char *old_end = memchr(old, '\n', nr_old);
		const size_t nr_row = old_end ? (size_t)(old_end - old) + 1 : nr_old;

		set_row(judge, text, length, number, old, nr_row);
		text += length + (newline != NULL);
		n -= length + (newline != NULL);
		old += nr_row;
		nr_old -= nr_row;
	}
}

/* -- the rules -- */

/* Has it appeared? Then its watch knows where. Marks are set behind it. */
static bool appears(struct judge *judge, struct watch *watch)
{
	for (unsigned place = 0; place < JUDGE_NR_PORTS; place++) {
		if (watch->places & 1u << place &&
		    find_printed(judge, watch, place, &watch->from[place])) {
			watch->where = place;
			return true;
		}
	}
	watch->where = JUDGE_SCREEN;
	return watch->places & SCREEN && find_shown(judge, watch, &watch->mark);
}

static void done(struct judge *judge, struct watch *watch)
{
	watch->done = true;
	watch->done_ns = judge->ops->now(judge->opaque);
}

static void type(struct judge *judge, struct watch *watch)
{
	struct err err;

	if (judge->ops->type(judge->opaque, watch->keys, watch->input, watch->where,
			     &err))
		fail(judge, "cannot send \"%.80s\": %s", watch->keys->typed, err.text);
}

/* The line that holds the position, for people. */
static void describe_match(const struct judge *judge, const struct watch *watch,
			   const char **text, size_t *length)
{
	const struct transcript *port;
	const char *newline;
	size_t at;

	*length = 0;
	*text = "";
	if (watch->where == JUDGE_SCREEN) {
		*text = nth_row(judge, watch->mark.row, length);
		return;
	}
	port = &judge->ports[watch->where];
	at = (size_t)(watch->from[watch->where] - port->base);
	*text = port->text + line_start(port, at);
	newline = memchr(port->text + at, '\n', port->used - at);
	*length = (size_t)((newline ? newline : port->text + port->used) - *text);
}

static void check_reject(struct judge *judge, struct watch *watch)
{
	const char *line;
	size_t length;

	if (!appears(judge, watch))
		return;
	done(judge, watch);
	describe_match(judge, watch, &line, &length);
	fail(judge, "\"%s\" appeared on %s: %.*s", watch->pattern.text,
	     judge_place_name(watch->where), (int)(length < 200 ? length : 200), line);
}

/* Is one before it waiting for the same pattern? */
static bool has_to_wait(const struct judge *judge, unsigned number)
{
	const struct watch *watch = &judge->watches[number];

	for (unsigned i = 0; i < number; i++) {
		const struct watch *other = &judge->watches[i];

		if (other->kind == WATCH_ANSWER && !other->done &&
		    strcmp(other->pattern.text, watch->pattern.text) == 0)
			return true;
	}
	return false;
}

/* Those with the same pattern go on behind what this one has matched. */
static void pass_marks(struct judge *judge, const struct watch *watch)
{
	for (unsigned i = 0; i < judge->nr_watches; i++) {
		struct watch *other = &judge->watches[i];

		if (other->kind == WATCH_ANSWER && !other->done &&
		    strcmp(other->pattern.text, watch->pattern.text) == 0) {
			memcpy(other->from, watch->from, sizeof(other->from));
			other->mark = watch->mark;
		}
	}
}

static void check_answer(struct judge *judge, unsigned number)
{
	struct watch *watch = &judge->watches[number];

	if (watch->done || has_to_wait(judge, number) || !appears(judge, watch))
		return;
	done(judge, watch);
	pass_marks(judge, watch);
	type(judge, watch);
}

/* The first watch in turn from `number` on. */
static unsigned next_in_turn(const struct judge *judge, unsigned number)
{
	while (number < judge->nr_watches && !is_in_turn(&judge->watches[number]))
		number++;
	return number;
}

/* It is done: set the marks from which the next one looks. */
static void advance(struct judge *judge)
{
	struct watch *watch = &judge->watches[judge->next];

	done(judge, watch);
	if (watch->kind == WATCH_EXPECT) {
		judge->last = watch->where;
		if (watch->where == JUDGE_SCREEN)
			judge->screen_mark = watch->mark;
		else
			judge->mark[watch->where] = watch->from[watch->where];
	}
	judge->next = next_in_turn(judge, judge->next + 1);
	if (judge->next == judge->nr_watches)
		return;
	watch = &judge->watches[judge->next];
	memcpy(watch->from, judge->mark, sizeof(watch->from));
	watch->mark = judge->screen_mark;
}

static void check_turn(struct judge *judge)
{
	while (judge->next < judge->nr_watches && !judge->verdict) {
		struct watch *watch = &judge->watches[judge->next];

		if (watch->kind == WATCH_EXPECT) {
			if (!appears(judge, watch))
				return;
		} else {
			watch->where = judge->last;
			type(judge, watch);
		}
		advance(judge);
	}
	if (!judge->verdict && judge->end == JUDGE_END_ANY)
		judge->verdict = JUDGE_PASSED;
}

static void evaluate(struct judge *judge)
{
	for (unsigned i = 0; i < judge->nr_watches && !judge->verdict; i++) {
		if (judge->watches[i].kind == WATCH_REJECT)
			check_reject(judge, &judge->watches[i]);
	}
	for (unsigned i = 0; i < judge->nr_watches && !judge->verdict; i++) {
		if (judge->watches[i].kind == WATCH_ANSWER)
			check_answer(judge, i);
	}
	if (!judge->verdict)
		check_turn(judge);
}

/* -- what happens -- */

void judge_start(struct judge *judge, const struct judge_ops *ops, void *opaque)
{
	judge->ops = ops;
	judge->opaque = opaque;
	judge->next = next_in_turn(judge, 0);
	/* Sends that stand before all expectations. */
	evaluate(judge);
}

void judge_feed(struct judge *judge, enum judge_place port, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < n && !judge->verdict; i++) {
		if (transcript_put(&judge->ports[port], bytes[i]))
			evaluate(judge);
	}
	if (!judge->verdict)
		evaluate(judge);
}

/* The mark of the expectations, then those of all watches. */
static struct screen_mark *mark_of(struct judge *judge, unsigned number)
{
	return number ? &judge->watches[number - 1].mark : &judge->screen_mark;
}

void judge_show(struct judge *judge, const char *text, size_t n)
{
	char *fronts[JUDGE_MAX_WATCHES + 1];
	const size_t nr_old = judge->nr_screen;
	char *old;

	if (judge->verdict)
		return;
	old = malloc(nr_old + 1);
	if (!old)
		return; /* the next picture will do */
	memcpy(old, judge->screen, nr_old);
	for (unsigned i = 0; i <= judge->nr_watches; i++)
		fronts[i] = save_front(judge, mark_of(judge, i));
	set_picture(judge, text, n, old, nr_old);
	free(old);
	for (unsigned i = 0; i <= judge->nr_watches; i++) {
		move_mark(judge, mark_of(judge, i), fronts[i]);
		free(fronts[i]);
	}
	evaluate(judge);
}

void judge_quiet(struct judge *judge, enum judge_place place)
{
	judge->quiet |= 1u << place;
	if (!judge->verdict)
		evaluate(judge);
	judge->quiet = 0;
}

static bool is_expected_end(const struct judge *judge, enum judge_end end, uint32_t value)
{
	return judge->end == end && (end != JUDGE_END_EXIT || judge->end_value == value);
}

static void describe_end(const struct judge *judge, char *to, size_t size)
{
	static const char *const names[] = {
		[JUDGE_END_POWEROFF] = "power off",
		[JUDGE_END_RESET] = "reset",
		[JUDGE_END_CRASH] = "crash",
	};

	if (judge->end == JUDGE_END_EXIT)
		snprintf(to, size, "exit with %u", judge->end_value);
	else
		snprintf(to, size, "%s", names[judge->end]);
}

void judge_end(struct judge *judge, enum judge_end end, uint32_t value, const char *how)
{
	char expected[32];

	judge->quiet = ~0u;
	judge_quiet(judge, JUDGE_SCREEN);
	if (judge->verdict)
		return;
	if (judge->next < judge->nr_watches) {
		fail(judge, "the guest %s before \"%s\" appeared", how,
		     judge->watches[judge->next].pattern.text);
		return;
	}
	if (is_expected_end(judge, end, value)) {
		judge->verdict = JUDGE_PASSED;
		return;
	}
	describe_end(judge, expected, sizeof(expected));
	fail(judge, "the guest was to %s, but it %s", expected, how);
}

static void time_out(struct judge *judge, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void time_out(struct judge *judge, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	decide(judge, JUDGE_TIMED_OUT, fmt, ap);
	va_end(ap);
}

void judge_time_out(struct judge *judge, const char *time)
{
	char expected[32];

	if (judge->next < judge->nr_watches) {
		time_out(judge, "no \"%s\" within %s",
			 judge->watches[judge->next].pattern.text, time);
		return;
	}
	describe_end(judge, expected, sizeof(expected));
	time_out(judge, "the guest was to %s, and did not within %s", expected, time);
}
