/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GDB remote serial protocol, from the target's side ("Remote Protocol" in gdb's
 * manual): one packet in, one reply out. What is debugged is behind struct gdb_target_ops,
 * how bytes come and go is the caller's.
 *
 * It is all-stop: either the whole target runs or none of it. CPUs are gdb's threads, CPU n
 * being thread n + 1. The first packet of a connection stops the target. While it runs gdb
 * can only send Ctrl-C; a packet is not answered then, for the answer would be taken for
 * the news that it has stopped.
 *
 * Requests that we do not know get an empty reply, as the protocol wants it. What they are
 * about to do wrong gets E01, what the target refuses E0e.
 */
#include <string.h>

#include "gdb/stub.h"

#define ERROR_REQUEST "E01"
#define ERROR_TARGET  "E0e"

void gdb_stub_init(struct gdb_stub *stub, const struct gdb_target_ops *ops, void *opaque)
{
	memset(stub, 0, sizeof(*stub));
	stub->ops = ops;
	stub->opaque = opaque;
	stub->step_cpu = GDB_ALL_CPUS;
	stub->signal = GDB_SIGNAL_TRAP;
}

void gdb_stub_reply(struct gdb_stub *stub, const char *text)
{
	gdb_out_begin(&stub->out);
	gdb_out_text(&stub->out, "%s", text);
	gdb_out_end(&stub->out);
}

static void reply_done(struct gdb_stub *stub, bool done)
{
	gdb_stub_reply(stub, done ? "OK" : ERROR_TARGET);
}

static void reply_stop(struct gdb_stub *stub)
{
	static const char *const names[DEBUG_KINDS] = {
		[DEBUG_SOFTWARE] = "swbreak", [DEBUG_HARDWARE] = "hwbreak",
		[DEBUG_WRITE] = "watch",      [DEBUG_READ] = "rwatch",
		[DEBUG_ACCESS] = "awatch",
	};
	const enum debug_kind kind = stub->stop.kind;

	gdb_out_begin(&stub->out);
	gdb_out_text(&stub->out, "T%02xthread:%x;", (unsigned)stub->signal,
		     stub->stopped_cpu + 1);
	if (stub->stop.reason == DEBUG_BROKE) {
		if (kind >= DEBUG_WRITE)
			gdb_out_text(&stub->out, "%s:%llx;", names[kind],
				     (unsigned long long)stub->stop.address);
		else if (kind == DEBUG_SOFTWARE ? stub->knows_swbreak
						: stub->knows_hwbreak)
			gdb_out_text(&stub->out, "%s:;", names[kind]);
	}
	gdb_out_end(&stub->out);
}

void gdb_stub_stopped(struct gdb_stub *stub, int signal, unsigned cpu,
		      const struct debug_stop *stop)
{
	if (stub->state != GDB_RUNNING)
		return;
	stub->state = GDB_STOPPED;
	stub->signal = signal;
	stub->cpu = stub->stopped_cpu = cpu;
	stub->stop = *stop;
	reply_stop(stub);
}

void gdb_stub_exited(struct gdb_stub *stub, int status, int signal)
{
	const bool told = stub->state == GDB_RUNNING;

	stub->state = GDB_EXITED;
	if (!told)
		return; /* it learns it from the connection that ends */
	gdb_out_begin(&stub->out);
	gdb_out_text(&stub->out, signal ? "X%02x" : "W%02x",
		     (unsigned)(signal ? signal : status) & 0xff);
	gdb_out_end(&stub->out);
}

void gdb_stub_print(struct gdb_stub *stub, const char *text, size_t size)
{
	while (size) {
		const size_t n =
			size < GDB_PACKET_MAX / 2 - 1 ? size : GDB_PACKET_MAX / 2 - 1;

		gdb_out_begin(&stub->out);
		gdb_out_text(&stub->out, "O");
		gdb_out_hex(&stub->out, text, n);
		gdb_out_end(&stub->out);
		text += n;
		size -= n;
	}
}

/* Thread n is CPU n - 1; 0 is any of them, -1 all. */
bool gdb_stub_take_thread(struct gdb_stub *stub, struct gdb_text *text, unsigned *cpu)
{
	uint64_t thread;

	if (gdb_take(text, "-1")) {
		*cpu = GDB_ALL_CPUS;
		return true;
	}
	if (!gdb_take_number(text, &thread))
		return false;
	*cpu = thread ? (unsigned)(thread - 1) : stub->cpu;
	return thread <= stub->ops->nr_cpus(stub->opaque);
}

