/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86-64 machine: which chips exist and where.
 *
 * There are two. The PC (build_pc) runs kernels: interrupt controllers, local
 * APICs and PIT live in KVM, the rest are the chips below. The ROM machine
 * (build_rom) is the smallest thing that computes: RAM, one output port, and
 * HLT, which ends it.
 *
 * Port 0x61 (NMI status, speaker, timer 2) is KVM's too, since it belongs to
 * its PIT.
 *
 * Each chip has a mutex. The bus holds it while a vCPU is in a register
 * function; the main thread holds it when time or a user acts on the chip.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "arch/machine.h"
#include "arch/serial.h"
#include "arch/virtio.h"
#include "arch/x86_64/boot.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/pci_host.h"
#include "core/platform.h"
#include "dev/acpi_pm.h"
#include "dev/debug_console.h"
#include "dev/debug_exit.h"
#include "dev/i8042.h"
#include "dev/mc146818.h"
#include "dev/milestone.h"
#include "dev/port92.h"
#include "dev/post_code.h"
#include "dev/reset_control.h"
#include "kvm/kvm_x86.h"
#include "virtio/console.h"
#include "virtio/transport.h"

_Static_assert(TABLES_MAX_VIRTIO_MMIO >= VIRTIO_MAX_DEVICES, "each has to be described");

#define RESET_TIMEOUT_MS 10000

/* An interrupt pin with up to 32 devices on it; it is high while any of them is. */
struct pin {
	struct vm *vm;
	pthread_mutex_t lock;
	uint32_t levels;
	unsigned gsi;
};

/* A device's end of the wire. */
struct wire {
	struct pin *pin;
	uint32_t bit;
};

struct machine {
	struct platform platform;
	struct kvm_irq_routing_entry pin_routes[KVM_X86_MAX_PIN_ROUTES];
	pthread_mutex_t
		lock; /* guards every chip here but the RTC, PM and serial ports */
	struct pin pins[NR_IOAPIC_PINS];
	struct wire uart_wires[CONFIG_MAX_UARTS], rtc_wire, sci_wire, keyboard_wire;
	struct wire pci_wires[4], virtio_wires[VIRTIO_MAX_DEVICES];

	struct serial serials[CONFIG_MAX_UARTS];
	struct mc146818 rtc;
	struct loop_timer rtc_timer;
	pthread_mutex_t rtc_lock;
	struct acpi_pm pm;
	struct loop_timer pm_timer;
	pthread_mutex_t pm_lock;
	struct i8042 i8042;
	struct port92 port92;
	struct reset_control reset_control;
	struct post_code post_code, delay;
	struct debug_console debug_console;
	struct debug_exit debug_exit;
	struct milestone milestone;
	struct pci_host pci;
	struct virtio_devices virtio;
	struct virtio_mmio_places virtio_places;
	bool is_pc;

	struct console *output; /* where the debug ports print: COM1's, or this: */
	struct console own_output;
	bool has_own_output;

	/* KVM's chips as they were at power-on. */
	struct kvm_irqchip irqchips[3];
	struct kvm_pit_state2 pit;
	struct cpu_model cpu_model;
	struct cpu_entry entry;
};

static void wire_set(void *opaque, bool level)
{
	const struct wire *wire = opaque;
	struct pin *pin = wire->pin;

	pthread_mutex_lock(&pin->lock);
	pin->levels = level ? pin->levels | wire->bit : pin->levels & ~wire->bit;
	kvm_vm_irq_line(&pin->vm->kvm_vm, pin->gsi, pin->levels != 0);
	pthread_mutex_unlock(&pin->lock);
}

static struct irq_line connect(struct machine *machine, struct wire *wire, unsigned gsi,
			       unsigned bit)
{
	*wire = (struct wire){ .pin = &machine->pins[gsi], .bit = 1u << bit };
	return (struct irq_line){ .set = wire_set, .opaque = wire };
}

/* The chips' way out of the guest's life. */
static void on_reset(void *opaque)
{
	vm_end(opaque, VM_RESET, 0, NULL);
}

