/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a machine lends to the devices that it does not hard-wire, those on PCI and
 * those of virtio: memory, the bus, a loop of their own, doorbells and message
 * interrupts. Devices see this and never the VM, so a unit test builds one with no
 * KVM at all: then nothing is attached, and eventfds are just eventfds.
 *
 *	doorbell	the guest writes to an address -> KVM signals an eventfd,
 *			without an exit to us (KVM_IOEVENTFD)
 *	msi		we signal an eventfd -> KVM sends the guest a message
 *			(KVM_IRQFD and KVM_SET_GSI_ROUTING)
 */
#ifndef TANE_CORE_PLATFORM_H
#define TANE_CORE_PLATFORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/loop.h"
#include "core/memory.h"
#include "kvm/kvm.h"
#include "util/err.h"

/* GSIs for messages begin behind the pins of the interrupt controller. */
#define PLATFORM_MAX_MSIS 2048

struct msi;

struct platform {
	const struct kvm_vm *kvm; /* NULL: there is no KVM, attach nothing */
	struct bus *bus;
	const struct memory *memory;
	struct loop *
		loop; /* the loop of devices; not the main one if there are I/O threads */

	/*
	 * A vCPU's thread waits, with no lock held, until ready() or until all vCPUs
	 * shall park; wake() after ready() has become true. May be NULL in tests.
	 */
	void (*wait)(void *opaque, bool (*ready)(void *arg), void *arg);
	void (*wake)(void *opaque);
	/* The user asked to end the VM (Ctrl-a x on a console). Any thread; NULL in tests. */
	void (*quit)(void *opaque);
	void *opaque;

	/*
	 * Where a message has to be told KVM in another way than by its address and data:
	 * change `route`, which has those. false: it leads nowhere. NULL: there is no need.
	 */
	bool (*route_msi)(void *opaque, const struct msi *msi,
			  struct kvm_irq_routing_entry *route);

	/* The routing table: the machine's pins, then messages. Guarded by msi_lock. */
	pthread_mutex_t msi_lock;
	const struct kvm_irq_routing_entry *pins; /* the architecture's; not owned */
	unsigned nr_pins;
	uint32_t first_msi_gsi;
	struct msi *msis[PLATFORM_MAX_MSIS]; /* by GSI - first_msi_gsi; NULL: free */
	unsigned nr_msis;                    /* none is at or above this index */
};

/* All empty: the caller sets kvm to loop and wait to opaque. */
void platform_init(struct platform *platform);
void platform_destroy(struct platform *platform);

/*
 * Wire the pins of the interrupt controllers. `pins` stays the caller's and lives as
 * long as the platform; GSIs from first_msi_gsi on are for messages. Before any msi.
 */
int platform_set_pins(struct platform *platform, const struct kvm_irq_routing_entry *pins,
		      unsigned nr_pins, uint32_t first_msi_gsi, struct err *err);

/*
 * Signal `fd` when the guest writes `size` bytes (0: any size, 1, 2, 4, 8) to
 * `address`, and, with `match`, only if the value is `value`. The same arguments
 * detach. Any thread. Fails when the host has no descriptors or KVM slots left.
 */
struct doorbell {
	enum bus_space space;
	uint64_t address;
	unsigned size;
	bool match;
	uint64_t value;
	int fd;
};

int platform_attach_doorbell(const struct platform *platform, const struct doorbell *bell,
			     struct err *err);
void platform_detach_doorbell(const struct platform *platform,
			      const struct doorbell *bell);

/*
 * A message interrupt. msi_signal() may be called at any time from any thread, and a
 * vhost worker may write to `fd` itself: while the message is detached (masked), the
 * eventfd remembers that it was signalled, and attaching it then sends the message.
 */
struct msi {
	struct platform *platform;
	int fd; /* eventfd, non-blocking; -1: not made */
	uint32_t gsi;
	uint16_t
		requester_id; /* of the PCI function that sends it: device << 3 | function */
	bool attached;
	bool routed; /* KVM knows its address and data */
	uint64_t address;
	uint32_t data;
};

int msi_init(struct msi *msi, struct platform *platform, struct err *err);
void msi_destroy(struct msi *msi);

/* Let it send `data` to `address` from now on. Calls the kernel only if that is new. */
int msi_attach(struct msi *msi, uint64_t address, uint32_t data, struct err *err);
void msi_detach(struct msi *msi);

void msi_signal(const struct msi *msi);

/* Signalled while detached, and not yet sent (the PBA bit of MSI-X)? */
bool msi_pending(const struct msi *msi);
/* Forget that it was signalled: its function was reset. Detached only. */
void msi_clear(struct msi *msi);

/*
 * A warning on stderr, with "tane: warning: " in front. `budget` counts down, so
 * that a guest cannot make us talk without end; at 0 it says nothing any more.
 */
void platform_warn(unsigned *budget, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define PLATFORM_WARNINGS 8

#endif
