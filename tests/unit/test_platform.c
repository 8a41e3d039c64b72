/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells and message interrupts: without KVM, and with whatever /dev/kvm is here,
 * where KVM takes from the eventfd what it sends.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/platform.h"
#include "kvm/kvm_x86.h"

#define FIRST_GSI 24
#define ADDRESS   0xfee00000ull

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_pending_without_kvm(void **state)
{
	struct platform platform;
	struct msi msi;
	struct err err;

	(void)state;
	platform_init(&platform);
	assert_int_equal(msi_init(&msi, &platform, &err), 0);
	assert_false(msi_pending(&msi));
	msi_signal(&msi);
	msi_signal(&msi);
	assert_true(msi_pending(&msi));
	assert_true(msi_pending(&msi)); /* to look changes nothing */
	assert_int_equal(msi_attach(&msi, ADDRESS, 0x31, &err), 0);
	assert_false(msi_pending(&msi));
	assert_true(is_readable(msi.fd)); /* here KVM would take it */
	msi_detach(&msi);
	msi_clear(&msi);
	assert_false(msi_pending(&msi));
	msi_clear(&msi); /* does not wait */
	msi_destroy(&msi);
	assert_int_equal(msi.fd, -1);
	msi_destroy(&msi);
	platform_destroy(&platform);
}

/* A message keeps its GSI; a free one is taken again; there is an end. */
static void test_gsis(void **state)
{
	static struct msi msis[PLATFORM_MAX_MSIS];
	static struct platform platform;
	struct msi more;
	struct err err;
	unsigned made = 0;

	(void)state;
	platform_init(&platform);
	assert_int_equal(platform_set_pins(&platform, NULL, 0, FIRST_GSI, &err), 0);
	while (made < 100 && !msi_init(&msis[made], &platform, &err)) {
		assert_int_equal(msis[made].gsi, FIRST_GSI + made);
		made++;
	}
	assert_int_equal(made, 100);
	msi_destroy(&msis[7]);
	assert_int_equal(msi_init(&more, &platform, &err), 0);
	assert_int_equal(more.gsi, FIRST_GSI + 7);
	msi_destroy(&more);
	/* As if all of them were in use. */
	for (unsigned i = 0; i < PLATFORM_MAX_MSIS; i++) {
		if (!platform.msis[i])
			platform.msis[i] = &msis[i];
	}
	assert_int_equal(msi_init(&more, &platform, &err), -1);
	assert_int_equal(more.fd, -1);
	for (unsigned i = 0; i < made; i++)
		msi_destroy(&msis[i]);
	platform_destroy(&platform);
}

/* A VM with interrupt controllers and no CPU. */
struct live {
	struct kvm kvm;
	struct kvm_vm vm;
	struct platform platform;
	struct kvm_irq_routing_entry pins[KVM_X86_MAX_PIN_ROUTES];
};

static void make_live(struct live *live)
{
	struct err err = { "" };

	if (access(KVM_DEVICE, R_OK | W_OK))
		skip();
	platform_init(&live->platform);
	if (kvm_open(&live->kvm, KVM_DEVICE, &err) ||
	    kvm_vm_create(&live->kvm, 0, &live->vm, &err) ||
	    kvm_vm_create_irqchip(&live->vm, &err))
		fail_msg("%s", err.text);
	live->platform.kvm = &live->vm;
	if (platform_set_pins(&live->platform, live->pins, kvm_x86_pin_routes(live->pins),
			      FIRST_GSI, &err))
		fail_msg("%s", err.text);
}

static void destroy_live(struct live *live)
{
	platform_destroy(&live->platform);
	kvm_vm_close(&live->vm);
	kvm_close(&live->kvm);
}

/* What was sent is not pending; what comes while it is masked is, and is sent once. */
static void test_kvm_takes_what_it_sends(void **state)
{
	struct live live;
	struct msi msi;
	struct err err = { "" };

	(void)state;
	make_live(&live);
	assert_int_equal(msi_init(&msi, &live.platform, &err), 0);
	msi_signal(&msi);
	assert_true(msi_pending(&msi));
	if (msi_attach(&msi, ADDRESS, 0x31, &err))
		fail_msg("%s", err.text);
	msi_detach(&msi);
	assert_false(msi_pending(&msi));
	assert_int_equal(msi_attach(&msi, ADDRESS, 0x31, &err), 0);
	msi_signal(&msi);
	msi_detach(&msi);
	assert_false(msi_pending(&msi));
	msi_signal(&msi);
	assert_true(msi_pending(&msi));
	assert_int_equal(msi_attach(&msi, ADDRESS, 0x32, &err), 0);
	msi_detach(&msi);
	assert_false(msi_pending(&msi));
	msi_destroy(&msi);
	destroy_live(&live);
}

