/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells and message interrupts of the platform, see platform.h.
 *
 * KVM knows a message by its GSI, the index of a routing table that holds addresses
 * and data, and takes that table only as a whole. So a message keeps its GSI as long
 * as it lives, and the table is written anew when a guest gave it another address or
 * other data, which is when a driver sets up its interrupts. Masking and unmasking
 * only detach and attach the eventfd.
 *
 * Address and data are the guest's. KVM refuses a few addresses (with x2APIC IDs of
 * 32 bits, reserved bits in the upper half), and with one such entry the whole table:
 * a message that it refuses is taken out again.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/platform.h"

void platform_init(struct platform *platform)
{
	memset(platform, 0, sizeof(*platform));
	pthread_mutex_init(&platform->msi_lock, NULL);
}

void platform_destroy(struct platform *platform)
{
	pthread_mutex_destroy(&platform->msi_lock);
}

static struct kvm_ioeventfd to_ioeventfd(const struct doorbell *bell)
{
	struct kvm_ioeventfd event = {
		.datamatch = bell->value,
		.addr = bell->address,
		.len = bell->size,
		.fd = bell->fd,
	};

	if (bell->space == BUS_PIO)
		event.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (bell->match)
		event.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	return event;
}

int platform_attach_doorbell(const struct platform *platform, const struct doorbell *bell,
			     struct err *err)
{
	const struct kvm_ioeventfd event = to_ioeventfd(bell);

	return platform->kvm ? kvm_vm_attach_ioeventfd(platform->kvm, &event, err) : 0;
}

void platform_detach_doorbell(const struct platform *platform,
			      const struct doorbell *bell)
{
	const struct kvm_ioeventfd event = to_ioeventfd(bell);

	if (platform->kvm)
		kvm_vm_detach_ioeventfd(platform->kvm, &event);
}

/* false: it leads nowhere. */
static bool to_route(const struct platform *platform, const struct msi *msi,
		     struct kvm_irq_routing_entry *route)
{
	*route = (struct kvm_irq_routing_entry){
		.gsi = msi->gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {
			.address_lo = (uint32_t)msi->address,
			.address_hi = (uint32_t)(msi->address >> 32),
			.data = msi->data,
		},
	};
	return !platform->route_msi || platform->route_msi(platform->opaque, msi, route);
}

/* Tell KVM of all pins and all messages that have an address. Lock held. */
static int set_routes(const struct platform *platform, struct err *err)
{
	const size_t max = platform->nr_pins + PLATFORM_MAX_MSIS;
	struct kvm_irq_routing *table;
	int r;

	if (!platform->kvm)
		return 0;
	table = calloc(1, sizeof(*table) + max * sizeof(table->entries[0]));
	if (!table)
		return err_set(err, "no memory for %zu interrupt routes", max);
	for (unsigned i = 0; i < platform->nr_pins; i++)
		table->entries[table->nr++] = platform->pins[i];
	for (unsigned i = 0; i < platform->nr_msis; i++) {
		const struct msi *msi = platform->msis[i];

		if (msi && msi->routed &&
		    to_route(platform, msi, &table->entries[table->nr]))
			table->nr++;
	}
	r = kvm_vm_set_routes(platform->kvm, table, err);
	free(table);
	return r;
}

int platform_set_pins(struct platform *platform, const struct kvm_irq_routing_entry *pins,
		      unsigned nr_pins, uint32_t first_msi_gsi, struct err *err)
{
	int r;

	pthread_mutex_lock(&platform->msi_lock);
	platform->pins = pins;
	platform->nr_pins = nr_pins;
	platform->first_msi_gsi = first_msi_gsi;
	r = set_routes(platform, err);
	pthread_mutex_unlock(&platform->msi_lock);
	return r;
}

/* A GSI that no other message has. Lock held. */
static int take_gsi(struct platform *platform, struct msi *msi, struct err *err)
{
	for (unsigned i = 0; i < PLATFORM_MAX_MSIS; i++) {
		if (platform->msis[i])
			continue;
		platform->msis[i] = msi;
		if (i >= platform->nr_msis)
			platform->nr_msis = i + 1;
		msi->gsi = platform->first_msi_gsi + i;
		return 0;
	}
	return err_set(err, "all %d message interrupts are in use: use fewer devices",
		       PLATFORM_MAX_MSIS);
}

