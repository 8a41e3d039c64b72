/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest on the user network gets to boot: the name of a file by DHCP, files by
 * TFTP, and nothing that is not in the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "net_guest.h"

/* TFTP (RFC 1350): an operation code of 2 bytes, then a block's number or an error's. */
#define TFTP_READ             1u
#define TFTP_WRITE            2u
#define TFTP_BLOCK_1          0x00030001u
#define TFTP_NOT_FOUND        0x00050001u
#define TFTP_ACCESS_VIOLATION 0x00050002u

static void send_tftp(struct guest *guest, uint32_t to, unsigned operation,
		      const char *name)
{
	uint8_t frame[300] = { 0 };
	const size_t size = strlen(name) + 1;

	put16(frame + 42, operation);
	memcpy(frame + 44, name, size);
	memcpy(frame + 44 + size, "octet", 6);
	send_frame(guest, frame, udp(frame, GUEST, to, 2000, 69, 2 + size + 6), NULL);
}

/* What comes back for a read request, from the gateway. */
static uint32_t tftp_answer(struct guest *guest, const char *name)
{
	const unsigned before = guest->datagrams;

	send_tftp(guest, GATEWAY, TFTP_READ, name);
	turn_until(guest, guest->datagrams == before + 1);
	return guest->last_datagram;
}

/* A folder with a file in it, and one beside it. */
static void make_files(char *folder, size_t size)
{
	char beside[] = "/tmp/tane-test-XXXXXX", path[64];
	FILE *file;

	assert_non_null(mkdtemp(beside));
	snprintf(folder, size, "%s/served", beside);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/hello", folder);
	file = fopen(path, "w");
	assert_true(file && fputs("boot me", file) >= 0 && !fclose(file));
	snprintf(path, sizeof(path), "%s/secret", beside);
	file = fopen(path, "w");
	assert_true(file && !fclose(file));
}

static void remove_files(const char *folder)
{
	const char *slash = strrchr(folder, '/');
	const int beside = (int)(slash - folder);
	char path[64];

	snprintf(path, sizeof(path), "%s/hello", folder);
	assert_int_equal(remove(path), 0);
	assert_int_equal(remove(folder), 0);
	snprintf(path, sizeof(path), "%.*s/secret", beside, folder);
	assert_int_equal(remove(path), 0);
	snprintf(path, sizeof(path), "%.*s", beside, folder);
	assert_int_equal(remove(path), 0);
}

static void test_tftp(void **state)
{
	char folder[48];
	struct config_net config = { .fd = -1, .tftp = folder, .bootfile = "boot/0" };
	struct guest *guest;

	(void)state;
	make_files(folder, sizeof(folder));
	guest = plug(&config);
	send_dhcp(guest, 1);
	turn_until(guest, guest->dhcp_type == 2);
	assert_string_equal(guest->bootfile, "boot/0");

	assert_int_equal(tftp_answer(guest, "hello"), TFTP_BLOCK_1);
	assert_memory_equal(guest->frame + 46, "boot me", 7);
	assert_int_equal(guest->peer_port, 69);
	assert_int_equal(tftp_answer(guest, "/hello"), TFTP_BLOCK_1);
	assert_int_equal(tftp_answer(guest, "other"), TFTP_NOT_FOUND);
	/* Nothing is read outside. */
	assert_int_equal(tftp_answer(guest, "../secret"), TFTP_ACCESS_VIOLATION);
	assert_int_equal(tftp_answer(guest, "/../secret"), TFTP_ACCESS_VIOLATION);
	assert_int_equal(tftp_answer(guest, "x/../../secret"), TFTP_ACCESS_VIOLATION);
	assert_int_equal(tftp_answer(guest, folder), TFTP_NOT_FOUND);
	assert_int_equal(tftp_answer(guest, ".."), TFTP_NOT_FOUND);
	unplug(guest);
	remove_files(folder);
}

/* Nothing answers a write, nor an address that is not the gateway's, nor without tftp=. */
static void test_tftp_is_limited(void **state)
{
	char folder[48];
	struct config_net config = { .fd = -1, .no_ipv6 = true, .tftp = folder };
	struct guest *guest;
	unsigned frames;

	(void)state;
	make_files(folder, sizeof(folder));
	guest = plug(&config);
	assert_int_equal(tftp_answer(guest, "hello"), TFTP_BLOCK_1);
	frames = guest->nr_frames;
	send_tftp(guest, GATEWAY, TFTP_WRITE, "hello");
	send_tftp(guest, GATEWAY, TFTP_WRITE, "new");
	send_tftp(guest, GATEWAY + 5, TFTP_READ, "hello"); /* this host's port */
	assert_quiet(guest);
	assert_int_equal(guest->nr_frames, frames); /* no "unreachable" either */
	assert_int_equal(tftp_answer(guest, "new"), TFTP_NOT_FOUND);
	unplug(guest);

	config.tftp = NULL;
	guest = plug(&config);
	send_dhcp(guest, 1);
	turn_until(guest, guest->dhcp_type == 2);
	assert_string_equal(guest->bootfile, "");
	send_tftp(guest, GATEWAY, TFTP_READ, "hello");
	assert_quiet(guest);
	assert_int_equal(guest->datagrams, 0);
	unplug(guest);
	remove_files(folder);
}

static void test_tftp_needs_a_folder(void **state)
{
	struct config_net config = { .fd = -1, .tftp = "/dev/null" };
	struct loop loop;
	struct err err = { "" };

	(void)state;
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_null(net_open_user(&config, &loop, &err));
	assert_string_equal(err.text, "-n user: tftp=/dev/null is not a folder");
	config.tftp = "/nowhere";
	assert_null(net_open_user(&config, &loop, &err));
	assert_string_equal(err.text,
			    "-n user: tftp=/nowhere: No such file or directory");
	loop_destroy(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tftp),
		cmocka_unit_test(test_tftp_is_limited),
		cmocka_unit_test(test_tftp_needs_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