/* H: which thread the next requests are about. */
static void select_thread(struct gdb_stub *stub, struct gdb_text *text)
{
	const bool is_general = gdb_take(text, "g");
	unsigned cpu;

	if ((!is_general && !gdb_take(text, "c")) ||
	    !gdb_stub_take_thread(stub, text, &cpu) || text->size) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	if (!is_general)
		stub->step_cpu = cpu;
	else if (cpu != GDB_ALL_CPUS)
		stub->cpu = cpu;
	gdb_stub_reply(stub, "OK");
}

static void is_alive(struct gdb_stub *stub, struct gdb_text *text)
{
	unsigned cpu;

	gdb_stub_reply(stub,
		       gdb_stub_take_thread(stub, text, &cpu) ? "OK" : ERROR_REQUEST);
}

static void read_registers(struct gdb_stub *stub)
{
	const struct debug_register *r;
	uint8_t value[DEBUG_REGISTER_BYTES];

	gdb_out_begin(&stub->out);
	for (unsigned i = 0; (r = debug_register(stub->layout, i)); i++) {
		stub->ops->get_register(stub->opaque, stub->cpu, r, value);
		gdb_out_hex(&stub->out, value, r->bits / 8u);
	}
	gdb_out_end(&stub->out);
}

/* A register may be left out, by 'x' in place of its digits. */
static bool take_register(struct gdb_stub *stub, struct gdb_text *text,
			  const struct debug_register *r)
{
	uint8_t value[DEBUG_REGISTER_BYTES] = { 0 };
	const size_t digits = r->bits / 4u;

	if (text->size >= digits && text->at[0] == 'x') {
		text->at += digits;
		text->size -= digits;
		return true;
	}
	if (!gdb_take_hex(text, value, r->bits / 8u))
		return false;
	stub->ops->set_register(stub->opaque, stub->cpu, r, value);
	return true;
}

static void write_registers(struct gdb_stub *stub, struct gdb_text *text)
{
	const struct debug_register *r;
	size_t digits = 0;

	for (unsigned i = 0; (r = debug_register(stub->layout, i)); i++)
		digits += r->bits / 4u;
	if (text->size != digits) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	for (unsigned i = 0; (r = debug_register(stub->layout, i)); i++) {
		if (!take_register(stub, text, r)) {
			gdb_stub_reply(stub, ERROR_REQUEST);
			return;
		}
	}
	reply_done(stub, stub->ops->store_registers(stub->opaque, stub->cpu));
}

static void read_register(struct gdb_stub *stub, struct gdb_text *text)
{
	const struct debug_register *r;
	uint8_t value[DEBUG_REGISTER_BYTES];
	uint64_t number;

	if (!gdb_take_number(text, &number) || text->size ||
	    !(r = debug_register(stub->layout, number))) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	stub->ops->get_register(stub->opaque, stub->cpu, r, value);
	gdb_out_begin(&stub->out);
	gdb_out_hex(&stub->out, value, r->bits / 8u);
	gdb_out_end(&stub->out);
}

static void write_register(struct gdb_stub *stub, struct gdb_text *text)
{
	const struct debug_register *r;
	uint64_t number;

	if (!gdb_take_number(text, &number) || !gdb_take(text, "=") ||
	    !(r = debug_register(stub->layout, number)) || text->size != r->bits / 4u ||
	    !take_register(stub, text, r)) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	reply_done(stub, stub->ops->store_registers(stub->opaque, stub->cpu));
}

static bool take_range(struct gdb_text *text, uint64_t *address, uint64_t *size)
{
	return gdb_take_number(text, address) && gdb_take(text, ",") &&
	       gdb_take_number(text, size);
}

static void read_memory(struct gdb_stub *stub, struct gdb_text *text)
{
	uint64_t address, size;
	size_t n;

	if (!take_range(text, &address, &size) || text->size) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	if (size > GDB_PACKET_MAX / 2)
		size = GDB_PACKET_MAX / 2; /* gdb asks for the rest */
	n = stub->ops->read_memory(stub->opaque, stub->cpu, address, stub->buffer,
				   (size_t)size);
	if (!n && size) {
		gdb_stub_reply(stub, ERROR_TARGET);
		return;
	}
	gdb_out_begin(&stub->out);
	gdb_out_hex(&stub->out, stub->buffer, n);
	gdb_out_end(&stub->out);
}

