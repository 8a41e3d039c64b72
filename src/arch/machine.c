/* SPDX-License-Identifier: BSD-2-Clause */
/* What all machines have; see machine.h. */
#include <time.h>
#include <unistd.h>

#include "arch/machine.h"
#include "util/bytes.h"
#include "virtio/console.h"

struct machine_common *machine_common(const struct vm *vm)
{
	return (struct machine_common *)vm->machine;
}

static void platform_wait(void *opaque, bool (*ready)(void *arg), void *arg)
{
	vcpu_wait(opaque, ready, arg);
}

static void platform_wake(void *opaque)
{
	vcpus_wake(opaque);
}

static void platform_quit(void *opaque)
{
	vm_end(opaque, VM_KILLED, 0, NULL);
}

void machine_common_init(struct vm *vm,
			 void (*set)(struct vm *vm, unsigned number, bool level))
{
	struct machine_common *common = machine_common(vm);
	struct platform *platform = &common->platform;

	vm->memory.hugepages = vm->config->hugepages;
	platform_init(platform);
	platform->kvm = &vm->kvm_vm;
	platform->bus = &vm->bus;
	platform->memory = &vm->memory;
	platform->loop = vm->loop;
	platform->wait = platform_wait;
	platform->wake = platform_wake;
	platform->quit = platform_quit;
	platform->opaque = vm;
	wires_init(&common->wires, vm, set);
}

void machine_common_destroy(struct vm *vm)
{
	struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++)
		serial_destroy(&common->serials[i]);
	if (common->has_own_output)
		console_destroy(&common->own_output);
	wires_destroy(&common->wires);
	platform_destroy(&common->platform);
}

int machine_add_ram(struct vm *vm, uint64_t gpa, uint64_t size, struct err *err)
{
	const unsigned slot = vm->memory.nr_regions;

	if (memory_add_ram(&vm->memory, gpa, size, err))
		return -1;
	if (kvm_vm_set_memory(&vm->kvm_vm, slot, gpa, size, vm->memory.regions[slot].hva,
			      0, err))
		return err_prefix(err, "guest memory (--mem): ");
	return 0;
}

int machine_add_port(struct vm *vm, uint64_t base, uint64_t size, const char *name,
		     const struct io_ops *ops, void *dev, pthread_mutex_t *lock,
		     struct err *err)
{
	const struct bus_range range = {
		.base = base,
		.size = size,
		.name = name,
		.ops = ops,
		.dev = dev,
		.lock = lock,
	};

	return bus_add(&vm->bus, BUS_PIO, &range, err);
}

static void on_output_writable(void *opaque)
{
	vcpus_wake(opaque);
}

/* Of the output that has no serial port behind it: it has no input either. */
static const struct console_ops output_ops = {
	.writable = on_output_writable,
};

int machine_build_output(struct vm *vm, struct err *err)
{
	struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (common->serials[i].open && !vm->config->tapped &&
		    vm->config->serials[i].kind == SERIAL_CONSOLE)
			common->output = &common->serials[i].console;
	}
	if (common->output)
		return 0;
	/* Where the terminal shows the screen, nothing else is printed on it. */
	if (vm->config->display != DISPLAY_NONE && common->serials[0].open) {
		common->output = &common->serials[0].console;
		return 0;
	}
	common->output = &common->own_output;
	common->has_own_output = true;
	return console_init(&common->own_output, vm->loop, -1,
			    vm->config->display == DISPLAY_NONE && !vm->config->tapped
				    ? STDOUT_FILENO
				    : -1,
			    0, &output_ops, vm, err);
}

struct console *machine_console(struct vm *vm, enum machine_port port)
{
	struct machine_common *common = machine_common(vm);
	struct virtio *console;

	switch (port) {
	case MACHINE_COM1:
	case MACHINE_COM2:
	case MACHINE_COM3:
	case MACHINE_COM4:
		if (!common->serials[port].open ||
		    vm->config->serials[port].kind != SERIAL_CONSOLE)
			return NULL;
		return &common->serials[port].console;
	case MACHINE_HVC0:
		console = virtio_devices_console(&common->virtio);
		return console ? virtio_console_terminal(console) : NULL;
	case MACHINE_DEBUG:
		return common->has_own_output ? &common->own_output : NULL;
	default:
		return NULL;
	}
}

struct console *machine_named_port(struct vm *vm, const char *name)
{
	struct virtio *console = virtio_devices_console(&machine_common(vm)->virtio);

	return console ? virtio_console_port(console, name) : NULL;
}

struct pci_window machine_high_window(uint64_t ram_end, unsigned address_bits)
{
	const uint64_t size = MACHINE_PCI_MEM64_SIZE, limit = 1ull << address_bits;
	const uint64_t base = align_up(ram_end, size);

	if (!range_within(base, size, limit))
		return (struct pci_window){ 0 };
	return (struct pci_window){ .base = base, .size = size };
}

void machine_reset_serials(struct vm *vm)
{
	struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (common->serials[i].open)
			serial_reset(&common->serials[i]);
	}
}

void machine_on_reset(void *opaque)
{
	vm_end(opaque, VM_RESET, 0, NULL);
}

void machine_on_power_off(void *opaque)
{
	vm_end(opaque, VM_POWEROFF, 0, NULL);
}

void machine_on_debug_exit(void *opaque, uint32_t value)
{
	vm_end(opaque, VM_DEBUG_EXIT, value, NULL);
}

void machine_on_milestone(void *opaque, uint8_t number)
{
	vm_mark_milestone(opaque, number);
}

static bool output_is_writable(void *opaque)
{
	return console_is_writable(opaque);
}

/* By the same ring as the console's text, so it comes in order with that. */
void machine_on_output(void *opaque, uint8_t byte)
{
	struct vm *vm = opaque;
	struct console *output = machine_common(vm)->output;

	if (!console_put(output, byte))
		vcpu_wait(vm, output_is_writable, output);
}

int64_t machine_real_time(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t machine_monotonic_time(void *opaque)
{
	(void)opaque;
	return loop_now();
}

int machine_quiet_devices(struct vm *vm, struct err *err)
{
	struct machine_common *common = machine_common(vm);

	if (ide_reset(common->ide, MACHINE_RESET_TIMEOUT_MS, err))
		return -1;
	return virtio_devices_reset(&common->virtio, MACHINE_RESET_TIMEOUT_MS, err);
}

void machine_drain_consoles(struct vm *vm, const struct console_interrupt *interrupt,
			    int timeout_ms)
{
	struct machine_common *common = machine_common(vm);

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (common->serials[i].open)
			console_drain(&common->serials[i].console, interrupt, timeout_ms);
	}
	if (common->has_own_output)
		console_drain(&common->own_output, interrupt, timeout_ms);
	virtio_devices_drain(&common->virtio, interrupt, timeout_ms);
}

void machine_resize_console(struct vm *vm, uint16_t cols, uint16_t rows)
{
	struct virtio *console = virtio_devices_console(&machine_common(vm)->virtio);

	if (console)
		virtio_console_resize(console, cols, rows);
}

void machine_print_stats(const struct vm *vm, FILE *out)
{
	virtio_devices_print_stats(&machine_common(vm)->virtio, out);
}

void machine_print_hints(const struct vm *vm, FILE *out)
{
	virtio_devices_print_hints(&machine_common(vm)->virtio, out);
}
