/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's init is told: the record of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/command_record.h"

static struct vm_config config;
static struct caller caller;
static struct record record;
static struct err err;

static char *const words[] = { "make", "-k", "a b", "", NULL };
static char *const environment[] = { "PATH=/bin:/opt/bin", "HOME=/home/u",
				     "SHELL=/bin/sh",      "LC_TIME=C",
				     "TERM=xterm",         "SSH_AUTH_SOCK=x",
				     "LD_PRELOAD=bad",     "A=1",
				     "TERMCAP=x",          NULL };

static int setup(void **state)
{
	(void)state;
	config_init(&config);
	config.command.enabled = true;
	config.command.argv = words;
	config.command.argc = 4;
	memset(&caller, 0, sizeof(caller));
	caller.uid = 1000;
	caller.gid = 100;
	caller.umask = 077;
	caller.groups[0] = 100;
	caller.groups[1] = 27;
	caller.nr_groups = 2;
	caller.environ = environment;
	strcpy(caller.cwd, "/home/u/src");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	record_free(&record);
	return 0;
}

static void build(void)
{
	record_free(&record);
	assert_int_equal(record_build(&record, &config, &caller, &err), 0);
	assert_int_equal(record.data[record.used - 1], 0);
}

/* How often there is this record. */
static unsigned count(const char *text)
{
	unsigned n = 0;

	for (size_t at = 0; at < record.used; at += strlen(record.data + at) + 1)
		n += strcmp(record.data + at, text) == 0;
	return n;
}

