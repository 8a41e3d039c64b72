/* SPDX-License-Identifier: BSD-2-Clause */
/* The DHCP of the guest's init: messages as RFC 2131 has them, and what servers may send. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guest/init/dhcp.h"

#define OPTIONS 240

static const struct dhcp_client client = {
	.xid = 0x12345678,
	.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
};

/* An answer; options are put behind it. */
struct answer {
	uint8_t data[DHCP_MAX_MESSAGE];
	size_t size;
};

static struct answer answer_new(uint8_t type)
{
	struct answer answer = { .size = OPTIONS };
	uint8_t *data = answer.data;

	data[0] = 2;
	data[1] = 1;
	data[2] = 6;
	memcpy(data + 4, &client.xid, 4);
	memcpy(data + 16, (uint8_t[]){ 10, 0, 2, 15 }, 4);
	memcpy(data + 28, client.mac, 6);
	memcpy(data + 236, (uint8_t[]){ 99, 130, 83, 99 }, 4);
	memcpy(data + OPTIONS, (uint8_t[]){ 53, 1, type, 54, 4, 10, 0, 2, 2 }, 9);
	answer.size += 9;
	return answer;
}

static void put(struct answer *answer, uint8_t option, const void *value, uint8_t size)
{
	uint8_t *at = answer->data + answer->size;

	at[0] = option;
	at[1] = size;
	memcpy(at + 2, value, size);
	answer->size += 2u + size;
}

/* With the end behind it, in an allocation of its size, for a sanitizer. */
static bool take(struct answer *answer, struct dhcp_lease *lease)
{
	uint8_t *copy;
	bool taken;

	answer->data[answer->size++] = 255;
	copy = test_malloc(answer->size);
	memcpy(copy, answer->data, answer->size);
	taken = dhcp_read(copy, answer->size, &client, lease);
	test_free(copy);
	return taken;
}

static uint32_t address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	uint32_t in_order;

	memcpy(&in_order, (uint8_t[]){ a, b, c, d }, 4);
	return in_order;
}

static void test_discover(void **state)
{
	uint8_t message[DHCP_MAX_MESSAGE];
	const size_t size = dhcp_write(message, &client, NULL);

	(void)state;
	assert_true(size >= 300);
	assert_memory_equal(message, "\1\1\6\0", 4);
	assert_memory_equal(message + 4, &client.xid, 4);
	assert_int_equal(message[10], 0x80); /* broadcast */
	assert_memory_equal(message + 28, client.mac, 6);
	assert_memory_equal(message + 236, "\x63\x82\x53\x63\x35\1\1\x37", 8);
}

static void test_request(void **state)
{
	static const uint8_t options[] = { 53, 1,  3, 50, 4, 10, 0, 2,
					   15, 54, 4, 10, 0, 2,  2 };
	struct answer answer = answer_new(DHCP_OFFER);
	uint8_t message[DHCP_MAX_MESSAGE];
	struct dhcp_lease offer;

	(void)state;
	assert_true(take(&answer, &offer));
	dhcp_write(message, &client, &offer);
	assert_memory_equal(message + OPTIONS, options, sizeof(options));
}

static void test_everything_said(void **state)
{
	struct answer answer = answer_new(DHCP_ACK);
	struct dhcp_lease lease;

	(void)state;
	put(&answer, 1, (uint8_t[]){ 255, 255, 255, 0 }, 4);
	put(&answer, 3, (uint8_t[]){ 10, 0, 2, 2, 10, 0, 2, 1 }, 8);
	put(&answer, 6, (uint8_t[]){ 10, 0, 2, 3, 9, 9, 9, 9 }, 8);
	put(&answer, 15, "example.org", 12); /* with its NUL, as some do */
	put(&answer, 26, (uint8_t[]){ 0x23, 0x28 }, 2);
	put(&answer, 0xe0, "of no concern", 13);
	answer.data[answer.size++] = 0; /* a pad */
	assert_true(take(&answer, &lease));
	assert_int_equal(lease.type, DHCP_ACK);
	assert_int_equal(lease.address, address(10, 0, 2, 15));
	assert_int_equal(lease.server, address(10, 0, 2, 2));
	assert_int_equal(lease.netmask, address(255, 255, 255, 0));
	assert_int_equal(lease.router, address(10, 0, 2, 2));
	assert_int_equal(lease.nr_names, 2);
	assert_int_equal(lease.names[1], address(9, 9, 9, 9));
	assert_string_equal(lease.domain, "example.org");
	assert_int_equal(lease.mtu, 9000);
}