static void on_power_off(void *opaque)
{
	vm_end(opaque, VM_POWEROFF, 0, NULL);
}

static void on_debug_exit(void *opaque, uint32_t value)
{
	vm_end(opaque, VM_DEBUG_EXIT, value, NULL);
}

static void on_milestone(void *opaque, uint8_t number)
{
	vm_mark_milestone(opaque, number);
}

static bool output_is_writable(void *opaque)
{
	return console_is_writable(opaque);
}

/* The debug ports and a ROM print on stdout, by the same ring as the console. */
static void on_output(void *opaque, uint8_t byte)
{
	struct vm *vm = opaque;
	struct console *output = vm->machine->output;

	if (!console_put(output, byte))
		vcpu_wait(vm, output_is_writable, output);
}

static void on_output_writable(void *opaque)
{
	vcpus_wake(opaque);
}

/* Of the output that has no serial port behind it: it has no input either. */
static const struct console_ops output_ops = {
	.writable = on_output_writable,
};

static int64_t rtc_now(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void rtc_arm(void *opaque, int64_t deadline_ns)
{
	struct vm *vm = opaque;

	if (deadline_ns != INT64_MAX)
		deadline_ns += loop_now() - rtc_now(vm);
	loop_timer_arm(&vm->machine->rtc_timer, deadline_ns);
}

static void rtc_tick(void *opaque)
{
	struct machine *machine = opaque;

	pthread_mutex_lock(&machine->rtc_lock);
	mc146818_tick(&machine->rtc);
	pthread_mutex_unlock(&machine->rtc_lock);
}

static int64_t pm_now(void *opaque)
{
	(void)opaque;
	return loop_now();
}

static void pm_arm(void *opaque, int64_t deadline_ns)
{
	struct vm *vm = opaque;

	loop_timer_arm(&vm->machine->pm_timer, deadline_ns);
}

static void pm_tick(void *opaque)
{
	struct machine *machine = opaque;

	pthread_mutex_lock(&machine->pm_lock);
	acpi_pm_tick(&machine->pm);
	pthread_mutex_unlock(&machine->pm_lock);
}

static const struct mc146818_ops rtc_ops = {
	.now = rtc_now,
	.arm = rtc_arm,
};

static const struct acpi_pm_ops pm_ops = {
	.now = pm_now,
	.arm = pm_arm,
	.power_off = on_power_off,
};

/* How much of the RAM lies below the hole. */
static uint64_t low_ram(const struct vm *vm)
{
	return LAYOUT_LOW_RAM(vm->config->memory);
}

static int add_region(struct vm *vm, uint64_t gpa, uint64_t size, struct err *err)
{
	const unsigned slot = vm->memory.nr_regions;

	if (memory_add_ram(&vm->memory, gpa, size, err))
		return -1;
	if (kvm_vm_set_memory(&vm->kvm_vm, slot, gpa, size, vm->memory.regions[slot].hva,
			      0, err))
		return err_prefix(err, "guest memory (--mem): ");
	return 0;
}

/* How wide the CPU's physical addresses are (CPUID 0x80000008, EAX 7:0). */
static unsigned address_bits(const struct vm *vm)
{
	const struct kvm_cpuid_entry2 *sizes =
		cpuid_find(vm->machine->cpu_model.cpuid, 0x80000008, 0);

	if (sizes && (sizes->eax & 0xff) >= 32 && (sizes->eax & 0xff) < 64)
		return sizes->eax & 0xff;
	return 36; /* what a CPU without the leaf has */
}

/* All RAM must have an address that the CPU can form, and a slot that KVM can make. */
static int check_limits(const struct vm *vm, struct err *err)
{
	const uint64_t ram = vm->config->memory;
	const unsigned bits = address_bits(vm);
	char size[CONFIG_SIZE_TEXT];

	if (ram > (1ull << bits) - (LAYOUT_HOLE_END - LAYOUT_HOLE))
		return err_set(err,
			       "--mem %s is more than this CPU can address (%u bits)",
			       config_size(ram, size), bits);
	if (ram - low_ram(vm) > KVM_MAX_SLOT_SIZE)
		return err_set(err,
			       "--mem %s is more than KVM can give a guest: at most 8T",
			       config_size(ram, size));
	return 0;
}

static int add_ram(struct vm *vm, struct err *err)
{
	const uint64_t ram = vm->config->memory, low = low_ram(vm);

	if (ram > low && check_limits(vm, err))
		return -1;
	if (add_region(vm, 0, low, err))
		return -1;
	return ram > low ? add_region(vm, LAYOUT_HOLE_END, ram - low, err) : 0;
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

static void init_platform(struct vm *vm)
{
	struct platform *platform = &vm->machine->platform;

	platform_init(platform);
	platform->kvm = &vm->kvm_vm;
	platform->bus = &vm->bus;
	platform->memory = &vm->memory;
	platform->loop = vm->loop;
	platform->wait = platform_wait;
	platform->wake = platform_wake;
	platform->quit = platform_quit;
	platform->opaque = vm;
}

/* What KVM emulates, and what it looked like when it was new. */
static int build_kvm_chips(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const struct kvm_vm *kvm = &vm->kvm_vm;

	if (kvm_vm_set_tss(kvm, LAYOUT_KVM_TSS, LAYOUT_KVM_IDENTITY_MAP, err) ||
	    kvm_vm_create_irqchip(kvm, err) ||
	    platform_set_pins(&machine->platform, machine->pin_routes,
			      kvm_x86_pin_routes(machine->pin_routes), NR_IOAPIC_PINS,
			      err) ||
	    kvm_vm_create_pit(kvm, err))
		return -1;
	if (vm->config->cpus > 255 && kvm_vm_enable_x2apic_ids(kvm, err))
		return err_prefix(err, "more than 255 CPUs: ");
	for (uint32_t chip = 0; chip < 3; chip++) {
		if (kvm_vm_get_irqchip(kvm, chip, &machine->irqchips[chip], err))
			return -1;
	}
	return kvm_vm_get_pit(kvm, &machine->pit, err);
}

static void init_pins(struct vm *vm)
{
	for (unsigned i = 0; i < NR_IOAPIC_PINS; i++) {
		struct pin *pin = &vm->machine->pins[i];

		pin->vm = vm;
		pin->gsi = i;
		pthread_mutex_init(&pin->lock, NULL);
	}
}

static int add_port(struct vm *vm, uint64_t base, uint64_t size, const char *name,
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

static int build_serials(struct vm *vm, struct err *err)
{
	static const struct {
		uint16_t port;
		uint8_t irq;
	} uarts[CONFIG_MAX_UARTS] = LAYOUT_UARTS;
	struct machine *machine = vm->machine;

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		struct irq_line irq =
			connect(machine, &machine->uart_wires[i], uarts[i].irq, i);

		if (vm->config->serials[i].kind == SERIAL_ABSENT)
			continue;
		if (serial_init(&machine->serials[i], vm, i, BUS_PIO, uarts[i].port, &irq,
				err))
			return -1;
	}
	return 0;
}

static int build_clocks(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct irq_line rtc = connect(machine, &machine->rtc_wire, IRQ_RTC, 0);
	struct irq_line sci = connect(machine, &machine->sci_wire, IRQ_SCI, 0);

	if (loop_timer_init(&machine->rtc_timer, vm->loop, rtc_tick, machine, err) ||
	    loop_timer_init(&machine->pm_timer, vm->loop, pm_tick, machine, err))
		return -1;
	mc146818_init(&machine->rtc, &rtc_ops, &rtc, vm);
	mc146818_set_memory(&machine->rtc, low_ram(vm), vm->config->memory - low_ram(vm));
	acpi_pm_init(&machine->pm, &pm_ops, &sci, vm);
	if (add_port(vm, PORT_RTC, MC146818_NR_PORTS, "mc146818", &mc146818_io,
		     &machine->rtc, &machine->rtc_lock, err))
		return -1;
	return add_port(vm, PORT_ACPI_PM, ACPI_PM_NR_PORTS, "acpi-pm", &acpi_pm_io,
			&machine->pm, &machine->pm_lock, err);
}

/* The ways in which a PC is reset, and the ports that firmware people know. */
static int build_ports(struct vm *vm, struct err *err)
{
	struct machine *m = vm->machine;
	struct irq_line keyboard = connect(m, &m->keyboard_wire, IRQ_KEYBOARD, 0);

	i8042_init(&m->i8042, on_reset, &keyboard, vm);
	port92_init(&m->port92, on_reset, vm);
	reset_control_init(&m->reset_control, on_reset, vm);
	post_code_init(&m->post_code);
	post_code_init(&m->delay);
	debug_exit_init(&m->debug_exit, on_debug_exit, vm);
	milestone_init(&m->milestone, on_milestone, vm);

	const struct {
		uint64_t base, size;
		const char *name;
		const struct io_ops *ops;
		void *dev;
		bool absent;
	} ports[] = {
		{ PORT_I8042_DATA, 1, "i8042-data", &i8042_data_io, &m->i8042, false },
		{ PORT_I8042_COMMAND, 1, "i8042-command", &i8042_command_io, &m->i8042,
		  false },
		{ PORT_POST, 1, "post-code", &post_code_io, &m->post_code, false },
		{ PORT_FAST_A20, 1, "port92", &port92_io, &m->port92, false },
		{ PORT_MILESTONE, 1, "milestone", &milestone_io, &m->milestone, false },
		{ PORT_DELAY, 1, "io-delay", &post_code_io, &m->delay, false },
		{ PORT_DEBUG_EXIT, DEBUG_EXIT_NR_PORTS, "debug-exit", &debug_exit_io,
		  &m->debug_exit, !vm->config->debug_exit },
	};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (!ports[i].absent &&
		    add_port(vm, ports[i].base, ports[i].size, ports[i].name,
			     ports[i].ops, ports[i].dev, &m->lock, err))
			return -1;
	}
	return 0;
}

static int build_pci(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct irq_line intx[4];

	for (unsigned i = 0; i < 4; i++)
		intx[i] = connect(machine, &machine->pci_wires[i], IRQ_PCI + i, 0);
	return pci_host_init(&machine->pci, &machine->platform,
			     LAYOUT_HOLE_END + vm->config->memory - low_ram(vm),
			     address_bits(vm), intx, &machine->reset_control,
			     &machine->lock, err);
}

/* Devices on MMIO take turns on interrupts that no chip has. */
static void init_virtio_places(struct machine *machine)
{
	static const uint8_t irqs[] = LAYOUT_VIRTIO_IRQS;
	struct virtio_mmio_places *places = &machine->virtio_places;

	places->base = LAYOUT_VIRTIO_MMIO;
	places->stride = LAYOUT_VIRTIO_STRIDE;
	places->count = VIRTIO_MAX_DEVICES;
	for (unsigned i = 0; i < VIRTIO_MAX_DEVICES; i++) {
		places->gsis[i] = irqs[i % sizeof(irqs)];
		places->irqs[i] = connect(machine, &machine->virtio_wires[i],
					  places->gsis[i], i / sizeof(irqs));
	}
}

static int build_virtio(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const bool on_pci = vm->config->virtio == VIRTIO_PCI;

	init_virtio_places(machine);
	return virtio_devices_build(&machine->virtio, vm, &machine->platform,
				    on_pci ? &machine->pci.bus : NULL,
				    on_pci ? NULL : &machine->virtio_places, err);
}

static int build_own_output(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;

	machine->output = &machine->own_output;
	machine->has_own_output = true;
	return console_init(&machine->own_output, vm->loop, -1, STDOUT_FILENO, 0,
			    &output_ops, vm, err);
}

/* No lock: the chip has no state, and a vCPU may wait in it. */
static int build_output_port(struct vm *vm, uint64_t port, const char *name,
			     struct err *err)
{
	return add_port(vm, port, 1, name, &debug_console_io, &vm->machine->debug_console,
			NULL, err);
}

static int build_pc(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;

	machine->is_pc = true;
	if (build_kvm_chips(vm, err) || build_serials(vm, err) || build_clocks(vm, err) ||
	    build_ports(vm, err) || build_pci(vm, err) || build_virtio(vm, err))
		return -1;
	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (vm->config->serials[i].kind == SERIAL_CONSOLE)
			machine->output = &machine->serials[i].console;
	}
	if (!machine->output && build_own_output(vm, err))
		return -1;
	if (build_output_port(vm, PORT_DEBUG_CONSOLE, "debug-console", err))
		return -1;
	return build_output_port(vm, PORT_BIOS_DEBUG, "bios-debug", err);
}

