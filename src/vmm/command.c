/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control port of a command.
 *
 * A guest is not to be trusted: lines are bounded, words and numbers are taken as
 * guest/init.h has them and in no other form, each thing is heard once, and of a text
 * only what prints. What we say are a size and a set of signals, so a guest that does
 * not listen costs nothing.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "util/fd.h"
#include "vmm/command.h"

#define MAX_SIGNAL 31

/* Does the line begin with this word? Returns what is behind it and one blank, or NULL. */
static const char *after_word(const char *line, const char *word)
{
	const size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
		return NULL;
	return line[n] ? line + n + 1 : line + n;
}

/* "0" to "255", and no other way to write them. */
static bool parse_status(const char *text, uint8_t *status)
{
	unsigned value = 0;
	size_t n = 0;

	while (n < 3 && text[n] >= '0' && text[n] <= '9')
		value = value * 10 + (unsigned)(text[n++] - '0');
	if (!n || text[n] || value > 255 || (n > 1 && text[0] == '0'))
		return false;
	*status = (uint8_t)value;
	return true;
}

/* Characters that a terminal, or who reads what it shows, takes for more than text. */
static bool controls(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	       /* What makes text run from right to left. */
	       (character >= 0x200e && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

/*
 * The length of the character of UTF-8 that `text` begins with, which ends with a NUL. 0:
 * it is none that prints: broken, longer than need be, a surrogate, or one that controls.
 */
static size_t printable(const char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	const size_t length = at[0] < 0x80   ? 1
			      : at[0] < 0xc0 ? 0
			      : at[0] < 0xe0 ? 2
			      : at[0] < 0xf0 ? 3
			      : at[0] < 0xf8 ? 4
					     : 0;
	uint32_t character = length > 1 ? at[0] & (0x7fu >> length) : at[0];

	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | (at[i] & 0x3f);
	}
	if (!length || character < least[length] || character > 0x10ffff ||
	    (character >= 0xd800 && character < 0xe000) || controls(character))
		return 0;
	return length;
}

/* For a terminal: each byte that is not of a character that prints becomes '?'. */
static void sanitise(char *to, size_t size, const char *text)
{
	size_t n = 0;

	while (*text) {
		const size_t length = printable(text);

		if (n + (length ? length : 1) >= size)
			break;
		if (!length)
			to[n++] = '?';
		memcpy(to + n, text, length);
		n += length;
		text += length ? length : 1;
	}
	to[n] = '\0';
}

static void hear_warning(struct command *command, const char *text)
{
	char clean[INIT_LINE_MAX];

	if (command->is_started || command->warnings == COMMAND_MAX_WARNINGS)
		return;
	command->warnings++;
	sanitise(clean, sizeof(clean), text);
	fprintf(stderr, "tane: warning: %s\n", clean);
}

static void hear_line(struct command *command)
{
	const char *line = command->line, *rest;

	if (command->has_exited)
		return;
	rest = after_word(line, INIT_SAY_EXIT);
	if (rest && parse_status(rest, &command->status)) {
		command->has_exited = true;
		command->ops->exited(command->opaque, command->status);
		return;
	}
	rest = after_word(line, INIT_SAY_ERROR);
	if (rest && !command->error[0])
		sanitise(command->error, sizeof(command->error), rest);
	rest = after_word(line, INIT_SAY_WARNING);
	if (rest)
		hear_warning(command, rest);
	if (strcmp(line, INIT_SAY_STARTED) == 0 && !command->is_started) {
		command->is_started = true;
		command->ops->started(command->opaque);
	}
	if (strcmp(line, INIT_SAY_STOPPED) == 0 && command->is_started)
		command->ops->stopped(command->opaque);
}

void command_hear(struct command *command, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] != '\n') {
			/* A NUL would end the line where the guest does not. */
			if (command->line_used < INIT_LINE_MAX)
				command->line[command->line_used++] =
					data[i] ? (char)data[i] : '?';
			continue;
		}
		if (command->line_used < INIT_LINE_MAX) {
			command->line[command->line_used] = '\0';
			hear_line(command);
		}
		command->line_used = 0;
	}
}

size_t command_say(struct command *command, char *to, size_t size)
{
	int n = 0;

	if (size < INIT_LINE_MAX)
		return 0;
	if (command->size_is_new) {
		command->size_is_new = false;
		n = snprintf(to, size, INIT_SAY_SIZE " %u %u\n", command->rows,
			     command->cols);
	} else if (command->signals) {
		const int number = __builtin_ctz(command->signals);

		command->signals &= command->signals - 1;
		n = snprintf(to, size, INIT_SAY_SIGNAL " %d\n", number);
	}
	return (size_t)n;
}

