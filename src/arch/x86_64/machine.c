/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86-64 machine: which chips exist and where.
 *
 * There are three. The PC (build_pc) runs kernels: interrupt controllers, local
 * APICs and PIT live in KVM, the rest are the chips below. The PC with firmware is that
 * and what firmware and old systems need: a ROM, fw_cfg and the 440FX chipset. The
 * ROM machine (build_rom) is the smallest thing that computes: RAM, one output port, and
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

#include "arch/machine.h"
#include "arch/x86_64/boot.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/floppy.h"
#include "arch/x86_64/keyboard.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/pci_host.h"
#include "arch/x86_64/screen.h"
#include "dev/acpi_pm.h"
#include "dev/debug_console.h"
#include "dev/debug_exit.h"
#include "dev/mc146818.h"
#include "dev/milestone.h"
#include "dev/port92.h"
#include "dev/post_code.h"
#include "dev/reset_control.h"
#include "kvm/kvm_x86.h"
#include "virtio/transport.h"

_Static_assert(TABLES_MAX_VIRTIO_MMIO >= VIRTIO_MAX_DEVICES, "each has to be described");

struct machine {
	struct machine_common common;
	struct kvm_irq_routing_entry pin_routes[KVM_X86_MAX_PIN_ROUTES];
	pthread_mutex_t
		lock; /* guards every chip here but the RTC, PM and serial ports */

	struct mc146818 rtc;
	struct loop_timer rtc_timer;
	pthread_mutex_t rtc_lock;
	struct acpi_pm pm;
	struct loop_timer pm_timer;
	pthread_mutex_t pm_lock;
	struct keyboard keyboard;
	struct loop_timer keyboard_timer;
	struct port92 port92;
	struct reset_control reset_control;
	struct post_code post_code, delay;
	struct debug_console debug_console;
	struct debug_exit debug_exit;
	struct milestone milestone;
	struct pci_host pci;
	struct floppy floppy;
	bool is_pc;

	/* Of the PC with firmware. */
	struct firmware firmware;
	struct chipset chipset;
	struct screen screen;

	/* KVM's chips as they were at power-on. */
	struct kvm_irqchip irqchips[3];
	struct kvm_pit_state2 pit;
	struct cpu_model cpu_model;
	struct cpu_entry entry;
};

/* Drive a pin of PICs and IOAPIC. */
static void set_pin(struct vm *vm, unsigned gsi, bool level)
{
	kvm_vm_irq_line(&vm->kvm_vm, gsi, level);
}

static void rtc_arm(void *opaque, int64_t deadline_ns)
{
	struct vm *vm = opaque;

	if (deadline_ns != INT64_MAX)
		deadline_ns += loop_now() - machine_real_time(vm);
	loop_timer_arm(&vm->machine->rtc_timer, deadline_ns);
}