/* What KVM refuses of one message does not harm the others. */
static void test_refused_address(void **state)
{
	struct live live;
	struct msi good, bad;
	struct err err = { "" };

	(void)state;
	make_live(&live);
	assert_int_equal(kvm_vm_enable_x2apic_ids(&live.vm, &err), 0);
	assert_int_equal(msi_init(&good, &live.platform, &err), 0);
	assert_int_equal(msi_init(&bad, &live.platform, &err), 0);
	assert_int_equal(msi_attach(&bad, ADDRESS | 1ull << 32, 0x31, &err), -1);
	assert_non_null(strstr(err.text, "KVM_SET_GSI_ROUTING"));
	assert_false(bad.attached);
	assert_int_equal(msi_attach(&good, ADDRESS, 0x31, &err), 0);
	/* One that was good and becomes bad is sent no longer. */
	assert_int_equal(msi_attach(&bad, ADDRESS, 0x32, &err), 0);
	assert_int_equal(msi_attach(&bad, ADDRESS | 1ull << 32, 0x32, &err), -1);
	assert_false(bad.attached);
	msi_signal(&bad);
	assert_true(msi_pending(&bad));
	assert_int_equal(msi_attach(&good, ADDRESS, 0x33, &err), 0);
	msi_destroy(&bad);
	msi_destroy(&good);
	destroy_live(&live);
}

static void test_doorbells(void **state)
{
	struct live live;
	struct doorbell bell = { .space = BUS_PIO, .address = 0x1000, .size = 2 };
	struct err err = { "" };

	(void)state;
	make_live(&live);
	bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(bell.fd >= 0);
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), 0);
	/* KVM knows it: the same once more is refused, and it can be taken away. */
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), -1);
	assert_non_null(strstr(err.text, "0x1000"));
	platform_detach_doorbell(&live.platform, &bell);
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), 0);
	platform_detach_doorbell(&live.platform, &bell);
	/* Values tell apart what is at one address; any size for memory. */
	bell.match = true;
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), 0);
	bell.value = 1;
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), 0);
	platform_detach_doorbell(&live.platform, &bell);
	bell.value = 0;
	platform_detach_doorbell(&live.platform, &bell);
	bell = (struct doorbell){ .space = BUS_MMIO,
				  .address = 0xc0000000,
				  .fd = bell.fd };
	assert_int_equal(platform_attach_doorbell(&live.platform, &bell, &err), 0);
	platform_detach_doorbell(&live.platform, &bell);
	close(bell.fd);
	destroy_live(&live);
}

static void test_doorbells_without_kvm(void **state)
{
	const struct doorbell bell = { .space = BUS_PIO, .address = 0x1000, .fd = -1 };
	struct platform platform;
	struct err err;

	(void)state;
	platform_init(&platform);
	assert_int_equal(platform_attach_doorbell(&platform, &bell, &err), 0);
	platform_detach_doorbell(&platform, &bell);
	platform_destroy(&platform);
}

/* What is printed on stderr by a number of warnings. */
static size_t warn(unsigned *budget, unsigned count, char *text, size_t size)
{
	const int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	size_t length;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	for (unsigned i = 0; i < count; i++)
		platform_warn(budget, "vector %u", i);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
	return length;
}

static void test_warnings_are_bounded(void **state)
{
	unsigned budget = 3;
	char text[512];

	(void)state;
	warn(&budget, 1000, text, sizeof(text));
	assert_string_equal(text,
			    "tane: warning: vector 0\ntane: warning: vector 1\n"
			    "tane: warning: vector 2 (no more warnings of this kind)\n");
	assert_int_equal(budget, 0);
	assert_int_equal(warn(&budget, 10, text, sizeof(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending_without_kvm),
		cmocka_unit_test(test_gsis),
		cmocka_unit_test(test_kvm_takes_what_it_sends),
		cmocka_unit_test(test_refused_address),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_doorbells_without_kvm),
		cmocka_unit_test(test_warnings_are_bounded),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
