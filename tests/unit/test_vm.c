/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live VMs on whatever /dev/kvm is here: pausing never loses a kick, a parked
 * vCPU does not run, and two VMs live in one process. Skipped without KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "kvm/kvm_x86.h"
#include "util/bytes.h"
#include "vmm/lifecycle.h"

#define COUNTER 0x200000ull
#define ENTRY   0x100020u

/* A VM whose boot CPU counts in memory while the others wait for their start. */
struct test_vm {
	struct vm_config config;
	struct vm *vm;
	char path[64];
};

static struct loop loop;

/* A multiboot kernel by the address fields: `1: incl COUNTER; jmp 1b`. */
static void write_kernel(char *path)
{
	static const uint8_t code[] = { 0xff, 0x05, 0x00, 0x00, 0x20, 0x00, 0xeb, 0xf8 };
	uint8_t image[0x40] = { 0 };
	int fd;

	store_le32(image, 0x1BADB002);
	store_le32(image + 4, 0x10000);
	store_le32(image + 8, 0u - 0x1BADB002u - 0x10000u);
	store_le32(image + 12, 0x100000); /* header_addr */
	store_le32(image + 16, 0x100000); /* load_addr */
	store_le32(image + 20, 0);
	store_le32(image + 24, 0);
	store_le32(image + 28, ENTRY);
	memcpy(image + 0x20, code, sizeof(code));
	strcpy(path, "/tmp/tane-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, sizeof(image)), sizeof(image));
	close(fd);
}

/* `gdb`: the socket of a debugger that may come; NULL: none. */
static void make_for_gdb(struct test_vm *t, unsigned cpus, const char *gdb)
{
	struct err err;

	write_kernel(t->path);
	config_init(&t->config);
	t->config.gdb = (struct config_gdb){ gdb != NULL, true, .path = gdb };
	t->config.kernel = t->path;
	t->config.cpus = cpus;
	t->config.memory = 16 << 20;
	t->config.serials[0].kind = SERIAL_ABSENT;
	t->vm = vm_create(&t->config, &loop, loop_now(), &err);
	unlink(t->path);
	if (!t->vm)
		fail_msg("%s", err.text);
}

static void make(struct test_vm *t, unsigned cpus)
{
	make_for_gdb(t, cpus, NULL);
}

static uint32_t counter(const struct vm *vm)
{
	uint32_t value = 0;

	assert_true(memory_read(&vm->memory, COUNTER, &value, sizeof(value)));
	return value;
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	if (access(KVM_DEVICE, R_OK | W_OK))
		return 0;
	return loop_init(&loop, &err) || vcpu_install_kick_signal(&err);
}

static int teardown(void **state)
{
	(void)state;
	if (access(KVM_DEVICE, R_OK | W_OK) == 0)
		loop_destroy(&loop);
	return 0;
}

static void need_kvm(void)
{
	if (access(KVM_DEVICE, R_OK | W_OK))
		skip();
}

/* Boot without vm_run(), which would not come back. The kernel file was read by then. */
static void boot(struct test_vm *t)
{
	struct err err;

	write_kernel(t->path);
	assert_int_equal(machine_load(t->vm, &err), 0);
	unlink(t->path);
	assert_int_equal(machine_reset(t->vm, &err), 0);
	vcpus_resume(t->vm);
}

static void wait_for_progress(const struct vm *vm, uint32_t from)
{
	const int64_t deadline = loop_now() + 20000000000ll;

	while (counter(vm) == from && loop_now() < deadline)
		usleep(100);
	assert_int_not_equal(counter(vm), from);
}

/* Let some microseconds pass without giving the CPU away. */
static void spin(int64_t ns)
{
	const int64_t until = loop_now() + ns;

	while (loop_now() < until)
		;
}

/*
 * The window is a few instructions wide, between a vCPU's look at the gate and
 * KVM_RUN: many rounds with all kinds of delays meet it.
 */
static void test_no_kick_is_lost(void **state)
{
	struct test_vm t;
	struct err err;

	(void)state;
	need_kvm();
	make(&t, 4);
	boot(&t);
	wait_for_progress(t.vm, 0);
	for (int i = 0; i < 20000; i++) {
		vcpus_resume(t.vm);
		spin(i * 37 % 60000);
		if (vcpus_pause(t.vm, 5000, &err))
			fail_msg("round %d: %s", i, err.text);
	}
	vm_destroy(t.vm);
}

static void test_parked_means_parked(void **state)
{
	struct test_vm t;
	struct err err;
	uint32_t parked_at;

	(void)state;
	need_kvm();
	make(&t, 2);
	boot(&t);
	for (int i = 0; i < 20; i++) {
		wait_for_progress(t.vm, counter(t.vm));
		assert_int_equal(vcpus_pause(t.vm, 5000, &err), 0);
		parked_at = counter(t.vm);
		usleep(1000);
		assert_int_equal(counter(t.vm), parked_at);
		vcpus_resume(t.vm);
	}
	vm_destroy(t.vm);
}

static int read_rip(struct vcpu *vcpu, struct err *err)
{
	struct kvm_regs regs;

	if (vcpu->index)
		return 0;
	if (kvm_vcpu_get_regs(&vcpu->kvm, &regs, err))
		return -1;
	if (regs.rip < ENTRY || regs.rip > ENTRY + 8)
		return err_set(err, "rip is 0x%llx", regs.rip);
	return 0;
}

static int fail_on_purpose(struct vcpu *vcpu, struct err *err)
{
	return vcpu->index == 1 ? err_set(err, "vcpu %u says no", vcpu->index) : 0;
}

static void test_work_on_a_parked_vcpu(void **state)
{
	struct test_vm t;
	struct err err = { "" };

	(void)state;
	need_kvm();
	make(&t, 2);
	boot(&t);
	wait_for_progress(t.vm, 0);
	assert_int_equal(vcpus_pause(t.vm, 5000, &err), 0);
	if (vcpus_call(t.vm, read_rip, 5000, &err))
		fail_msg("%s", err.text);
	assert_int_equal(vcpus_call(t.vm, fail_on_purpose, 5000, &err), -1);
	assert_string_equal(err.text, "vcpu 1 says no");
	vm_destroy(t.vm);
}

static void test_reset_begins_anew(void **state)
{
	struct test_vm t;
	struct err err;

	(void)state;
	need_kvm();
	make(&t, 2);
	boot(&t);
	wait_for_progress(t.vm, 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(vcpus_pause(t.vm, 5000, &err), 0);
		assert_int_equal(memory_discard(&t.vm->memory, &err), 0);
		assert_int_equal(counter(t.vm), 0);
		boot(&t);
		wait_for_progress(t.vm, 0);
	}
	vm_destroy(t.vm);
}

static void test_two_vms_in_one_process(void **state)
{
	struct test_vm a, b;
	struct err err;
	uint32_t stopped;

	(void)state;
	need_kvm();
	make(&a, 1);
	make(&b, 1);
	boot(&a);
	boot(&b);
	wait_for_progress(a.vm, 0);
	wait_for_progress(b.vm, 0);
	assert_int_equal(vcpus_pause(a.vm, 5000, &err), 0);
	stopped = counter(a.vm);
	wait_for_progress(b.vm, counter(b.vm));
	assert_int_equal(counter(a.vm), stopped);
	vm_destroy(a.vm);
	wait_for_progress(b.vm, counter(b.vm));
	vm_destroy(b.vm);
}

static void test_a_kill_wins_over_a_reset(void **state)
{
	struct test_vm t;

	(void)state;
	need_kvm();
	make(&t, 1);
	assert_true(vm_end(t.vm, VM_RESET, 0, NULL));
	assert_false(vm_end(t.vm, VM_POWEROFF, 0, NULL));
	assert_true(vm_end(t.vm, VM_KILLED, 15, NULL));
	assert_false(vm_end(t.vm, VM_DIED, 0, "too late"));
	assert_int_equal(t.vm->outcome.end, VM_KILLED);
	assert_int_equal(t.vm->outcome.value, 15);
	vm_forget_end(t.vm);
	assert_false(vm_has_ended(t.vm));
	vm_destroy(t.vm);
}

/* What a debugger is answered, by the loop that also serves the VM. */
static void ask(int fd, const char *packet, char *to, size_t size)
{
	const int64_t deadline = loop_now() + 20000000000ll;
	struct err err;
	size_t n = 0;

	assert_int_equal(send(fd, packet, strlen(packet), 0), strlen(packet));
	while (n < 4 || to[n - 3] != '#') {
		const ssize_t got = recv(fd, to + n, size - 1 - n, MSG_DONTWAIT);

		n += got > 0 ? (size_t)got : 0;
		assert_true(n < size - 1 && loop_now() < deadline);
		assert_int_equal(loop_turn(&loop, 10, &err), 0);
	}
	to[n] = '\0';
}

/* The guest resets itself in the moment in which a debugger stops it: it stays stopped. */
static void test_reset_while_gdb_looks(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	static char answer[0x5000];
	struct test_vm t;
	struct err err;

	(void)state;
	need_kvm();
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/tane-test-gdb-%d",
		 (int)getpid());
	make_for_gdb(&t, 2, address.sun_path);
	boot(&t);
	wait_for_progress(t.vm, 0);
	write_kernel(t.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ask(fd, "$?#3f", answer, sizeof(answer));
	assert_string_equal(answer, "+$T05thread:1;#d7");
	assert_true(vm_end(t.vm, VM_RESET, 0, NULL));
	while (vm_has_ended(t.vm))
		assert_int_equal(loop_turn(&loop, 1000, &err), 0);
	assert_true(t.vm->gate.closed);
	assert_int_equal(counter(t.vm), 0);
	ask(fd, "$m100020,2#ee", answer, sizeof(answer));
	assert_string_equal(answer, "+$ff05#31");
	ask(fd, "$D#44", answer, sizeof(answer));
	wait_for_progress(t.vm, 0);
	unlink(t.path);
	close(fd);
	vm_destroy(t.vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_kick_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parked_means_parked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_work_on_a_parked_vcpu, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reset_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_vms_in_one_process, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_kill_wins_over_a_reset, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_reset_while_gdb_looks, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