static void rtc_tick(void *opaque)
{
	struct machine *machine = opaque;

	pthread_mutex_lock(&machine->rtc_lock);
	mc146818_tick(&machine->rtc);
	pthread_mutex_unlock(&machine->rtc_lock);
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

static void keyboard_rest(void *opaque)
{
	struct vm *vm = opaque;

	loop_timer_arm(&vm->machine->keyboard_timer, loop_now() + KEYBOARD_REST_NS);
}

static void on_keyboard_timer(void *opaque)
{
	struct machine *machine = opaque;

	pthread_mutex_lock(&machine->lock);
	keyboard_tick(&machine->keyboard);
	pthread_mutex_unlock(&machine->lock);
}

static const struct keyboard_ops keyboard_ops = {
	.reset = machine_on_reset,
	.rest = keyboard_rest,
};

static const struct mc146818_ops rtc_ops = {
	.now = machine_real_time,
	.arm = rtc_arm,
};

static const struct acpi_pm_ops pm_ops = {
	.now = machine_monotonic_time,
	.arm = pm_arm,
	.power_off = machine_on_power_off,
};

/* How much of the RAM lies below the hole. */
static uint64_t low_ram(const struct vm *vm)
{
	return LAYOUT_LOW_RAM(vm->config->memory);
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
	/* With firmware its slots are made later: not all of it is RAM at first. */
	if (vm->config->firmware ? memory_add_ram(&vm->memory, 0, low, err)
				 : machine_add_ram(vm, 0, low, err))
		return -1;
	return ram > low ? machine_add_ram(vm, LAYOUT_HOLE_END, ram - low, err) : 0;
}

/* What KVM emulates, and what it looked like when it was new. */
static int build_kvm_chips(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const struct kvm_vm *kvm = &vm->kvm_vm;

	if (kvm_vm_set_tss(kvm, LAYOUT_KVM_TSS, LAYOUT_KVM_IDENTITY_MAP, err) ||
	    kvm_vm_create_irqchip(kvm, err) ||
	    platform_set_pins(&machine->common.platform, machine->pin_routes,
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

static int build_serials(struct vm *vm, struct err *err)
{
	static const struct {
		uint16_t port;
		uint8_t irq;
	} uarts[CONFIG_MAX_UARTS] = LAYOUT_UARTS;
	struct machine *machine = vm->machine;

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		struct irq_line irq = wires_connect(&machine->common.wires, uarts[i].irq);

		if (vm->config->serials[i].kind == SERIAL_ABSENT)
			continue;
		if (serial_init(&machine->common.serials[i], vm, i, &uart16550_model,
				BUS_PIO, uarts[i].port, &irq, err))
			return -1;
	}
	return 0;
}

static int build_clocks(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct irq_line rtc = wires_connect(&machine->common.wires, IRQ_RTC);
	struct irq_line sci = wires_connect(&machine->common.wires, IRQ_SCI);

	if (loop_timer_init(&machine->rtc_timer, vm->loop, rtc_tick, machine, err) ||
	    loop_timer_init(&machine->pm_timer, vm->loop, pm_tick, machine, err))
		return -1;
	mc146818_init(&machine->rtc, &rtc_ops, &rtc, vm);
	mc146818_set_memory(&machine->rtc, low_ram(vm), vm->config->memory - low_ram(vm));
	acpi_pm_init(&machine->pm, &pm_ops, &sci, vm);
	if (machine_add_port(vm, PORT_RTC, MC146818_NR_PORTS, "mc146818", &mc146818_io,
			     &machine->rtc, &machine->rtc_lock, err))
		return -1;
	return machine_add_port(vm, PORT_ACPI_PM, ACPI_PM_NR_PORTS, "acpi-pm",
				&acpi_pm_io, &machine->pm, &machine->pm_lock, err);
}

/* The ways in which a PC is reset, and the ports that firmware people know. */
static int build_ports(struct vm *vm, struct err *err)
{
	struct machine *m = vm->machine;
	struct i8042 *i8042 = &m->keyboard.controller;
	const struct irq_line irqs[I8042_NR_PORTS] = {
		[I8042_KEYBOARD] = wires_connect(&m->common.wires, IRQ_KEYBOARD),
		[I8042_MOUSE] = wires_connect(&m->common.wires, IRQ_MOUSE),
	};

	if (loop_timer_init(&m->keyboard_timer, vm->loop, on_keyboard_timer, m, err))
		return -1;
	keyboard_init(&m->keyboard, &keyboard_ops, irqs, vm);
	port92_init(&m->port92, machine_on_reset, vm);
	reset_control_init(&m->reset_control, machine_on_reset, vm);
	post_code_init(&m->post_code);
	post_code_init(&m->delay);
	debug_exit_init(&m->debug_exit, machine_on_debug_exit, vm);
	milestone_init(&m->milestone, machine_on_milestone, vm);

	const struct {
		uint64_t base, size;
		const char *name;
		const struct io_ops *ops;
		void *dev;
		bool absent;
	} ports[] = {
		{ PORT_I8042_DATA, 1, "i8042-data", &i8042_data_io, i8042, false },
		{ PORT_I8042_COMMAND, 1, "i8042-command", &i8042_command_io, i8042,
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
		    machine_add_port(vm, ports[i].base, ports[i].size, ports[i].name,
				     ports[i].ops, ports[i].dev, &m->lock, err))
			return -1;
	}
	return 0;
}

static int build_pci(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct irq_line intx[4];

	if (vm->config->firmware) {
		chipset_init(&machine->chipset, &machine->common.wires, shadow_set_route,
			     &machine->firmware.shadow, intx);
	} else {
		for (unsigned i = 0; i < 4; i++)
			intx[i] = wires_connect(&machine->common.wires, IRQ_PCI + i);
	}
	return pci_host_init(&machine->pci, &machine->common.platform,
			     LAYOUT_HOLE_END + vm->config->memory - low_ram(vm),
			     address_bits(vm), intx,
			     vm->config->firmware ? &machine->chipset : NULL,
			     &machine->reset_control, &machine->lock, err);
}

/* Devices on MMIO take turns on interrupts that no chip has. */
static void init_virtio_places(struct machine *machine, bool has_floppy)
{
	static const uint8_t irqs[] = LAYOUT_VIRTIO_IRQS;
	struct virtio_mmio_places *places = &machine->common.virtio_places;
	/* The last two are those of IDE. */
	const unsigned nr_irqs = sizeof(irqs) - (machine->common.ide ? 2 : 0);

	places->base = LAYOUT_VIRTIO_MMIO;
	places->stride = LAYOUT_VIRTIO_STRIDE;
	places->count = VIRTIO_MAX_DEVICES;
	for (unsigned i = 0, turn = 0; i < VIRTIO_MAX_DEVICES; i++, turn++) {
		if (has_floppy && irqs[turn % nr_irqs] == IRQ_FLOPPY)
			turn++;
		places->gsis[i] = irqs[turn % nr_irqs];
		places->irqs[i] = wires_connect(&machine->common.wires, places->gsis[i]);
	}
}

static int build_virtio(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const bool on_pci = vm->config->virtio == VIRTIO_PCI;

	init_virtio_places(machine, vm->config->nr_floppies);
	return virtio_devices_build(&machine->common.virtio, vm,
				    &machine->common.platform,
				    on_pci ? &machine->pci.bus : NULL,
				    on_pci ? NULL : &machine->common.virtio_places, err);
}

/* No lock: the chip has no state, and a vCPU may wait in it. */
static int build_output_port(struct vm *vm, uint64_t port, const char *name,
			     struct err *err)
{
	return machine_add_port(vm, port, 1, name, &debug_console_io,
				&vm->machine->debug_console, NULL, err);
}

/* Firmware is told by the port that it shall not print. */
static int build_outputs(struct vm *vm, struct err *err)
{
	if (machine_build_output(vm, err) ||
	    build_output_port(vm, PORT_DEBUG_CONSOLE, "debug-console", err))
		return -1;
	if (vm->config->firmware && !vm->config->trace_firmware)
		return 0;
	return build_output_port(vm, PORT_BIOS_DEBUG, "bios-debug", err);
}

static int build_firmware(struct vm *vm, struct err *err)
{
	if (!vm->config->firmware)
		return 0;
	return firmware_build(&vm->machine->firmware, vm, low_ram(vm), err);
}

static void describe_virtio_mmio(const struct vm *vm, struct tables_config *tables)
{
	const struct virtio_mmio_places *places = &vm->machine->common.virtio_places;

	if (vm->config->virtio != VIRTIO_MMIO)
		return;
	for (unsigned i = 0; i < vm->machine->common.virtio.count; i++) {
		tables->virtio_mmio[i].base =
			(uint32_t)(places->base + i * places->stride);
		tables->virtio_mmio[i].size = VIRTIO_MMIO_SIZE;
		tables->virtio_mmio[i].gsi = (uint8_t)places->gsis[i];
	}
	tables->nr_virtio_mmio = vm->machine->common.virtio.count;
}

/* The machine, as the firmware tables tell it. */
static struct tables_config describe(const struct vm *vm)
{
	static const struct {
		uint16_t port;
		uint8_t irq;
	} uarts[CONFIG_MAX_UARTS] = LAYOUT_UARTS;
	struct tables_config tables = {
		.nr_cpus = vm->config->cpus,
		.has_firmware = vm->config->firmware,
		.has_screen = screen_is_wanted(vm->config),
		.has_floppy = vm->config->nr_floppies,
		.has_ide = vm->machine->common.ide != NULL,
	};

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

/* fw_cfg tells of all devices, so it comes when they are there. */
static int build_fw_cfg(struct vm *vm, struct err *err)
{
	struct tables_config tables;

	if (!vm->config->firmware)
		return 0;
	tables = describe(vm);
	if (firmware_describe(&vm->machine->firmware, vm, &tables, &vm->machine->pci.bus,
			      err))
		return -1;
	return screen_add_bios(vm->config, &vm->machine->firmware.fw_cfg, err);
}

static int build_screen(struct vm *vm, struct err *err)
{
	if (!screen_is_wanted(vm->config))
		return 0;
	return screen_build(&vm->machine->screen, vm, err);
}

/* Firmware programs the DMA controllers in any case, and old systems ask for them. */
static int build_floppy(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	uint8_t types[I82077_NR_DRIVES];

	if (!vm->config->firmware && !vm->config->nr_floppies)
		return 0;
	if (floppy_build(&machine->floppy, vm, &machine->common.wires, err))
		return -1;
	floppy_types(&machine->floppy, types);
	mc146818_set_floppies(&machine->rtc, types[0], types[1]);
	return 0;
}

static int build_ide(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	struct irq_line irqs[2];

	if (!config_count_disks(vm->config, DISK_IDE))
		return 0;
	for (unsigned i = 0; i < 2; i++)
		irqs[i] = wires_connect(&machine->common.wires, IRQ_IDE + i);
	machine->common.ide = ide_new(vm, &machine->pci.bus, irqs, err);
	return machine->common.ide ? 0 : -1;
}

static int build_pc(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;

	machine->is_pc = true;
	if (build_kvm_chips(vm, err) || build_serials(vm, err) || build_clocks(vm, err) ||
	    build_ports(vm, err) || build_pci(vm, err) || build_firmware(vm, err) ||
	    build_screen(vm, err) || build_floppy(vm, err) || build_ide(vm, err) ||
	    build_virtio(vm, err) || build_fw_cfg(vm, err))
		return -1;
	return build_outputs(vm, err);
}

/* Nothing can interrupt HLT here, so it ends the VM. */
static int build_rom(struct vm *vm, struct err *err)
{
	vm->halt_ends = true;
	if (kvm_vm_set_tss(&vm->kvm_vm, LAYOUT_KVM_TSS, LAYOUT_KVM_IDENTITY_MAP, err) ||
	    machine_build_output(vm, err) || build_screen(vm, err))
		return -1;
	return build_output_port(vm, PORT_ROM_OUTPUT, "rom-output", err);
}

_Static_assert(offsetof(struct machine, common) == 0, "see machine_common()");

const char arch_name[] = "x86_64";
const bool arch_has_screen = true;

int arch_validate(const struct vm_config *config, struct err *err)
{
	if (config->irqchip != IRQCHIP_AUTO)
		return err_set(err, "--irqchip: a PC has one kind only, PICs and APICs");
	return 0;
}

int machine_vm_type(const struct vm *vm, unsigned long *type, struct err *err)
{
	(void)vm;
	(void)err;
	*type = 0;
	return 0;
}

int machine_complete(struct vm *vm, struct err *err)
{
	(void)vm;
	(void)err;
	return 0;
}

int machine_build(struct vm *vm, struct err *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return err_set(err, "no memory for the machine");
	vm->machine = machine;
	machine->rtc_timer.source.fd = machine->pm_timer.source.fd = -1;
	machine->keyboard_timer.source.fd = -1;
	pthread_mutex_init(&machine->lock, NULL);
	pthread_mutex_init(&machine->rtc_lock, NULL);
	pthread_mutex_init(&machine->pm_lock, NULL);
	debug_console_init(&machine->debug_console, machine_on_output, vm);
	machine_common_init(vm, set_pin);
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
	if (!virtio_devices_destroy(&machine->common.virtio))
		vm->memory.nr_regions = 0;
	(void)ide_free(machine->common.ide);
	loop_timer_destroy(&machine->rtc_timer, vm->loop);
	loop_timer_destroy(&machine->pm_timer, vm->loop);
	loop_timer_destroy(&machine->keyboard_timer, vm->loop);
	screen_destroy(&machine->screen);
	floppy_destroy(&machine->floppy);
	pci_host_destroy(&machine->pci);
	chipset_destroy(&machine->chipset);
	firmware_destroy(&machine->firmware);
	machine_common_destroy(vm);
	pthread_mutex_destroy(&machine->pm_lock);
	pthread_mutex_destroy(&machine->rtc_lock);
	pthread_mutex_destroy(&machine->lock);
	cpu_model_destroy(&machine->cpu_model);
	free(machine);
	vm->machine = NULL;
}

bool machine_debug_read_rom(const struct vm *vm, uint64_t gpa, void *to, size_t len)
{
	return vm->config->firmware &&
	       firmware_read_rom(&vm->machine->firmware, gpa, to, len);
}

const struct cpu_model *machine_cpu_model(const struct vm *vm)
{
	return &vm->machine->cpu_model;
}

/* What a kernel that reads no tables is told of virtio-mmio devices. */
static void describe_for_no_acpi(const struct vm *vm, char *params, size_t size)
{
	const struct machine *machine = vm->machine;

	params[0] = '\0';
	if (vm->config->virtio == VIRTIO_MMIO)
		virtio_mmio_params(&machine->common.virtio_places,
				   machine->common.virtio.count, params, size);
}

int machine_load(struct vm *vm, struct err *err)
{
	const struct tables_config tables = describe(vm);
	char params[VIRTIO_MAX_DEVICES * 64];

	if (vm->config->firmware) {
		vm->machine->entry = (struct cpu_entry){ .mode = CPU_POWER_ON };
		return 0;
	}
	describe_for_no_acpi(vm, params, sizeof(params));
	return boot_load(vm, &tables, params, &vm->machine->entry, err);
}

static int reset_vcpu(struct vcpu *vcpu, struct err *err)
{
	return cpu_reset(vcpu, &vcpu->vm->machine->entry, err);
}

/* Our chips first: they lower their lines, then KVM's chips forget them. */
static int reset_pc(struct vm *vm, struct err *err)
{
	struct machine *m = vm->machine;

	machine_reset_serials(vm);
	pthread_mutex_lock(&m->rtc_lock);
	mc146818_reset(&m->rtc);
	pthread_mutex_unlock(&m->rtc_lock);
	pthread_mutex_lock(&m->pm_lock);
	acpi_pm_reset(&m->pm);
	pthread_mutex_unlock(&m->pm_lock);
	pthread_mutex_lock(&m->lock);
	keyboard_reset(&m->keyboard);
	port92_reset(&m->port92);
	reset_control_reset(&m->reset_control);
	post_code_reset(&m->post_code);
	post_code_reset(&m->delay);
	pthread_mutex_unlock(&m->lock);
	firmware_reset(&m->firmware);
	floppy_reset(&m->floppy);
	if (machine_quiet_devices(vm, err))
		return -1;
	pci_bus_reset(&m->pci.bus);
	chipset_reset(&m->chipset);

	for (unsigned chip = 0; chip < 3; chip++) {
		if (kvm_vm_set_irqchip(&vm->kvm_vm, &m->irqchips[chip], err))
			return -1;
	}
	return kvm_vm_set_pit(&vm->kvm_vm, &m->pit, err);
}

int machine_reset(struct vm *vm, struct err *err)
{
	screen_reset(&vm->machine->screen);
	if (vm->machine->is_pc && reset_pc(vm, err))
		return -1;
	return vcpus_call(vm, reset_vcpu, MACHINE_RESET_TIMEOUT_MS, err);
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

int machine_send_keys(struct vm *vm, const char *text, struct err *err)
{
	struct machine *machine = vm->machine;
	int result;

	if (!machine->is_pc)
		return err_set(err, "keys: the machine of a ROM has no keyboard");
	pthread_mutex_lock(&machine->lock);
	result = keyboard_type(&machine->keyboard, text, err);
	pthread_mutex_unlock(&machine->lock);
	return result;
}

bool machine_screen(struct vm *vm, struct text_screen *text)
{
	struct screen *screen = &vm->machine->screen;

	if (screen->is_there)
		screen_read(screen, &vm->memory, text);
	return screen->is_there;
}

int machine_dump_dtb(const struct vm *vm, const char *path, struct err *err)
{
	(void)vm;
	return err_set(err, "--dump-dtb %s: this machine has ACPI and no device tree",
		       path);
}
