/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gdb asks about the target ("General Query Packets" in its manual): what we support,
 * which threads there are, how registers are described, and the commands of `monitor`.
 *
 * The description of the registers is XML ("Target Descriptions"), made from the tables of
 * the architecture. gdb reads it in pieces.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gdb/stub.h"
#include "util/bytes.h"

struct xml {
	char *to;
	size_t size, room;
};

static void xml_print(struct xml *xml, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void xml_print(struct xml *xml, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(xml->to + xml->size, xml->room - xml->size, fmt, ap);
	va_end(ap);
	if (n > 0)
		xml->size += (size_t)n;
	if (xml->size >= xml->room)
		xml->size = xml->room - 1; /* cut off */
}

static void describe_feature(struct xml *xml, const struct debug_feature *feature)
{
	xml_print(xml, "<feature name=\"%s\">", feature->name);
	if (feature->types)
		xml_print(xml, "%s", feature->types);
	for (unsigned i = 0; i < feature->nr_registers; i++) {
		const struct debug_register *r = &feature->registers[i];

		xml_print(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"%s/>", r->name,
			  r->bits, r->type,
			  feature->is_system ? " save-restore=\"no\"" : "");
	}
	xml_print(xml, "</feature>");
}

static void describe_target(struct gdb_stub *stub)
{
	struct xml xml = { stub->xml, 0, sizeof(stub->xml) };

	xml_print(&xml,
		  "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
		  "<target version=\"1.0\"><architecture>%s</architecture>",
		  stub->layout->architecture);
	for (unsigned i = 0; i < stub->layout->nr_features; i++)
		describe_feature(&xml, &stub->layout->features[i]);
	xml_print(&xml, "</target>");
}

/* A piece of it: `m` and more follows, or `l` and it was the last. */
static void read_features(struct gdb_stub *stub, struct gdb_text *text)
{
	uint64_t offset, size;
	size_t total;

	if (!gdb_take(text, "target.xml:") || !gdb_take_number(text, &offset) ||
	    !gdb_take(text, ",") || !gdb_take_number(text, &size) || text->size) {
		gdb_stub_reply(stub, "E00");
		return;
	}
	if (!stub->xml[0])
		describe_target(stub);
	total = strlen(stub->xml);
	if (offset > total)
		offset = total;
	if (size > GDB_PACKET_MAX / 2)
		size = GDB_PACKET_MAX / 2;
	if (size > total - offset)
		size = total - offset;
	gdb_out_begin(&stub->out);
	gdb_out_text(&stub->out, offset + size < total ? "m" : "l");
	gdb_out_binary(&stub->out, stub->xml + offset, (size_t)size);
	gdb_out_end(&stub->out);
}

/* As many as a packet holds; gdb asks on until there are none left. */
static void list_threads(struct gdb_stub *stub)
{
	const unsigned n = stub->ops->nr_cpus(stub->opaque);
	unsigned i = stub->next_thread;

	gdb_out_begin(&stub->out);
	if (i >= n)
		gdb_out_text(&stub->out, "l");
	for (unsigned first = i; i < n && i - first < 1000; i++)
		gdb_out_text(&stub->out, "%c%x", i == first ? 'm' : ',', i + 1);
	stub->next_thread = i;
	gdb_out_end(&stub->out);
}

static void describe_thread(struct gdb_stub *stub, struct gdb_text *text)
{
	char what[128], all[160];
	unsigned cpu;

	if (!gdb_stub_take_thread(stub, text, &cpu) || cpu == GDB_ALL_CPUS) {
		gdb_stub_reply(stub, "E01");
		return;
	}
	stub->ops->describe(stub->opaque, cpu, what, sizeof(what));
	snprintf(all, sizeof(all), "CPU %u, %s", cpu, what);
	gdb_out_begin(&stub->out);
	gdb_out_hex(&stub->out, all, strlen(all));
	gdb_out_end(&stub->out);
}

static bool contains(const struct gdb_text *text, const char *word)
{
	return memmem(text->at, text->size, word, strlen(word)) != NULL;
}

static void tell_supported(struct gdb_stub *stub, struct gdb_text *text)
{
	stub->knows_swbreak = contains(text, "swbreak+");
	stub->knows_hwbreak = contains(text, "hwbreak+");
	gdb_out_begin(&stub->out);
	gdb_out_text(&stub->out,
		     "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;"
		     "vContSupported+;swbreak+;hwbreak+",
		     GDB_PACKET_MAX);
	gdb_out_end(&stub->out);
}

static void print(void *opaque, const char *text, size_t size)
{
	gdb_stub_print(opaque, text, size);
}

/* `monitor`: the command in hexadecimal. */
static void run_command(struct gdb_stub *stub, struct gdb_text *text)
{
	const struct gdb_printer printer = { print, stub };
	char command[128] = "";

	if (text->size / 2 >= sizeof(command) ||
	    !gdb_take_hex(text, command, text->size / 2) || text->size) {
		gdb_stub_reply(stub, "E01");
		return;
	}
	stub->ops->monitor(stub->opaque, stub->cpu, command, &printer);
	gdb_stub_reply(stub, "OK");
}

void gdb_stub_query(struct gdb_stub *stub, struct gdb_text *text)
{
	if (gdb_take(text, "Supported")) {
		tell_supported(stub, text);
	} else if (gdb_take(text, "Xfer:features:read:")) {
		read_features(stub, text);
	} else if (gdb_take(text, "fThreadInfo")) {
		stub->next_thread = 0;
		list_threads(stub);
	} else if (gdb_take(text, "sThreadInfo")) {
		list_threads(stub);
	} else if (gdb_take(text, "ThreadExtraInfo,")) {
		describe_thread(stub, text);
	} else if (gdb_take(text, "Attached")) {
		gdb_stub_reply(stub, "1"); /* gdb's quit detaches, and kills nothing */
	} else if (gdb_take(text, "Rcmd,")) {
		run_command(stub, text);
	} else if (gdb_take(text, "C") && !text->size) {
		gdb_out_begin(&stub->out);
		gdb_out_text(&stub->out, "QC%x", stub->cpu + 1);
		gdb_out_end(&stub->out);
	} else {
		gdb_stub_reply(stub, "");
	}
}