int msi_init(struct msi *msi, struct platform *platform, struct err *err)
{
	int r;

	*msi = (struct msi){
		.platform = platform,
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	if (msi->fd < 0)
		return err_errno(err, "eventfd for a message interrupt");
	pthread_mutex_lock(&platform->msi_lock);
	r = take_gsi(platform, msi, err);
	pthread_mutex_unlock(&platform->msi_lock);
	if (r) {
		close(msi->fd);
		msi->fd = -1;
	}
	return r;
}

void msi_destroy(struct msi *msi)
{
	struct platform *platform = msi->platform;

	if (msi->fd < 0)
		return;
	msi_detach(msi);
	pthread_mutex_lock(&platform->msi_lock);
	/* KVM's table may keep its route until the next change: nothing signals it. */
	platform->msis[msi->gsi - platform->first_msi_gsi] = NULL;
	pthread_mutex_unlock(&platform->msi_lock);
	close(msi->fd);
	msi->fd = -1;
}

/* Lock held. */
static int route(struct msi *msi, uint64_t address, uint32_t data, struct err *err)
{
	struct err again;

	if (msi->routed && msi->address == address && msi->data == data)
		return 0;
	msi->address = address;
	msi->data = data;
	msi->routed = true;
	if (!set_routes(msi->platform, err))
		return 0;
	msi->routed = false;
	(void)set_routes(msi->platform, &again); /* as it was before this message */
	return -1;
}

/*
 * KVM takes what it sends out of the eventfd, with two exceptions: what was there when
 * it was attached, and, before Linux 5.11, everything. But whatever can be read while
 * it is attached has been sent. So it is dropped, or it would be sent again later.
 */
static int attach(struct msi *msi, struct err *err)
{
	const struct kvm_vm *kvm = msi->platform->kvm;

	if (msi->attached)
		return 0;
	if (kvm) {
		if (kvm_vm_attach_irqfd(kvm, msi->gsi, msi->fd, err))
			return -1;
		msi_clear(msi);
	}
	msi->attached = true;
	return 0;
}

static void detach(struct msi *msi)
{
	const struct kvm_vm *kvm = msi->platform->kvm;

	if (!msi->attached)
		return;
	if (kvm) {
		msi_clear(msi);
		kvm_vm_detach_irqfd(kvm, msi->gsi, msi->fd);
	}
	msi->attached = false;
}

int msi_attach(struct msi *msi, uint64_t address, uint32_t data, struct err *err)
{
	int r;

	pthread_mutex_lock(&msi->platform->msi_lock);
	r = route(msi, address, data, err) || attach(msi, err) ? -1 : 0;
	if (r)
		detach(msi);
	pthread_mutex_unlock(&msi->platform->msi_lock);
	return r;
}

void msi_detach(struct msi *msi)
{
	pthread_mutex_lock(&msi->platform->msi_lock);
	detach(msi);
	pthread_mutex_unlock(&msi->platform->msi_lock);
}

void msi_signal(const struct msi *msi)
{
	const uint64_t one = 1;

	/* EAGAIN: 2^64 - 2 signals wait already, one more changes nothing. */
	(void)!write(msi->fd, &one, sizeof(one));
}

bool msi_pending(const struct msi *msi)
{
	struct pollfd poll_fd = { .fd = msi->fd, .events = POLLIN };

	return !msi->attached && poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
}

void msi_clear(struct msi *msi)
{
	uint64_t count;

	(void)!read(msi->fd, &count, sizeof(count));
}

void platform_warn(unsigned *budget, const char *fmt, ...)
{
	unsigned left = __atomic_load_n(budget, __ATOMIC_RELAXED);
	char text[512];
	va_list ap;

	do {
		if (!left)
			return;
	} while (!__atomic_compare_exchange_n(budget, &left, left - 1, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "tane: warning: %s%s\n", text,
		left == 1 ? " (no more warnings of this kind)" : "");
}