static void write_memory(struct gdb_stub *stub, struct gdb_text *text, bool is_binary)
{
	uint64_t address, size;
	bool good;

	good = take_range(text, &address, &size) && gdb_take(text, ":") &&
	       size <= sizeof(stub->buffer);
	if (good && is_binary)
		good = gdb_take_binary(text, stub->buffer, sizeof(stub->buffer)) ==
		       (int64_t)size;
	else if (good)
		good = gdb_take_hex(text, stub->buffer, (size_t)size) && !text->size;
	if (!good) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	reply_done(stub,
		   !size || stub->ops->write_memory(stub->opaque, stub->cpu, address,
						    stub->buffer, (size_t)size));
}

/* Z and z. Conditions and commands that may follow were not offered. */
static void change_break(struct gdb_stub *stub, struct gdb_text *text, bool insert)
{
	uint64_t kind, address, length;
	bool done;

	if (!gdb_take_number(text, &kind) || kind >= DEBUG_KINDS ||
	    !gdb_take(text, ",") || !take_range(text, &address, &length) || text->size) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	if (insert)
		done = stub->ops->insert(stub->opaque, stub->cpu, (enum debug_kind)kind,
					 address, length);
	else
		done = stub->ops->remove(stub->opaque, (enum debug_kind)kind, address,
					 length);
	reply_done(stub, done);
}

static void resume(struct gdb_stub *stub)
{
	stub->state = GDB_RUNNING;
	if (!stub->ops->resume(stub->opaque, stub->actions)) {
		stub->state = GDB_STOPPED;
		gdb_stub_reply(stub, ERROR_TARGET);
	}
}

/* c and s, with a signal (C, S) that means nothing here. A new address is not taken. */
static void resume_simply(struct gdb_stub *stub, struct gdb_text *text, bool has_signal,
			  enum gdb_action action)
{
	const unsigned n = stub->ops->nr_cpus(stub->opaque);
	uint64_t signal;

