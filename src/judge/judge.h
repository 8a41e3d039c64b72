/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge: hears what a guest prints, answers it, and comes to a verdict.
 *
 * It is told what to expect (judge_expect() and its like, in order), then what happens
 * (judge_feed(), judge_end() ...). It knows neither VM nor clock; see judge.c for the
 * rules.
 */
#ifndef TANE_JUDGE_JUDGE_H
#define TANE_JUDGE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "judge/keys.h"
#include "judge/pattern.h"
#include "judge/transcript.h"
#include "util/err.h"

/* Where text appears. All but the screen print it. */
enum judge_place {
	JUDGE_COM1,
	JUDGE_COM2,
	JUDGE_COM3,
	JUDGE_COM4,
	JUDGE_HVC0,
	JUDGE_DEBUG,
	JUDGE_NR_PORTS,
	JUDGE_SCREEN = JUDGE_NR_PORTS,
	JUDGE_NR_PLACES,
};

/* Where text is typed. */
enum judge_input {
	JUDGE_TO_MATCH, /* where what it answers has appeared; the screen's is the keyboard */
	JUDGE_TO_SERIAL,
	JUDGE_TO_COM1,
	JUDGE_TO_COM2,
	JUDGE_TO_COM3,
	JUDGE_TO_COM4,
	JUDGE_TO_HVC0,
	JUDGE_TO_KEYBOARD,
};

enum judge_verdict {
	JUDGE_UNDECIDED,
	JUDGE_PASSED,
	JUDGE_FAILED,
	JUDGE_TIMED_OUT,
};

/* How a guest's life ends. */
enum judge_end {
	JUDGE_END_ANY, /* nothing is expected of it */
	JUDGE_END_POWEROFF,
	JUDGE_END_RESET,
	JUDGE_END_CRASH,
	JUDGE_END_EXIT, /* a write of `value` to the debug exit port */
};

#define JUDGE_MAX_WATCHES 256
#define JUDGE_SCREEN_SIZE 80000u /* bytes of its text */
#define JUDGE_ROWS        128u   /* of the screen; more are not told apart */
#define JUDGE_LAST_LINES  20     /* of each place, in a report */

struct judge_ops {
	/*
	 * Type. `place` is where the text appeared that this answers (JUDGE_NR_PLACES:
	 * nowhere), `input` what was asked for. An error ends the test.
	 */
	int (*type)(void *opaque, const struct keys *keys, enum judge_input input,
		    enum judge_place place, struct err *err);
	int64_t (*now)(void *opaque); /* nanoseconds since the test began */
};

enum watch_kind {
	WATCH_EXPECT, /* in turn */
	WATCH_REJECT, /* at any time */
	WATCH_TYPE,   /* types, in turn */
	WATCH_ANSWER, /* types, when its pattern appears, once */
};

/* A place in the picture of the screen. */
struct screen_mark {
	unsigned row;
	size_t column;
};

struct watch {
	enum watch_kind kind;
	struct pattern pattern; /* not of WATCH_TYPE */
	unsigned places;        /* bits: 1 << judge_place */
	struct keys *keys;      /* WATCH_TYPE, WATCH_ANSWER; owned */
	enum judge_input input;
	bool done;
	int64_t done_ns;
	enum judge_place where;        /* it was done */
	uint64_t from[JUDGE_NR_PORTS]; /* it has not appeared before */
	struct screen_mark mark;
};

struct judge {
	const struct judge_ops *ops;
	void *opaque;

	struct watch watches[JUDGE_MAX_WATCHES];
	unsigned nr_watches;
	unsigned next; /* the first watch in turn that is not done */
	enum judge_end end;
	uint32_t end_value;

	/* Behind what the expectations so far have matched. */
	uint64_t mark[JUDGE_NR_PORTS];
	struct screen_mark screen_mark;
	enum judge_place last; /* where the last one matched */

	struct transcript ports[JUDGE_NR_PORTS];
	char screen[JUDGE_SCREEN_SIZE]; /* rows, each with its \n */
	size_t nr_screen;
	bool changed[JUDGE_ROWS]; /* they may be half written */
	unsigned quiet; /* places where lines without an end are whole for now */

	enum judge_verdict verdict;
	char why[1024];
};

/* NULL: no memory. */
struct judge *judge_new(void);
void judge_free(struct judge *judge);

/*
 * What to watch for. A pattern may have "@PLACE " in front; judge.c tells of that, and
 * what `text` of judge_send() looks like. The texts stay the caller's, and live as long
 * as the judge.
 */
int judge_expect(struct judge *judge, const char *text, struct err *err);
int judge_reject(struct judge *judge, const char *text, struct err *err);
int judge_send(struct judge *judge, const char *text, struct err *err);
/* poweroff, reset, crash or exit=N. */
int judge_expect_end(struct judge *judge, const char *text, struct err *err);

/* Is anything expected? */
bool judge_has_work(const struct judge *judge);

/* The guest begins. From here on `ops` are called. */
void judge_start(struct judge *judge, const struct judge_ops *ops, void *opaque);
/* It printed this. */
void judge_feed(struct judge *judge, enum judge_place port, const void *data, size_t n);
/* This is on its screen now: rows of UTF-8, each with a line feed but perhaps the last. */
void judge_show(struct judge *judge, const char *text, size_t n);
/* Nothing came there for a moment. */
void judge_quiet(struct judge *judge, enum judge_place place);
/* It ended; `how` is for people ("powered off"). All it printed has been fed. */
void judge_end(struct judge *judge, enum judge_end end, uint32_t value, const char *how);
/* The time is up. */
void judge_time_out(struct judge *judge, const char *time);

/* "serial port 1" */
const char *judge_place_name(enum judge_place place);

/* Why it failed, what was seen and what was not, and the last lines of each place. */
void judge_report(const struct judge *judge, FILE *out);

#endif
