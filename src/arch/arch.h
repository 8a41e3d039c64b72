/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an architecture gives to the rest of the program: all of it is here, and
 * src/vmm/ and src/core/ call nothing else of src/arch/. The build chooses one
 * folder, src/arch/ISA/, and no file outside src/arch/ and src/kvm/ knows which.
 *
 *	machine_...	chips, memory, interrupt controllers, firmware tables, life
 *	vcpu_arch_...	one vCPU: what it is at power-on, and the exits of its ISA
 *
 * There are two machines. The PC (x86_64/machine.c) has ports, ACPI and the entries
 * of the x86 boot protocols. The other one (dt_machine.c) describes itself by a device
 * tree and serves all other architectures; what they add is in dt_isa.h.
 *
 * Unless it says otherwise, a function runs on the main thread, with all vCPUs parked
 * or not yet made.
 */
#ifndef TANE_ARCH_ARCH_H
#define TANE_ARCH_ARCH_H

#include <stdbool.h>
#include <stdio.h>

#include "core/console.h"
#include "core/text_screen.h"
#include "core/vm.h"

/* What this build runs: "x86_64", "riscv64", "arm64". */
extern const char arch_name[];

/* Has it machines with a screen? */
extern const bool arch_has_screen;

/*
 * Does the configuration suit this architecture? Refuses what it has not, such as a ROM
 * of real-mode code. Needs no KVM; after config_validate().
 */
int arch_validate(const struct vm_config *config, struct err *err);

/* The argument of KVM_CREATE_VM: on arm64 how wide guest physical addresses are. */
int machine_vm_type(const struct vm *vm, unsigned long *type, struct err *err);

/* Before the vCPUs: RAM, interrupt controllers and chips, all on the bus. */
int machine_build(struct vm *vm, struct err *err);
/* After the vCPUs are made: what KVM sets up only then. */
int machine_complete(struct vm *vm, struct err *err);
void machine_destroy(struct vm *vm);

/* Load the kernel or ROM into RAM, and learn where the boot CPU begins. */
int machine_load(struct vm *vm, struct err *err);

/*
 * Reset the devices that reach RAM by themselves, and wait for what is in flight: no
 * byte of RAM changes any more. Before RAM is given to the next guest.
 */
int machine_quiet_devices(struct vm *vm, struct err *err);

/* Put all chips and, by their threads, all vCPUs into their power-on state. */
int machine_reset(struct vm *vm, struct err *err);

/* Press the power button. false if this machine has none. */
bool machine_power_button(struct vm *vm);

/*
 * Type on the machine's keyboard what `text` says (dev/keymap.h): characters, and keys by
 * name such as <enter>, <f1> and <ctrl-alt-del>. The guest reads it at its own pace. Runs
 * on the main thread, while vCPUs run too. On an error nothing is typed: a key has a wrong
 * name, too much still waits for the guest, or there is no keyboard.
 */
int machine_send_keys(struct vm *vm, const char *text, struct err *err);

/* Write out what the guest has printed; see console_drain(). */
void machine_drain_consoles(struct vm *vm, const struct console_interrupt *interrupt,
			    int timeout_ms);

/* Where a guest prints and, but for the last, is typed at. */
enum machine_port {
	MACHINE_COM1,
	MACHINE_COM2,
	MACHINE_COM3,
	MACHINE_COM4,
	MACHINE_HVC0,
	MACHINE_DEBUG, /* debug console, and the port of a ROM */
	MACHINE_NR_PORTS,
};

/*
 * The console of a port that config->tapped keeps from our terminal, for
 * console_set_tap(); before vm_run(). NULL: there is no such port, or it leads elsewhere.
 */
struct console *machine_console(struct vm *vm, enum machine_port port);

/* The console of the virtio port with this name; before vm_run(). NULL: there is none. */
struct console *machine_named_port(struct vm *vm, const char *name);

/* The terminal on which the guest's console is has this size now. */
void machine_resize_console(struct vm *vm, uint16_t cols, uint16_t rows);

/* Copy what the screen shows now. false if this machine has none. Any thread. */
bool machine_screen(struct vm *vm, struct text_screen *screen);

/* What devices have counted, for --stats. */
void machine_print_stats(const struct vm *vm, FILE *out);

/* What the guest lacks for devices that it was given and has not used. */
void machine_print_hints(const struct vm *vm, FILE *out);

/*
 * The firmware tables as the guest would find them (--dump-dtb), written to `path`.
 * After machine_load(). An error where the machine has no device tree.
 */
int machine_dump_dtb(const struct vm *vm, const char *path, struct err *err);

#endif