/* Does any record begin so? */
static bool has(const char *prefix)
{
	for (size_t at = 0; at < record.used; at += strlen(record.data + at) + 1) {
		if (strncmp(record.data + at, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

static void test_as_the_caller(void **state)
{
	(void)state;
	caller.streams[0] = CALLER_TTY;
	caller.streams[1] = CALLER_PIPE;
	caller.streams[2] = CALLER_STDOUT;
	caller.rows = 25;
	caller.cols = 80;
	build();
	assert_int_equal(count("arg=make"), 1);
	assert_int_equal(count("arg=a b"), 1);
	assert_int_equal(count("arg="), 1);
	assert_int_equal(count("uid=1000"), 1);
	assert_int_equal(count("gid=100"), 1);
	assert_int_equal(count("umask=63"), 1);
	assert_int_equal(count("group=100"), 1);
	assert_int_equal(count("group=27"), 1);
	assert_int_equal(count("cwd=/home/u/src"), 1);
	assert_int_equal(count("root=overlay"), 1);
	assert_int_equal(count("env=PATH=/bin:/opt/bin"), 1);
	assert_int_equal(count("env=HOME=/home/u"), 1);
	assert_int_equal(count("env=LC_TIME=C"), 1);
	assert_int_equal(count("env=TERM=xterm"), 1);
	assert_int_equal(count("hostname=tane"), 1);
	assert_int_equal(count("stdin=tty"), 1);
	assert_int_equal(count("stdout=pipe"), 1);
	assert_int_equal(count("stderr=stdout"), 1);
	assert_int_equal(count("rows=25"), 1);
	assert_int_equal(count("cols=80"), 1);
	assert_false(has("env=SSH") || has("env=LD_") || has("env=A=") ||
		     has("env=TERMCAP") || has("network") || has("user=") ||
		     has("mount="));
}

static void test_environment(void **state)
{
	(void)state;
	config.command.env[0] = "A";
	config.command.env[1] = "TERM=vt100";
	config.command.env[2] = "NOT_SET";
	config.command.env[3] = "EMPTY=";
	config.command.env[4] = "PATH=/mine";
	config.command.env[5] = "LC_TIME=de";
	config.command.nr_env = 6;
	build();
	assert_int_equal(count("env=A=1"), 1);
	assert_int_equal(count("env=TERM=vt100"), 1);
	assert_int_equal(count("env=EMPTY="), 1);
	assert_int_equal(count("env=PATH=/mine"), 1);
	assert_int_equal(count("env=LC_TIME=de"), 1);
	assert_false(has("env=NOT_SET") || has("env=TERM=xterm") ||
		     has("env=PATH=/bin") || has("env=LC_TIME=C"));
}

/* Another system: its root's, and nothing of the caller's. */
static void test_another_root(void **state)
{
	(void)state;
	config.command.root = "/srv/tree";
	config.command.argc = 0;
	build();
	assert_int_equal(count("uid=0"), 1);
	assert_int_equal(count("gid=0"), 1);
	assert_int_equal(count("cwd=/"), 1);
	assert_int_equal(count("env=HOME=/root"), 1);
	assert_int_equal(count("env=USER=root"), 1);
	assert_true(has("env=PATH=/usr/local/sbin:"));
	assert_int_equal(count("env=TERM=xterm"), 1);
	assert_false(has("arg=") || has("group=") || has("env=HOME=/home"));
	config.command.cwd = "/tmp";
	config.command.writable = true;
	build();
	assert_int_equal(count("cwd=/tmp"), 1);
	assert_int_equal(count("root=rw"), 1);
}

static void test_users(void **state)
{
	static const char *const bad[] = {
		"0:",         "1x",           "1:x",
		"1:2:3",      "1:-1",         "99999999999",
		"4294967295", "1:4294967296", "18446744073709551616"
	};

	(void)state;
	config.command.user = "daemon";
	build();
	assert_int_equal(count("user=daemon"), 1);
	/* Its home is known in the guest. */
	assert_false(has("env=HOME") || has("uid=") || has("group="));
	config.command.user = "1234";
	build();
	assert_int_equal(count("uid=1234"), 1);
	assert_int_equal(count("gid=1234"), 1);
	config.command.user = "1234:5";
	build();
	assert_int_equal(count("gid=5"), 1);
	config.command.user = "4294967294:1234567890";
	build();
	assert_int_equal(count("uid=4294967294"), 1);
	assert_int_equal(count("gid=1234567890"), 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.command.user = bad[i];
		assert_int_equal(record_build(&record, &config, &caller, &err), -1);
		assert_non_null(strstr(err.text, "is not NAME or UID[:GID]"));
	}
}

/* No command: the caller's shell if there is one. */
static void test_shell(void **state)
{
	static char *const none[] = { "SHELL=/nonexistent/shell", NULL };

	(void)state;
	config.command.argc = 0;
	build();
	assert_int_equal(count("arg=/bin/sh"), 1);
	caller.environ = none;
	build();
	assert_false(has("arg="));
}

static void test_shares(void **state)
{
	(void)state;
	config.shares[0] = (struct config_share){ .path = "/", .tag = "root" };
	config.shares[1] =
		(struct config_share){ .path = "/usr/../tmp/.", .tag = "share0" };
	config.shares[2] = (struct config_share){
		.path = "/usr", .tag = "two", .writable = true, .at = "/a,b"
	};
	config.shares[3] = (struct config_share){
		.path = "/bin/..", .tag = "t", .cache = "none", .at = "//mnt/./"
	};
	config.nr_shares = 4;
	config.nr_nets = 1;
	config.name = "guest";
	build();
	assert_int_equal(count("mount=ro,loose,share0,/tmp"), 1);
	assert_int_equal(count("mount=rw,mmap,two,/a,b"), 1);
	assert_int_equal(count("mount=ro,none,t,/mnt"), 1);
	assert_int_equal(count("network=dhcp"), 1);
	assert_int_equal(count("hostname=guest"), 1);
	config.shares[1].path = "/nonexistent/folder";
	assert_int_equal(record_build(&record, &config, &caller, &err), -1);
	assert_string_equal(err.text, "--share \"/nonexistent/folder\": No such file or "
				      "directory");
}

static void assert_refused(const char *message)
{
	record_free(&record);
	assert_int_equal(record_build(&record, &config, &caller, &err), -1);
	if (!strstr(err.text, message))
		fail_msg("%s", err.text);
}

/* What is mounted later must hide neither the system nor another share. */
static void test_places_of_shares(void **state)
{
	static const char *const order[] = { "mount=ro,loose,c,/a",
					     "mount=rw,mmap,a,/a/b",
					     "mount=ro,loose,b,/a/b/c" };
	const char *last = NULL, *at;

	(void)state;
	config.shares[0] = (struct config_share){
		.path = "/usr", .tag = "a", .writable = true, .at = "/a//b/"
	};
	config.shares[1] =
		(struct config_share){ .path = "/usr", .tag = "b", .at = "/a/./b/c" };
	config.shares[2] =
		(struct config_share){ .path = "/usr", .tag = "c", .at = "/a" };
	config.nr_shares = 3;
	build();
	for (size_t i = 0; i < 3; i++) {
		at = memmem(record.data, record.used, order[i], strlen(order[i]) + 1);
		if (!at || (last && at < last))
			fail_msg("%s is not behind the one before", order[i]);
		last = at;
	}
	config.shares[2].at = "/a/b/.";
	assert_refused("--share: two are to be at \"/a/b\"");
	config.shares[2].at = "//.";
	assert_refused("/ is the command's root");
	config.shares[2] = (struct config_share){ .path = "/", .tag = "c" };
	assert_refused("/ is the command's root");
}

static void test_too_long(void **state)
{
	static char word[3 << 20];
	char *const two[] = { word, word, NULL };

	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	config.command.argv = two;
	config.command.argc = 1;
	build();
	config.command.argc = 2;
	assert_int_equal(record_build(&record, &config, &caller, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_the_caller),
		TEST(test_environment),
		TEST(test_another_root),
		TEST(test_users),
		TEST(test_shell),
		TEST(test_shares),
		TEST(test_places_of_shares),
		TEST(test_too_long),
	};

	return cmocka_run_group_tests_name("command_record", tests, NULL, NULL);
}