	if ((has_signal && !gdb_take_number(text, &signal)) || text->size) {
		gdb_stub_reply(stub, ERROR_REQUEST);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		stub->actions[i] = action == GDB_STEP ? GDB_STAY : GDB_CONTINUE;
	if (stub->step_cpu < n)
		stub->actions[stub->step_cpu] = (uint8_t)action;
	else if (action == GDB_STEP)
		stub->actions[stub->cpu] = GDB_STEP;
	resume(stub);
}

/* One of vCont's: c, s, C and S with a signal; its thread, or none for all. */
static bool take_action(struct gdb_stub *stub, struct gdb_text *text, uint8_t *action,
			unsigned *cpu)
{
	uint64_t signal;

	*cpu = GDB_ALL_CPUS;
	if (gdb_take(text, "c"))
		*action = GDB_CONTINUE;
	else if (gdb_take(text, "s"))
		*action = GDB_STEP;
	else if (gdb_take(text, "C"))
		*action = GDB_CONTINUE | 0x80;
	else if (gdb_take(text, "S"))
		*action = GDB_STEP | 0x80;
	else
		return false;
	if (*action & 0x80 && !gdb_take_number(text, &signal))
		return false;
	*action &= 0x7f;
	return !gdb_take(text, ":") || gdb_stub_take_thread(stub, text, cpu);
}

/* The first action that is for a CPU counts; a CPU that has none stays. */
static void resume_each(struct gdb_stub *stub, struct gdb_text *text)
{
	const unsigned n = stub->ops->nr_cpus(stub->opaque);
	bool any = false;

	memset(stub->actions, GDB_STAY, sizeof(stub->actions));
	while (gdb_take(text, ";")) {
		uint8_t action;
		unsigned cpu;

		if (!take_action(stub, text, &action, &cpu)) {
			any = false;
			break;
		}
		for (unsigned i = 0; i < n; i++) {
			if ((cpu == GDB_ALL_CPUS || cpu == i) &&
			    stub->actions[i] == GDB_STAY)
				stub->actions[i] = action;
		}
		any = true;
	}
	if (!any || text->size)
		gdb_stub_reply(stub, ERROR_REQUEST);
	else
		resume(stub);
}

static void detach(struct gdb_stub *stub)
{
	gdb_stub_reply(stub, "OK");
	stub->state = GDB_FRESH;
	stub->ops->detach(stub->opaque);
}

static void v_packet(struct gdb_stub *stub, struct gdb_text *text)
{
	if (gdb_take(text, "Cont?")) {
		gdb_stub_reply(stub, "vCont;c;C;s;S");
	} else if (gdb_take(text, "Cont")) {
		resume_each(stub, text);
	} else if (gdb_take(text, "Kill")) {
		gdb_stub_reply(stub, "OK");
		stub->ops->kill(stub->opaque);
	} else {
		gdb_stub_reply(stub, "");
	}
}

static void set_mode(struct gdb_stub *stub, struct gdb_text *text)
{
	const bool no_ack = gdb_take(text, "StartNoAckMode");

	gdb_stub_reply(stub, no_ack ? "OK" : "");
	stub->no_ack = stub->no_ack || no_ack;
}

static void dispatch(struct gdb_stub *stub, uint8_t letter, struct gdb_text *text)
{
	switch (letter) {
	case '?':
		reply_stop(stub);
		break;
	case 'c':
	case 'C':
		resume_simply(stub, text, letter == 'C', GDB_CONTINUE);
		break;
	case 's':
	case 'S':
		resume_simply(stub, text, letter == 'S', GDB_STEP);
		break;
	case 'D':
		detach(stub);
		break;
	case 'g':
		read_registers(stub);
		break;
	case 'G':
		write_registers(stub, text);
		break;
	case 'H':
		select_thread(stub, text);
		break;
	case 'k':
		stub->ops->kill(stub->opaque);
		break;
	case 'm':
		read_memory(stub, text);
		break;
	case 'M':
	case 'X':
		write_memory(stub, text, letter == 'X');
		break;
	case 'p':
		read_register(stub, text);
		break;
	case 'P':
		write_register(stub, text);
		break;
	case 'q':
		gdb_stub_query(stub, text);
		break;
	case 'Q':
		set_mode(stub, text);
		break;
	case 'T':
		is_alive(stub, text);
		break;
	case 'v':
		v_packet(stub, text);
		break;
	case 'z':
	case 'Z':
		change_break(stub, text, letter == 'Z');
		break;
	default:
		gdb_stub_reply(stub, "");
	}
}

/* The target stops, and what it is now says what its registers are. */
static bool begin(struct gdb_stub *stub)
{
	unsigned cpu = 0;

	if (!stub->ops->stop(stub->opaque, &cpu))
		return false;
	stub->state = GDB_STOPPED;
	stub->cpu = stub->stopped_cpu = cpu;
	stub->stop = (struct debug_stop){ 0 };
	stub->signal = GDB_SIGNAL_TRAP;
	stub->xml[0] = '\0';
	stub->layout = stub->ops->layout(stub->opaque, cpu);
	return true;
}

static void handle_packet(struct gdb_stub *stub)
{
	struct gdb_text text = { stub->decoder.data, stub->decoder.size };
	uint8_t letter = 0;

	if (!stub->no_ack)
		gdb_out_byte(&stub->out, '+');
	if (stub->state == GDB_FRESH && !begin(stub)) {
		gdb_stub_reply(stub, ERROR_TARGET);
		return;
	}
	if (stub->state != GDB_STOPPED)
		return;
	if (text.size) {
		letter = *text.at++;
		text.size--;
	}
	dispatch(stub, letter, &text);
}

void gdb_stub_put(struct gdb_stub *stub, uint8_t byte)
{
	switch (gdb_decoder_put(&stub->decoder, byte)) {
	case GDB_PACKET:
		handle_packet(stub);
		break;
	case GDB_BAD:
		if (!stub->no_ack)
			gdb_out_byte(&stub->out, '-');
		break;
	case GDB_TOO_LONG:
		if (!stub->no_ack)
			gdb_out_byte(&stub->out, '+');
		if (stub->state == GDB_FRESH || stub->state == GDB_STOPPED)
			gdb_stub_reply(stub, ERROR_REQUEST);
		break;
	case GDB_NAK:
		gdb_out_again(&stub->out);
		break;
	case GDB_INTERRUPT:
		if (stub->state == GDB_RUNNING)
			stub->ops->interrupt(stub->opaque);
		break;
	case GDB_NOTHING:
		break;
	}
}