static void on_control_output(void *opaque, const uint8_t *data, size_t n)
{
	command_hear(opaque, data, n);
}

static size_t on_control_input(void *opaque, uint8_t *to, size_t size)
{
	return command_say(opaque, (char *)to, size);
}

/* -- what the kernel says -- */

/* In front of each line, so that none looks like one of ours. */
#define MARK "| "

/* At once: what a pipe takes whole; and what a byte of the kernel's may become. */
#define PIECE_SIZE PIPE_BUF
#define WORST      strlen(MARK "\r\n")

/*
 * The kernel speaks ASCII; a guest that prints there may not. On a terminal, which may be
 * raw, a line feed does not lead to the first column. Returns how many bytes are in `to`.
 */
static size_t render(const char *text, size_t n, bool is_terminal, bool *in_line,
		     char to[PIECE_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		const bool ends = text[i] == '\n';

		if (text[i] == '\r')
			continue;
		for (const char *mark = *in_line ? "" : MARK; *mark; mark++)
			to[used++] = *mark;
		if (ends && is_terminal)
			to[used++] = '\r';
		to[used++] = ends || text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~')
				     ? text[i]
				     : '?';
		*in_line = !ends;
	}
	return used;
}

/* While the guest runs: what a slow reader has no room for is lost. */
static void show_kernel(struct command *command, const char *text, size_t n)
{
	const bool is_terminal = isatty(STDERR_FILENO);
	char piece[PIECE_SIZE];

	while (n) {
		const size_t now = n < PIECE_SIZE / WORST ? n : PIECE_SIZE / WORST;
		const size_t used =
			render(text, now, is_terminal, &command->in_line, piece);

		(void)fd_try_write(STDERR_FILENO, piece, used);
		text += now;
		n -= now;
	}
}

static void print_kernel(const char *text, size_t n, bool *in_line, FILE *out)
{
	const bool is_terminal = isatty(fileno(out));
	char piece[PIECE_SIZE];
	size_t used;

	while (n) {
		const size_t now = n < PIECE_SIZE / WORST ? n : PIECE_SIZE / WORST;

		used = render(text, now, is_terminal, in_line, piece);
		fwrite(piece, 1, used, out);
		text += now;
		n -= now;
	}
}

static void on_kernel_output(void *opaque, const uint8_t *data, size_t n)
{
	struct command *command = opaque;

	for (size_t i = 0; i < n; i++)
		command->log[command->logged++ % COMMAND_LOG_SIZE] = (char)data[i];
	if (command->verbose)
		show_kernel(command, (const char *)data, n);
}

static size_t on_kernel_input(void *opaque, uint8_t *to, size_t size)
{
	(void)opaque;
	(void)to;
	(void)size;
	return 0;
}

void command_print_log(const struct command *command, FILE *out)
{
	const size_t end = command->logged % COMMAND_LOG_SIZE;
	bool in_line = false;

	if (!command->logged || command->verbose)
		return;
	/* The init has told why, which the kernel does not know. */
	if (command->error[0] && !command->is_started)
		return;
	fputs("tane: the last that the guest's kernel has said:\n", out);
	if (command->logged > COMMAND_LOG_SIZE)
		print_kernel(command->log + end, COMMAND_LOG_SIZE - end, &in_line, out);
	print_kernel(command->log, end, &in_line, out);
	if (in_line)
		fputc('\n', out);
}

/* -- life -- */

void command_init(struct command *command, bool verbose, const struct command_ops *ops,
		  void *opaque)
{
	memset(command, 0, sizeof(*command));
	command->verbose = verbose;
	command->ops = ops;
	command->opaque = opaque;
	command->control_tap =
		(struct console_tap){ on_control_output, on_control_input, command };
	command->kernel_tap =
		(struct console_tap){ on_kernel_output, on_kernel_input, command };
}

void command_attach(struct command *command, struct vm *vm)
{
	struct console *kernel = machine_console(vm, MACHINE_COM1);

	command->control = machine_named_port(vm, INIT_PORT_CONTROL);
	if (command->control)
		console_set_tap(command->control, &command->control_tap);
	if (kernel)
		console_set_tap(kernel, &command->kernel_tap);
}

static void say(const struct command *command)
{
	if (command->control)
		console_tap_ready(command->control);
}

void command_resize(struct command *command, uint16_t cols, uint16_t rows)
{
	if (command->cols == cols && command->rows == rows)
		return;
	command->cols = cols;
	command->rows = rows;
	command->size_is_new = true;
	say(command);
}

void command_signal(struct command *command, int number)
{
	if (number < 1 || number > MAX_SIGNAL)
		return;
	command->signals |= 1u << number;
	say(command);
}