/* Nothing can interrupt HLT here, so it ends the VM. */
static int build_rom(struct vm *vm, struct err *err)
{
	vm->halt_ends = true;
	if (kvm_vm_set_tss(&vm->kvm_vm, LAYOUT_KVM_TSS, LAYOUT_KVM_IDENTITY_MAP, err) ||
	    build_own_output(vm, err))
		return -1;
	return build_output_port(vm, PORT_ROM_OUTPUT, "rom-output", err);
}

int machine_build(struct vm *vm, struct err *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return err_set(err, "no memory for the machine");
	vm->machine = machine;
	machine->rtc_timer.source.fd = machine->pm_timer.source.fd = -1;
	pthread_mutex_init(&machine->lock, NULL);
	pthread_mutex_init(&machine->rtc_lock, NULL);
	pthread_mutex_init(&machine->pm_lock, NULL);
	debug_console_init(&machine->debug_console, on_output, vm);
	init_platform(vm);
	init_pins(vm);
	if (cpu_model_init(&machine->cpu_model, &vm->kvm, err) || add_ram(vm, err))
		return -1;
	return vm->config->rom ? build_rom(vm, err) : build_pc(vm, err);
}

void machine_destroy(struct vm *vm)
{
	struct machine *machine = vm->machine;

	if (!machine)
		return;
	/* The host still reads or writes guest memory: leave it mapped until we are gone. */
	if (!virtio_devices_destroy(&machine->virtio))
		vm->memory.nr_regions = 0;
	loop_timer_destroy(&machine->rtc_timer, vm->loop);
	loop_timer_destroy(&machine->pm_timer, vm->loop);
	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++)
		serial_destroy(&machine->serials[i]);
	if (machine->has_own_output)
		console_destroy(&machine->own_output);
	for (unsigned i = 0; i < NR_IOAPIC_PINS; i++)
		pthread_mutex_destroy(&machine->pins[i].lock);
	pci_host_destroy(&machine->pci);
	platform_destroy(&machine->platform);
	pthread_mutex_destroy(&machine->pm_lock);
	pthread_mutex_destroy(&machine->rtc_lock);
	pthread_mutex_destroy(&machine->lock);
	cpu_model_destroy(&machine->cpu_model);
	free(machine);
	vm->machine = NULL;
}

