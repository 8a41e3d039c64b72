/* SPDX-License-Identifier: BSD-2-Clause */
/* The GDB remote protocol: what is answered, on a target that is no VM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gdb_target.h"

static struct gdb_stub stub;
static struct fake_target fake;
static char answer[GDB_OUT_SIZE + 1];

/* All that the stub has to say, which is sent by that. */
static const char *take_answer(void)
{
	const size_t size = stub.out.size - stub.out.sent;

	memcpy(answer, stub.out.data + stub.out.sent, size);
	answer[size] = '\0';
	stub.out.sent = stub.out.size;
	return answer;
}

static const char *put(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		gdb_stub_put(&stub, (uint8_t)bytes[i]);
	return take_answer();
}

/* A packet with its frame. */
static const char *send_bytes(const char *data, size_t size)
{
	char frame[2 * GDB_PACKET_MAX];
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + (uint8_t)data[i]);
	frame[0] = '$';
	memcpy(frame + 1, data, size);
	snprintf(frame + 1 + size, 4, "#%02x", sum);
	return put(frame, size + 4);
}

/* What a packet is answered with, without the frame; the frame must be right. */
static const char *ask(const char *packet)
{
	const char *got = send_bytes(packet, strlen(packet));
	char *hash = strrchr(got, '#');
	uint8_t sum = 0;

	if (!*got)
		return got;
	assert_int_equal(*got, '$');
	assert_non_null(hash);
	for (const char *c = got + 1; c < hash; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	assert_int_equal(strtoul(hash + 1, NULL, 16), sum);
	*hash = '\0';
	return got + 1;
}

/* Connected, and past the acknowledgements. */
static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	for (unsigned i = 0; i < sizeof(fake.memory); i++)
		fake.memory[i] = (uint8_t)i;
	gdb_stub_init(&stub, &fake_ops, &fake);
	put("+", 1);
	send_bytes("QStartNoAckMode", 15);
	fake.calls[0] = '\0';
	return 0;
}

static void test_acknowledgements(void **state)
{
	(void)state;
	gdb_stub_init(&stub, &fake_ops, &fake);
	assert_string_equal(put("+$qC#b4", 7), "+$QC2#c6");
	assert_string_equal(put("-", 1), "$QC2#c6");
	assert_string_equal(put("-", 1), "$QC2#c6");
	assert_string_equal(put("$qC#b5", 6), "-");
	assert_string_equal(put("$qC#zz", 6), "-");
	assert_string_equal(put("+", 1), "");
	assert_string_equal(put("$QStartNoAckMode#b0", 19), "+$OK#9a");
	assert_string_equal(put("$qC#b4", 6), "$QC2#c6");
	assert_string_equal(put("$qC#b5", 6), "");
}

static void test_a_lost_end(void **state)
{
	(void)state;
	assert_string_equal(put("$g$qC#b4", 8), "$QC2#c6");
}

static void test_too_long(void **state)
{
	(void)state;
	put("$", 1);
	for (unsigned i = 0; i < GDB_PACKET_MAX + 1; i++)
		assert_string_equal(put("m", 1), "");
	assert_string_equal(put("#00", 3), "$E01#a6");
	assert_string_equal(ask("qC"), "QC2");
	/* While the target runs an answer would be the news that it has stopped. */
	assert_string_equal(ask("vCont;c"), "");
	put("$", 1);
	for (unsigned i = 0; i < GDB_PACKET_MAX + 1; i++)
		put("m", 1);
	assert_string_equal(put("#00", 3), "");
}

static void test_first_packet_stops(void **state)
{
	(void)state;
	gdb_stub_init(&stub, &fake_ops, &fake);
	put("+\003", 2);
	assert_string_equal(fake.calls, "");
	send_bytes("qC", 2);
	assert_string_equal(fake.calls, "stop ");
	send_bytes("qC", 2);
	assert_string_equal(fake.calls, "stop ");
}

static void test_features(void **state)
{
	(void)state;
	assert_string_equal(ask("qSupported:multiprocess+;swbreak+;xmlRegisters=i386"),
			    "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;"
			    "vContSupported+;swbreak+;hwbreak+");
	assert_string_equal(ask("vMustReplyEmpty"), "");
	assert_string_equal(ask("qAttached"), "1");
	assert_string_equal(ask("vCont?"), "vCont;c;C;s;S");
	assert_string_equal(ask("!"), "");
	assert_string_equal(ask("qTStatus"), "");
	assert_string_equal(ask(""), "");
}

