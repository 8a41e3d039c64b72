/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI (PCI Local Bus 3.0, PCI Express Base 4.0): one bus, its functions, their
 * configuration space, BARs and MSI-X. See pci.c. Thread safety: the configuration
 * space is guarded by the bus's lock, which register functions of BARs never take.
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
#define PCI_CONFIG_SIZE      4096u /* with the extended part; 256 by mechanism 1 */
#define PCI_ECAM_SIZE        (PCI_DEVICES * PCI_FUNCTIONS * PCI_CONFIG_SIZE) /* of one bus */
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
	uint64_t base;
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
	struct pci_msix *msix;   /* NULL: none */
	uint8_t last_capability; /* offset, 0: none yet */
	uint16_t free_offset;    /* where the next capability goes */
	bool intx_level;         /* what the device wants INTA# to be */

	/*
	 * Windows into the device in its own capability (virtio's PCI_CFG): called for
	 * each access to [hook_offset, hook_offset + hook_size), under the bus's lock.
	 * The read hook runs before config[] is read, the write hook after it was written.
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
	struct irq_line
		intx[4]; /* the pins INTA# to INTD# of device 0; others are swizzled */
	uint32_t intx_levels[4]; /* a bit per device that drives it */
};

/*
 * A bus with a host bridge as function 00.0 and these windows for BARs. The machine
 * then puts pci_config_ports (at 0xcf8, eight ports) and pci_ecam on the bus.
 */
int pci_bus_init(struct pci_bus *bus, struct platform *platform,
		 const struct pci_window *io, const struct pci_window *mem32,
		 const struct pci_window *mem64, const struct irq_line intx[4],
		 struct err *err);
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

/* Give it a place: the lowest free device number, function 0, and addresses for BARs. */
int pci_bus_plug(struct pci_bus *bus, struct pci_function *function, struct err *err);

/*
 * Interrupts, from any thread, no lock held. With MSI-X enabled send message `vector`
 * (no such vector: nothing happens); pci_set_intx() drives INTA#, which shows on
 * the wire only while MSI-X is off and COMMAND allows it.
 */
bool pci_msix_enabled(const struct pci_function *function);
void pci_msix_signal(struct pci_function *function, unsigned vector);
unsigned pci_msix_vectors(const struct pci_function *function);
/* The eventfd of a vector, for vhost; -1 when there is no such vector. */
int pci_msix_fd(const struct pci_function *function, unsigned vector);
void pci_set_intx(struct pci_function *function, bool level);

/* The IOAPIC-style pin (0..3) that INTA# of device number `device` is wired to. */
static inline unsigned pci_intx_pin(unsigned device)
{
	return device % 4;
}

int pci_function_save(const struct pci_function *function, struct state_writer *writer,
		      struct err *err);
int pci_function_load(struct pci_function *function, struct bytes image, struct err *err);

#endif