const struct cpu_model *machine_cpu_model(const struct vm *vm)
{
	return &vm->machine->cpu_model;
}

static void describe_virtio_mmio(const struct vm *vm, struct tables_config *tables)
{
	const struct virtio_mmio_places *places = &vm->machine->virtio_places;

	if (vm->config->virtio != VIRTIO_MMIO)
		return;
	for (unsigned i = 0; i < vm->machine->virtio.count; i++) {
		tables->virtio_mmio[i].base =
			(uint32_t)(places->base + i * places->stride);
		tables->virtio_mmio[i].size = VIRTIO_MMIO_SIZE;
		tables->virtio_mmio[i].gsi = (uint8_t)places->gsis[i];
	}
	tables->nr_virtio_mmio = vm->machine->virtio.count;
}

/* The machine, as the firmware tables tell it. */
static struct tables_config describe(const struct vm *vm)
{
	static const struct {
		uint16_t port;
		uint8_t irq;
	} uarts[CONFIG_MAX_UARTS] = LAYOUT_UARTS;
	struct tables_config tables = { .nr_cpus = vm->config->cpus };

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (vm->config->serials[i].kind == SERIAL_ABSENT)
			continue;
		tables.uarts[tables.nr_uarts].port = uarts[i].port;
		tables.uarts[tables.nr_uarts].irq = uarts[i].irq;
		tables.nr_uarts++;
	}
	pci_host_describe(&vm->machine->pci, &tables);
	describe_virtio_mmio(vm, &tables);
	return tables;
}

