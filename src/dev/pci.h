/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI (PCI Local Bus 3.0, PCI Express Base 4.0): one bus, its functions, their
 * configuration space, BARs and MSI-X. See pci.c.
 *
 * Locks, outer first: the bus's lock guards configuration spaces and which BARs are
 * decoded; a device's own; then those of MSI-X and of INTx, which are leaves. Register
 * functions of BARs never take the bus's lock, and neither do the interrupt functions
 * below, so a device may call them with its own lock held.
 */
#ifndef TANE_DEV_PCI_H
#define TANE_DEV_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "core/platform.h"
#include "util/err.h"
#include "util/state.h"

#define PCI_DEVICES          32
#define PCI_FUNCTIONS        8
#define PCI_BARS             6
#define PCI_CONFIG_SIZE      256u
#define PCI_ECAM_STRIDE      4096u       /* of a function; ours end at 256, see pci.c */
#define PCI_ECAM_SIZE        0x100000ull /* of one bus */
#define PCI_MAX_MSIX_VECTORS 256

enum pci_bar_kind {
	PCI_BAR_NONE,
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64, /* takes the next index too */
	PCI_BAR_MEM64_PREFETCH,
};

struct pci_bar {
	enum pci_bar_kind kind;
	uint64_t size;    /* a power of two: at least 4 (I/O) or 16 (memory) */
	const char *name; /* for counters and traces */
	const struct io_ops *ops;
	void *dev;             /* what ops get */
	pthread_mutex_t *lock; /* held around them; may be NULL */
	/*
	 * The guest has moved it: decoded at `base` now, or no longer. For doorbells.
	 * Called with the bus's lock held. May be NULL.
	 */
	void (*mapped)(void *dev, unsigned bar, uint64_t base);
	void (*unmapped)(void *dev, unsigned bar, uint64_t base);

	/* Private to pci.c. */
	bool is_mapped;
	uint64_t base; /* where it is decoded, if it is */
};

struct pci_msix;

/* Ids and class of a function (PCI 3.0, 6.2.1). */
struct pci_ids {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class_code; /* 24 bits: class, subclass, interface */
	bool interrupt_pin;  /* it has INTA# */
};

struct pci_function {
	struct pci_bus *bus;
	unsigned device, function;
	const char *name;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* a bit for each that the guest may change */
	struct pci_bar bars[PCI_BARS];
	uint8_t initial[PCI_CONFIG_SIZE]; /* config[] after a reset */
	struct pci_msix *msix;            /* NULL: none */
	uint8_t last_capability;          /* offset, 0: none yet */
	uint16_t free_offset;             /* where the next capability goes */

	/* Guarded by the bus's intx_lock. */
	bool intx_level;   /* what the device wants its interrupt pin to be */
	bool intx_blocked; /* by COMMAND or MSI-X */
	bool intx_driven;  /* it pulls the wire */

	/*
	 * Windows into the device in its own capability (virtio's PCI_CFG): called for
	 * each access to [hook_offset, hook_offset + hook_size), under the bus's lock;
	 * `offset` counts from hook_offset. The read hook runs before config[] is read,
	 * the write hook after it was written.
	 */
	uint16_t hook_offset, hook_size;
	void (*config_read)(void *dev, unsigned offset, unsigned size);
	void (*config_write)(void *dev, unsigned offset, unsigned size);
	void *dev;
};

struct pci_window {
	uint64_t base, size, used;
};

struct pci_bus {
	struct platform *platform;
	pthread_mutex_t lock;
	struct pci_function *functions[PCI_DEVICES][PCI_FUNCTIONS];
	uint32_t config_address; /* port 0xcf8 */
	struct pci_window io, mem32, mem64;
	bool firmware_places;            /* BARs wait for firmware: at 0, not decoded */
	struct pci_function host_bridge; /* 00.0, unless the machine has its own */

	/* The wires that INTA# to INTD# of device 0 lead to; others are swizzled. */
	struct irq_line intx[4];
	uint8_t interrupt_lines[4]; /* register Interrupt Line of functions on a wire */
	pthread_mutex_t intx_lock;
	unsigned intx_drivers[4]; /* how many functions pull a wire */
};

/*
 * A bus with a host bridge as function 00.0. BARs get their first addresses in these
 * windows, of which one of size 0 is none. The machine then puts pci_config_ports (at 0xcf8, eight ports) and pci_ecam on the bus, and may fill
 * interrupt_lines (0xff: not connected).
 */
