/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens in a life of a VM, and in which order; without KVM, on a machine that is
 * only RAM and one device, which writes to RAM whenever it can.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "gdb/gdb.h"
#include "vmm/lifecycle.h"

#define RAM    (1ull << 20)
#define BUFFER 0x4000ull /* where the driver lets the device write */
#define FRAME  0xaau
#define KERNEL 0x4bu

static struct vm *vm;
static struct loop loop;
static struct vm_config config;
static unsigned lives; /* how often vCPUs were let loose */
static bool vcpus_are_gone;
static char a_machine;   /* no more than its address is wanted */
static bool device_runs; /* a driver has set it up */
static bool device_hangs;
static uint8_t seen; /* what the second life found at BUFFER */

/* A frame comes in. */
static void device_works(void)
{
	const uint8_t frame = FRAME;

	if (device_runs)
		assert_true(memory_write(&vm->memory, BUFFER, &frame, 1));
}

/* -- no debugger -- */

int gdb_create(struct vm *of, struct err *err)
{
	(void)of;
	return err_set(err, "nobody asked for it");
}

void gdb_destroy(struct vm *of)
{
	assert_null(of->gdb);
}

int gdb_start(struct gdb *gdb, struct err *err)
{
	(void)gdb;
	return err_set(err, "nobody asked for it");
}

bool gdb_hold_dead(struct gdb *gdb)
{
	(void)gdb;
	return false;
}

void gdb_ended(struct gdb *gdb)
{
	(void)gdb;
}

/* -- the machine -- */

int machine_build(struct vm *machine, struct err *err)
{
	vm = machine;
	machine->machine = (struct machine *)&a_machine;
	return memory_add_ram(&machine->memory, 0, RAM, err);
}

/* A device that is taken down may still raise an interrupt: at a vCPU that is there. */
void machine_destroy(struct vm *machine)
{
	assert_false(vcpus_are_gone);
	machine->machine = NULL;
}

int machine_load(struct vm *machine, struct err *err)
{
	const uint8_t kernel = KERNEL;

	(void)err;
	device_works();
	assert_true(memory_write(&machine->memory, BUFFER, &kernel, 1));
	device_works();
	return 0;
}

int machine_quiet_devices(struct vm *machine, struct err *err)
{
	(void)machine;
	if (device_hangs)
		return err_set(err, "it hangs");
	device_runs = false;
	return 0;
}

int machine_reset(struct vm *machine, struct err *err)
{
	(void)machine;
	(void)err;
	device_runs = false;
	return 0;
}

int machine_vm_type(const struct vm *machine, unsigned long *type, struct err *err)
{
	(void)machine;
	(void)err;
	*type = 7;
	return 0;
}

int machine_complete(struct vm *machine, struct err *err)
{
	(void)machine;
	(void)err;
	return 0;
}

int machine_dump_dtb(const struct vm *machine, const char *path, struct err *err)
{
	(void)machine;
	return err_set(err, "%s", path);
}

bool machine_power_button(struct vm *machine)
{
	(void)machine;
	return false;
}

void machine_print_stats(const struct vm *machine, FILE *out)
{
	(void)machine;
	(void)out;
}

/* -- vCPUs: the first life sets the device up and resets, the second one looks -- */

void vcpus_resume(struct vm *machine)
{
	if (lives++ == 0) {
		device_runs = true;
		vm_end(machine, VM_RESET, 0, NULL);
		return;
	}
	assert_true(memory_read(&machine->memory, BUFFER, &seen, 1));
	vm_end(machine, VM_POWEROFF, 0, NULL);
}

int vcpus_pause(struct vm *machine, int timeout_ms, struct err *err)
{
	(void)machine;
	(void)timeout_ms;
	(void)err;
	return 0;
}

int vcpus_start(struct vm *machine, struct err *err)
{
	(void)machine;
	(void)err;
	return 0;
}

void vcpus_stop(struct vm *machine)
{
	(void)machine;
}

void vcpus_destroy(struct vm *machine)
{
	(void)machine;
	vcpus_are_gone = true;
}

void vcpus_close_gate(struct vm *machine)
{
	(void)machine;
}

void vcpu_gate_init(struct vcpu_gate *gate)
{
	(void)gate;
}

void vcpu_gate_destroy(struct vcpu_gate *gate)
{
	(void)gate;
}

void vcpus_print_stats(const struct vm *machine, FILE *out)
{
	(void)machine;
	(void)out;
}

/* -- KVM -- */

int kvm_open(struct kvm *kvm, const char *path, struct err *err)
{
	(void)path;
	(void)err;
	kvm->max_vcpus = kvm->recommended_vcpus = 1;
	return 0;
}

void kvm_close(struct kvm *kvm)
{
	(void)kvm;
}

int kvm_vm_create(const struct kvm *kvm, unsigned long type, struct kvm_vm *kvm_vm,
		  struct err *err)
{
	assert_int_equal(type, 7);
	(void)kvm;
	(void)kvm_vm;
	(void)err;
	return 0;
}

void kvm_vm_close(struct kvm_vm *kvm_vm)
{
	(void)kvm_vm;
}

/* -- tests -- */

static struct vm_outcome live(void)
{
	struct vm_outcome outcome;
	struct err err;

	lives = 0;
	device_runs = vcpus_are_gone = false;
	config_init(&config);
	config.kernel = "k";
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_non_null(vm_create(&config, &loop, loop_now(), &err));
	assert_int_equal(vm_run(vm, &outcome, &err), 0);
	vm_destroy(vm);
	assert_true(vcpus_are_gone);
	loop_destroy(&loop);
	return outcome;
}

/* What the old guest asked of a device must not reach the new one. */
static void test_no_write_of_before_a_reset(void **state)
{
	(void)state;
	device_hangs = false;
	assert_int_equal(live().end, VM_POWEROFF);
	assert_int_equal(lives, 2);
	assert_int_equal(seen, KERNEL);
}

/* A device that does not let go of RAM: there is no next life. */
static void test_a_device_that_hangs(void **state)
{
	struct vm_outcome outcome;

	(void)state;
	device_hangs = true;
	outcome = live();
	assert_int_equal(outcome.end, VM_FAILED);
	assert_non_null(strstr(outcome.message, "it hangs"));
	assert_int_equal(lives, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_write_of_before_a_reset),
		cmocka_unit_test(test_a_device_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