/* What a kernel that reads no tables is told of virtio-mmio devices. */
static void describe_for_no_acpi(const struct vm *vm, char *params, size_t size)
{
	const struct machine *machine = vm->machine;

	params[0] = '\0';
	if (vm->config->virtio == VIRTIO_MMIO)
		virtio_mmio_params(&machine->virtio_places, machine->virtio.count, params,
				   size);
}

int machine_load(struct vm *vm, struct err *err)
{
	const struct tables_config tables = describe(vm);
	char params[VIRTIO_MAX_DEVICES * 64];

	describe_for_no_acpi(vm, params, sizeof(params));
	return boot_load(vm, &tables, params, &vm->machine->entry, err);
}

static int reset_vcpu(struct vcpu *vcpu, struct err *err)
{
	return cpu_reset(vcpu, &vcpu->vm->machine->entry, err);
}

int machine_quiet_devices(struct vm *vm, struct err *err)
{
	return virtio_devices_reset(&vm->machine->virtio, RESET_TIMEOUT_MS, err);
}

/* Our chips first: they lower their lines, then KVM's chips forget them. */
static int reset_pc(struct vm *vm, struct err *err)
{
	struct machine *m = vm->machine;

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (vm->config->serials[i].kind != SERIAL_ABSENT)
			serial_reset(&m->serials[i]);
	}
	pthread_mutex_lock(&m->rtc_lock);
	mc146818_reset(&m->rtc);
	pthread_mutex_unlock(&m->rtc_lock);
	pthread_mutex_lock(&m->pm_lock);
	acpi_pm_reset(&m->pm);
	pthread_mutex_unlock(&m->pm_lock);
	pthread_mutex_lock(&m->lock);
	i8042_reset(&m->i8042);
	port92_reset(&m->port92);
	reset_control_reset(&m->reset_control);
	post_code_reset(&m->post_code);
	post_code_reset(&m->delay);
	pthread_mutex_unlock(&m->lock);
	if (machine_quiet_devices(vm, err))
		return -1;
	pci_bus_reset(&m->pci.bus);

	for (unsigned chip = 0; chip < 3; chip++) {
		if (kvm_vm_set_irqchip(&vm->kvm_vm, &m->irqchips[chip], err))
			return -1;
	}
	return kvm_vm_set_pit(&vm->kvm_vm, &m->pit, err);
}