static const char xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
	"<target version=\"1.0\"><architecture>fake</architecture>"
	"<feature name=\"low\"><reg name=\"a\" bitsize=\"32\" type=\"int32\"/>"
	"<reg name=\"b\" bitsize=\"64\" type=\"int64\"/></feature>"
	"<feature name=\"high\"><flags id=\"f\" size=\"4\"/>"
	"<reg name=\"v\" bitsize=\"128\" type=\"uint128\" save-restore=\"no\"/></feature>"
	"</target>";

static void test_description_in_pieces(void **state)
{
	char got[sizeof(xml) + 64] = "", packet[64];

	(void)state;
	for (size_t at = 0;; at += 0x31) {
		const char *piece;

		snprintf(packet, sizeof(packet), "qXfer:features:read:target.xml:%zx,31",
			 at);
		piece = ask(packet);
		strcat(got, piece + 1);
		if (*piece == 'l')
			break;
		assert_int_equal(*piece, 'm');
	}
	assert_string_equal(got, xml);
	assert_string_equal(ask("qXfer:features:read:target.xml:ffffffffffffffff,ff"),
			    "l");
	assert_string_equal(ask("qXfer:features:read:other.xml:0,31"), "E00");
	assert_string_equal(ask("qXfer:features:read:target.xml:0"), "E00");
}

static void test_registers(void **state)
{
	(void)state;
	fake.cpus[1] = (struct fake_registers){ 0x11223344, 0x55, { 0xaa } };
	assert_string_equal(ask("g"), "443322115500000000000000"
				      "aa000000000000000000000000000000");
	assert_string_equal(ask("p0"), "44332211");
	assert_string_equal(ask("p3"), "E01");
	assert_string_equal(ask("pffffffffffffffff"), "E01");
	assert_string_equal(ask("P1=0102000000000000"), "OK");
	assert_int_equal(fake.cpus[1].b, 0x201);
	assert_string_equal(ask("P1=01020000000000"), "E01");
	assert_string_equal(ask("P1=010200000000000000"), "E01");
	assert_string_equal(ask("P9=01"), "E01");
	assert_string_equal(fake.calls, "store ");
	fake.refuses = true;
	assert_string_equal(ask("P0=01000000"), "E0e");
}

static void test_all_registers_at_once(void **state)
{
	(void)state;
	fake.cpus[1].b = 7;
	assert_string_equal(ask("G01000000xxxxxxxxxxxxxxxx"
				"ff000000000000000000000000000000"),
			    "OK");
	assert_int_equal(fake.cpus[1].a, 1);
	assert_int_equal(fake.cpus[1].b, 7);
	assert_int_equal(fake.cpus[1].v[0], 0xff);
	assert_string_equal(ask("G01"), "E01");
}