static void test_nothing_said(void **state)
{
	struct answer answer = answer_new(DHCP_ACK);
	struct dhcp_lease lease;

	(void)state;
	assert_true(take(&answer, &lease));
	assert_int_equal(lease.netmask, 0);
	assert_int_equal(lease.router, 0);
	assert_int_equal(lease.nr_names, 0);
	assert_int_equal(lease.mtu, 0);
	assert_string_equal(lease.domain, "");
}

/* It becomes a line of resolv.conf. */
static void test_bad_values(void **state)
{
	static const char *const domains[] = { "a\nnameserver 6.6.6.6", "a b", "a/b",
					       "\x80" };
	struct dhcp_lease lease;
	struct answer answer;
	uint8_t many[255];

	(void)state;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		answer = answer_new(DHCP_ACK);
		put(&answer, 15, domains[i], (uint8_t)strlen(domains[i]));
		assert_true(take(&answer, &lease));
		assert_string_equal(lease.domain, "");
	}
	memset(many, 'a', sizeof(many));
	answer = answer_new(DHCP_ACK);
	put(&answer, 15, many, 255);
	put(&answer, 6, many, 255);
	put(&answer, 1, many, 3);
	put(&answer, 3, many, 5);
	put(&answer, 26, (uint8_t[]){ 0, 67 }, 2);
	put(&answer, 26, many, 1);
	assert_true(take(&answer, &lease));
	assert_string_equal(lease.domain, "");
	assert_int_equal(lease.nr_names, DHCP_MAX_SERVERS);
	assert_int_equal(lease.netmask, 0);
	assert_int_equal(lease.router, 0);
	assert_int_equal(lease.mtu, 0);
}

/* One byte of a message that would be taken, changed. */
static void test_of_others(void **state)
{
	static const size_t places[] = { 0, 1, 2, 4, 7, 28, 33, 236, 239 };
	struct dhcp_lease lease;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct answer answer = answer_new(DHCP_OFFER);

		answer.data[places[i]] ^= 1;
		assert_false(take(&answer, &lease));
	}
}

static void test_of_no_use(void **state)
{
	static const uint8_t types[] = { 0, 1, 3, 4, 7, 8, 255 };
	struct dhcp_lease lease;
	struct answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(types); i++) {
		answer = answer_new(types[i]);
		assert_false(take(&answer, &lease));
	}
	answer = answer_new(DHCP_OFFER);
	memset(answer.data + 16, 0, 4);
	assert_false(take(&answer, &lease));
	answer = answer_new(DHCP_NAK);
	memset(answer.data + 16, 0, 4);
	assert_true(take(&answer, &lease));
	assert_int_equal(lease.type, DHCP_NAK);
}

static void test_cut(void **state)
{
	struct answer answer = answer_new(DHCP_ACK);
	struct dhcp_lease lease;

	(void)state;
	put(&answer, 6, (uint8_t[]){ 10, 0, 2, 3 }, 4);
	answer.data[answer.size++] = 255;
	for (size_t size = 0; size < answer.size; size++) {
		uint8_t *copy = test_malloc(size + 1);

		memcpy(copy, answer.data, size);
		assert_false(dhcp_read(copy, size, &client, &lease));
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discover),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_everything_said),
		cmocka_unit_test(test_nothing_said),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_of_others),
		cmocka_unit_test(test_of_no_use),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