int machine_reset(struct vm *vm, struct err *err)
{
	if (vm->machine->is_pc && reset_pc(vm, err))
		return -1;
	return vcpus_call(vm, reset_vcpu, RESET_TIMEOUT_MS, err);
}

bool machine_power_button(struct vm *vm)
{
	struct machine *machine = vm->machine;

	if (!machine->is_pc)
		return false;
	pthread_mutex_lock(&machine->pm_lock);
	acpi_pm_power_button(&machine->pm);
	pthread_mutex_unlock(&machine->pm_lock);
	return true;
}

void machine_drain_consoles(struct vm *vm, const struct console_interrupt *interrupt,
			    int timeout_ms)
{
	struct machine *machine = vm->machine;

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (machine->serials[i].open)
			console_drain(&machine->serials[i].console, interrupt,
				      timeout_ms);
	}
	if (machine->has_own_output)
		console_drain(&machine->own_output, interrupt, timeout_ms);
	virtio_devices_drain(&machine->virtio, interrupt, timeout_ms);
}

void machine_resize_console(struct vm *vm, uint16_t cols, uint16_t rows)
{
	struct virtio *console = virtio_devices_console(&vm->machine->virtio);

	if (console)
		virtio_console_resize(console, cols, rows);
}

void machine_print_stats(const struct vm *vm, FILE *out)
{
	virtio_devices_print_stats(&vm->machine->virtio, out);
}

void machine_print_hints(const struct vm *vm, FILE *out)
{
	virtio_devices_print_hints(&vm->machine->virtio, out);
}