int pci_bus_init(struct pci_bus *bus, struct platform *platform,
		 const struct pci_window *io, const struct pci_window *mem32,
		 const struct pci_window *mem64, const struct irq_line intx[4],
		 struct err *err);
/*
 * The same for a machine with firmware: functions are as real ones at power-on, BARs at 0
 * and not decoded, and the machine plugs in a host bridge itself.
 */
void pci_bus_init_bare(struct pci_bus *bus, struct platform *platform,
		       const struct pci_window *io, const struct pci_window *mem32,
		       const struct pci_window *mem64, const struct irq_line intx[4]);
void pci_bus_destroy(struct pci_bus *bus);

/* All functions as after power-on with firmware: BARs at their first addresses, decoded. */
void pci_bus_reset(struct pci_bus *bus);

extern const struct io_ops pci_config_ports; /* dev: struct pci_bus */
extern const struct io_ops pci_ecam;         /* dev: struct pci_bus */

/*
 * A function that is not yet on the bus: set it up with the calls below, then plug it
 * in. The struct belongs to the caller and must outlive the bus.
 */
void pci_function_init(struct pci_function *function, const struct pci_ids *ids,
		       const char *name);

/* `bar` is copied. Its place is chosen when the function is plugged. */
void pci_function_add_bar(struct pci_function *function, unsigned index,
			  const struct pci_bar *bar);

/*
 * Append a capability: `body` is all of it, with the ID in byte 0 (byte 1, the link, is
 * filled in). Returns its offset, 0 when the 256 bytes are full. Its bytes are
 * read-only; make bits writable in function->writable.
 */
unsigned pci_function_add_capability(struct pci_function *function, const uint8_t *body,
				     unsigned size);

/* MSI-X with `vectors` messages: table and PBA make up the memory BAR `bar`. */
int pci_function_add_msix(struct pci_function *function, struct platform *platform,
			  unsigned bar, unsigned vectors, struct err *err);
void pci_function_destroy(struct pci_function *function);

/*
 * Give it a place: the lowest free device number, function 0, and addresses for BARs;
 * below 4 GiB as long as there is room, so that 32-bit guests reach them. Before vCPUs run.
 */
int pci_bus_plug(struct pci_bus *bus, struct pci_function *function, struct err *err);
/* The same at a place of your choice. A device's first function must be number 0. */
int pci_bus_plug_at(struct pci_bus *bus, struct pci_function *function, unsigned device,
		    unsigned number, struct err *err);

/*
 * Interrupts, from any thread. With MSI-X enabled send message `vector` (no such
 * vector: nothing happens; masked: once it is unmasked); pci_set_intx() drives the
 * interrupt pin, which shows on the wire only while MSI-X is off and COMMAND allows it.
 */
bool pci_msix_enabled(const struct pci_function *function);
void pci_msix_signal(struct pci_function *function, unsigned vector);
unsigned pci_msix_vectors(const struct pci_function *function);
/* The eventfd of a vector, for vhost; -1 when there is no such vector. */
int pci_msix_fd(const struct pci_function *function, unsigned vector);
void pci_set_intx(struct pci_function *function, bool level);

/* The device was reset: forget messages that were signalled and not yet sent. */
void pci_msix_forget(struct pci_function *function);

/*
 * May it reach memory by itself (COMMAND, Bus Master)? Messages heed it here; a
 * device that moves data asks. Any thread.
 */
bool pci_is_bus_master(const struct pci_function *function);

/* The wire (0..3) that INTA# of device number `device` is on; INTB# on the next ... */
static inline unsigned pci_intx_pin(unsigned device)
{
	return device % 4;
}

/* A bit for INTA# (0) to INTD# (3), whichever it has. For firmware tables. */
unsigned pci_interrupt_pins(const struct pci_function *function);

/* Sections "NAME.pci" and "NAME.msix"; of the bus "pci". With all vCPUs parked. */
int pci_bus_save(const struct pci_bus *bus, struct state_writer *writer, struct err *err);
int pci_bus_load(struct pci_bus *bus, struct bytes image, struct err *err);
int pci_function_save(const struct pci_function *function, struct state_writer *writer,
		      struct err *err);
int pci_function_load(struct pci_function *function, struct bytes image, struct err *err);

#endif