static void test_memory(void **state)
{
	(void)state;
	assert_string_equal(ask("m1010,4"), "10111213");
	assert_string_equal(ask("m10fe,4"), "feff"); /* what there is */
	assert_string_equal(ask("m2000,4"), "E0e");
	assert_string_equal(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
	assert_string_equal(ask("m1000"), "E01");
	assert_string_equal(ask("m10000000000000000,1"), "E01"); /* 17 digits */
	assert_int_equal(strlen(ask("m1000,ffffffff")), 512);
	assert_string_equal(ask("M1010,2:abcd"), "OK");
	assert_int_equal(fake.memory[0x10], 0xab);
	assert_string_equal(ask("M1010,3:abcd"), "E01");
	assert_string_equal(ask("M1010,1:abcd"), "E01");
	assert_string_equal(ask("M10ff,2:abcd"), "E0e");
	assert_string_equal(ask("M0,ffffffffffffffff:"), "E01");
}

static void test_binary_memory(void **state)
{
	const char packet[] = "X1000,5:a}\003}]\0z";

	(void)state;
	assert_string_equal(ask("X1000,0:"), "OK"); /* is X known? */
	assert_string_equal(send_bytes(packet, sizeof(packet) - 1), "$OK#9a");
	assert_memory_equal(fake.memory, "a#}\0z", 5);
	assert_string_equal(ask("X1000,2:a"), "E01");
	assert_string_equal(ask("X1000,1:}"), "E01");
}

static void test_breakpoints(void **state)
{
	(void)state;
	assert_string_equal(ask("Z0,ffffffff81000000,1"), "OK");
	assert_string_equal(ask("Z2,1000,8"), "OK");
	assert_string_equal(ask("z0,ffffffff81000000,1"), "OK");
	assert_string_equal(fake.calls,
			    "insert:0:ffffffff81000000:1 insert:2:1000:8 remove ");
	assert_string_equal(ask("Z5,1000,1"), "E01");
	assert_string_equal(ask("Z0,1000"), "E01");
	assert_string_equal(ask("Z0,1000,1;X1,00"), "E01");
	fake.refuses = true;
	assert_string_equal(ask("Z1,1000,1"), "E0e");
}

static void test_threads(void **state)
{
	(void)state;
	assert_string_equal(ask("qfThreadInfo"), "m1,2,3");
	assert_string_equal(ask("qsThreadInfo"), "l");
	assert_string_equal(ask("qThreadExtraInfo,3"), "4350552032" /* CPU 2 */
						       "2c206d6f64652032");
	assert_string_equal(ask("qThreadExtraInfo,4"), "E01");
	assert_string_equal(ask("T3"), "OK");
	assert_string_equal(ask("T4"), "E01");
	assert_string_equal(ask("Hg3"), "OK");
	assert_string_equal(ask("qC"), "QC3");
	fake.cpus[2].a = 9;
	assert_string_equal(ask("p0"), "09000000");
	assert_string_equal(ask("Hg0"), "OK");
	assert_string_equal(ask("qC"), "QC3");
	assert_string_equal(ask("Hg4"), "E01");
	assert_string_equal(ask("Hgffffffffffffffff"), "E01");
	assert_string_equal(ask("Hx1"), "E01");
}

static void assert_actions(unsigned a, unsigned b, unsigned c)
{
	assert_int_equal(fake.actions[0], a);
	assert_int_equal(fake.actions[1], b);
	assert_int_equal(fake.actions[2], c);
}

/* Each resumes; then the target stops again. */
static void resume(const char *packet)
{
	const struct debug_stop stop = { .reason = DEBUG_STEPPED };

	assert_string_equal(ask(packet), "");
	assert_int_equal(stub.state, GDB_RUNNING);
	gdb_stub_stopped(&stub, GDB_SIGNAL_TRAP, 1, &stop);
	assert_string_equal(take_answer(), "$T05thread:2;#d8");
}

static void test_actions(void **state)
{
	(void)state;
	resume("vCont;c");
	assert_actions(GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE);
	resume("vCont;s:2");
	assert_actions(GDB_STAY, GDB_STEP, GDB_STAY);
	resume("vCont;s:3;c");
	assert_actions(GDB_CONTINUE, GDB_CONTINUE, GDB_STEP);
	resume("vCont;S05:1;C0b:-1");
	assert_actions(GDB_STEP, GDB_CONTINUE, GDB_CONTINUE);
	resume("c");
	assert_actions(GDB_CONTINUE, GDB_CONTINUE, GDB_CONTINUE);
	resume("s");
	assert_actions(GDB_STAY, GDB_STEP, GDB_STAY);
	ask("Hc3");
	resume("S05");
	assert_actions(GDB_STAY, GDB_STAY, GDB_STEP);
}

static void test_actions_that_are_none(void **state)
{
	(void)state;
	assert_string_equal(ask("vCont"), "E01");
	assert_string_equal(ask("vCont;"), "E01");
	assert_string_equal(ask("vCont;t"), "E01");
	assert_string_equal(ask("vCont;c:4"), "E01");
	assert_string_equal(ask("vCont;C"), "E01");
	assert_string_equal(ask("vCont;cc"), "E01");
	assert_string_equal(ask("c1000"), "E01");
	assert_string_equal(fake.calls, "");
	fake.refuses = true;
	assert_string_equal(ask("c"), "E0e");
	assert_int_equal(stub.state, GDB_STOPPED);
}

static void stop_with(enum debug_kind kind, const char *expected)
{
	const struct debug_stop stop = { DEBUG_BROKE, kind, 0xffffffff81000000 };

	assert_string_equal(ask("c"), "");
	gdb_stub_stopped(&stub, GDB_SIGNAL_TRAP, 2, &stop);
	take_answer();
	assert_memory_equal(answer + 1, expected, strlen(expected));
	assert_string_equal(ask("?"), expected);
}

static void test_reasons(void **state)
{
	(void)state;
	stop_with(DEBUG_SOFTWARE, "T05thread:3;"); /* gdb did not say that it knows it */
	ask("qSupported:swbreak+;hwbreak+");
	stop_with(DEBUG_SOFTWARE, "T05thread:3;swbreak:;");
	stop_with(DEBUG_HARDWARE, "T05thread:3;hwbreak:;");
	stop_with(DEBUG_WRITE, "T05thread:3;watch:ffffffff81000000;");
	stop_with(DEBUG_READ, "T05thread:3;rwatch:ffffffff81000000;");
	stop_with(DEBUG_ACCESS, "T05thread:3;awatch:ffffffff81000000;");
	assert_string_equal(ask("qC"), "QC3"); /* gdb looks at the CPU that stopped */
}

static void test_while_it_runs(void **state)
{
	const struct debug_stop stop = { 0 };

	(void)state;
	ask("c");
	assert_string_equal(ask("g"), "");
	assert_string_equal(ask("m1000,4"), "");
	fake.calls[0] = '\0';
	assert_string_equal(put("\003", 1), "");
	assert_string_equal(fake.calls, "interrupt ");
	gdb_stub_stopped(&stub, GDB_SIGNAL_INT, 0, &stop);
	assert_string_equal(take_answer(), "$T02thread:1;#d4");
	/* Late ones are no news. */
	put("\003", 1);
	gdb_stub_stopped(&stub, GDB_SIGNAL_INT, 0, &stop);
	assert_string_equal(take_answer(), "");
	assert_string_equal(fake.calls, "interrupt ");
}

static void test_console(void **state)
{
	(void)state;
	send_bytes("qRcmd,6869", 10); /* hi */
	assert_non_null(strstr(answer, "$O796f75207361696420#"));
	assert_non_null(strstr(answer, "$O6869#"));
	assert_non_null(strstr(answer, "$OK#9a"));
	assert_string_equal(ask("qRcmd,686"), "E01");
	assert_string_equal(ask("qRcmd,zz"), "E01");
}

static void test_long_text_is_cut(void **state)
{
	static char text[3 * GDB_OUT_SIZE];

	(void)state;
	memset(text, 'x', sizeof(text));
	ask("c");
	gdb_stub_print(&stub, text, sizeof(text));
	assert_true(stub.out.size <= GDB_OUT_SIZE);
	stub.out.sent = stub.out.size;
	assert_string_equal(put("\003", 1), "");
}

static void test_end_of_the_guest(void **state)
{
	(void)state;
	ask("c");
	gdb_stub_exited(&stub, 3, 0);
	assert_string_equal(take_answer(), "$W03#ba");
	assert_string_equal(ask("g"), "");
	setup(NULL);
	ask("c");
	gdb_stub_exited(&stub, 0, 11);
	assert_string_equal(take_answer(), "$X0b#ea");
	setup(NULL);
	ask("qC");
	gdb_stub_exited(&stub, 0, 0); /* gdb asked for nothing that this would answer */
	assert_string_equal(take_answer(), "");
}

static void test_detach_and_kill(void **state)
{
	(void)state;
	assert_string_equal(ask("D"), "OK");
	assert_string_equal(fake.calls, "detach ");
	ask("qC"); /* it is back */
	assert_string_equal(fake.calls, "detach stop ");
	assert_string_equal(ask("vKill;1"), "OK");
	assert_string_equal(ask("k"), "");
	assert_string_equal(fake.calls, "detach stop kill kill ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_acknowledgements, setup),
		cmocka_unit_test_setup(test_a_lost_end, setup),
		cmocka_unit_test_setup(test_too_long, setup),
		cmocka_unit_test_setup(test_first_packet_stops, setup),
		cmocka_unit_test_setup(test_features, setup),
		cmocka_unit_test_setup(test_description_in_pieces, setup),
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_all_registers_at_once, setup),
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_binary_memory, setup),
		cmocka_unit_test_setup(test_breakpoints, setup),
		cmocka_unit_test_setup(test_threads, setup),
		cmocka_unit_test_setup(test_actions, setup),
		cmocka_unit_test_setup(test_actions_that_are_none, setup),
		cmocka_unit_test_setup(test_reasons, setup),
		cmocka_unit_test_setup(test_while_it_runs, setup),
		cmocka_unit_test_setup(test_console, setup),
		cmocka_unit_test_setup(test_long_text_is_cut, setup),
		cmocka_unit_test_setup(test_end_of_the_guest, setup),
		cmocka_unit_test_setup(test_detach_and_kill, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
