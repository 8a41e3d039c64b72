/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the configuration to virtio devices.
 *
 * The order is fixed, and it decides which slot or place a device gets: networks first,
 * so that the name of a network card in the guest does not change when a disk or
 * anything else is added.
 *
 * Each device belongs to one loop. Disks, networks and shares take turns with the I/O threads, if
 * there are any. The others move little: they belong to a loop inside the main loop.
 */
#include <string.h>
#include <sys/resource.h>

#include "arch/virtio.h"
#include "util/fd.h"
#include "virtio/balloon.h"
#include "virtio/blk.h"
#include "virtio/console.h"
#include "virtio/net.h"
#include "virtio/p9.h"
#include "virtio/rng.h"
#include "virtio/transport.h"
#include "virtio/vsock.h"

/* How long requests in flight may take before we give up on them. */
#define DRAIN_TIMEOUT_MS 5000

/* Of the host, for one share: files that are open, and those that are at hand. */
#define MIN_SHARE_DESCRIPTORS 16u
#define MAX_SHARE_DESCRIPTORS 32768u

struct builder {
	struct virtio_devices *devices;
	const struct vm_config *config;
	struct platform *platform;
	struct pci_bus *pci;
	const struct virtio_mmio_places *places;
	unsigned turn; /* of the I/O threads */
};

static unsigned count_devices(const struct vm_config *config)
{
	return config_count_disks(config, DISK_VIRTIO) + config->nr_nets +
	       (config->nr_ports > 0) + config->rng + config->balloon +
	       (config->vsock_cid != 0) + config->nr_shares;
}

static unsigned count_threads(const struct vm_config *config)
{
	if (config->io_threads == CONFIG_AUTO_IO_THREADS)
		return config_count_disks(config, DISK_VIRTIO) + config->nr_nets +
			       config->nr_shares >
		       0;
	return config->io_threads;
}

/* One loop inside the main loop, and the threads. */
static int make_loops(struct virtio_devices *devices, struct loop *main_loop,
		      struct err *err)
{
	const unsigned threads = count_threads(devices->config);

	if (threads > CONFIG_MAX_IO_THREADS)
		return err_set(err, "--io-threads %u: at most %d", threads,
			       CONFIG_MAX_IO_THREADS);
	for (unsigned i = 0; i <= threads; i++) {
		devices->nr_loops++;
		if (io_thread_init(&devices->loops[i], i ? NULL : main_loop, err))
			return -1;
	}
	return 0;
}

static int start_loops(struct virtio_devices *devices, struct err *err)
{
	for (unsigned i = 0; i < devices->nr_loops; i++) {
		if (io_thread_start(&devices->loops[i], i ? i - 1 : 0, err))
			return -1;
	}
	return 0;
}

/* The platform for a device, whose constructor takes the loop from it. */
static struct platform *main_platform(struct builder *builder)
{
	builder->platform->loop = &builder->devices->loops[0].loop;
	return builder->platform;
}

/* The same for one that moves data: the next thread's. */
static struct platform *next_platform(struct builder *builder)
{
	struct virtio_devices *devices = builder->devices;
	const unsigned threads = devices->nr_loops - 1;
	const unsigned number = threads ? 1 + builder->turn++ % threads : 0;

	builder->platform->loop = &devices->loops[number].loop;
	return builder->platform;
}

static int attach(const struct builder *builder, struct virtio *virtio, struct err *err)
{
	const unsigned place = builder->devices->count;

	if (builder->pci)
		return virtio_pci_attach(virtio, builder->pci, err);
	if (place >= builder->places->count)
		return err_set(err, "%s: there is room for %u virtio-mmio devices only",
			       virtio->name, builder->places->count);
	return virtio_mmio_attach(virtio,
				  builder->places->base + place * builder->places->stride,
				  &builder->places->irqs[place], err);
}

/* Take a device that its constructor made, or pass on that it could not. */
static int add(struct builder *builder, struct virtio *virtio, struct err *err)
{
	if (!virtio)
		return -1;
	if (attach(builder, virtio, err)) {
		virtio_free(virtio);
		return -1;
	}
	builder->devices->devices[builder->devices->count++] = virtio;
	return 0;
}

static int build_nets(struct builder *b, struct err *err)
{
	const struct vm_config *config = b->config;

	for (unsigned i = 0; i < config->nr_nets; i++) {
		if (add(b,
			virtio_net_new(next_platform(b), &config->nets[i], i,
				       config->cpus, config->packed, err),
			err))
			return -1;
	}
	return 0;
}

static int build_disks(struct builder *b, struct err *err)
{
	const struct vm_config *config = b->config;

	for (unsigned i = 0, number = 0; i < config->nr_disks; i++) {
		if (config->disks[i].interface != DISK_VIRTIO)
			continue;
		if (add(b,
			virtio_blk_new(next_platform(b), &config->disks[i], number++,
				       config->cpus, config->packed, err),
			err))
			return -1;
	}
	return 0;
}

static int build_console(struct builder *b, struct err *err)
{
	return add(
		b,
		virtio_console_new(main_platform(b), b->config, b->config->packed, err),
		err);
}

static int build_rng(struct builder *b, struct err *err)
{
	return add(b, virtio_rng_new(main_platform(b), b->config->packed, err), err);
}

static int build_balloon(struct builder *b, struct err *err)
{
	const struct vm_config *config = b->config;
	struct virtio *balloon =
		virtio_balloon_new(main_platform(b), config->balloon_size,
				   config->balloon_keep_on_oom, config->packed, err);

	if (add(b, balloon, err))
		return -1;
	return config->stats ? virtio_balloon_poll_stats(balloon, err) : 0;
}

static int build_vsock(struct builder *b, struct err *err)
{
	return add(b,
		   virtio_vsock_new(main_platform(b), b->config->vsock_cid,
				    b->config->packed, err),
		   err);
}

/* What one share may open: they divide half of what this process may. */
static unsigned descriptors_per_share(const struct vm_config *config)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return MIN_SHARE_DESCRIPTORS;
	limit.rlim_cur /= 2 * config->nr_shares;
	if (limit.rlim_cur < MIN_SHARE_DESCRIPTORS)
		return MIN_SHARE_DESCRIPTORS;
	return limit.rlim_cur < MAX_SHARE_DESCRIPTORS ? (unsigned)limit.rlim_cur
						      : MAX_SHARE_DESCRIPTORS;
}

static int build_shares(struct builder *b, struct err *err)
{
	const struct vm_config *config = b->config;

	for (unsigned i = 0; i < config->nr_shares; i++) {
		if (add(b,
			virtio_p9_new(next_platform(b), &config->shares[i], i,
				      descriptors_per_share(config), config->packed, err),
			err))
			return -1;
	}
	return 0;
}

static int build_all(struct builder *b, struct err *err)
{
	const struct vm_config *config = b->config;

	if (build_nets(b, err) || build_disks(b, err))
		return -1;
	if (config->nr_ports && build_console(b, err))
		return -1;
	if (config->rng && build_rng(b, err))
		return -1;
	if (config->balloon && build_balloon(b, err))
		return -1;
	if (config->vsock_cid && build_vsock(b, err))
		return -1;
	return build_shares(b, err);
}

int virtio_devices_build(struct virtio_devices *devices, struct vm *vm,
			 struct platform *platform, struct pci_bus *pci,
			 const struct virtio_mmio_places *places, struct err *err)
{
	struct builder builder = {
		.devices = devices,
		.config = vm->config,
		.platform = platform,
		.pci = pci,
		.places = places,
	};
	int r;

	*devices = (struct virtio_devices){ .config = vm->config };
	if (!count_devices(vm->config))
		return 0;
	fd_raise_limit();
	if (make_loops(devices, vm->loop, err))
		return -1;
	r = build_all(&builder, err);
	platform->loop = vm->loop;
	return r ? -1 : start_loops(devices, err);
}

int virtio_devices_reset(struct virtio_devices *devices, int timeout_ms, struct err *err)
{
	for (unsigned i = 0; i < devices->count; i++) {
		if (virtio_power_on(devices->devices[i], timeout_ms, err))
			return -1;
	}
	return 0;
}

/*
 * What a kernel needs for any of these devices. It is the answer if the guest has driven
 * none of them.
 */
static const char *transport_hint(const struct vm_config *config)
{
	return config->virtio == VIRTIO_PCI
		       ? "CONFIG_VIRTIO_PCI (module virtio_pci)"
		       : "CONFIG_VIRTIO_MMIO (module virtio_mmio), without ACPI also "
			 "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES";
}

/* Devices that one driver drives, and how many of them it has driven. */
struct kind {
	unsigned count, driven;
};

static struct kind kind_of(const struct virtio_devices *devices, const char *hint)
{
	struct kind kind = { 0 };

	for (unsigned i = 0; i < devices->count; i++) {
		if (strcmp(devices->devices[i]->driver_hint, hint) == 0) {
			kind.count++;
			kind.driven += devices->devices[i]->was_driven;
		}
	}
	return kind;
}

/* Is it the first of its kind, and the driver for all of them missing? */
static bool lacks_driver(const struct virtio_devices *devices, unsigned index)
{
	const char *hint = devices->devices[index]->driver_hint;

	for (unsigned i = 0; i < index; i++) {
		if (strcmp(devices->devices[i]->driver_hint, hint) == 0)
			return false;
	}
	return !kind_of(devices, hint).driven;
}

void virtio_devices_print_hints(const struct virtio_devices *devices, FILE *out)
{
	unsigned found = 0;

	for (unsigned i = 0; i < devices->count; i++)
		found += devices->devices[i]->was_found;
	if (!found && devices->count)
		fprintf(out,
			"tane: the guest has used no virtio device: it needs %s, and for "
			"each device:\n",
			transport_hint(devices->config));
	for (unsigned i = 0; i < devices->count; i++) {
		const struct virtio *virtio = devices->devices[i];
		const unsigned more = kind_of(devices, virtio->driver_hint).count - 1;

		if (!lacks_driver(devices, i))
			continue;
		fprintf(out, "tane: the guest has not used %s", virtio->name);
		if (more)
			fprintf(out, " and %u more", more);
		fprintf(out, ": it needs %s\n", virtio->driver_hint);
	}
}

static void stop_loops(struct virtio_devices *devices)
{
	for (unsigned i = 0; i < devices->nr_loops; i++)
		io_thread_stop(&devices->loops[i]);
}

struct virtio *virtio_devices_console(const struct virtio_devices *devices)
{
	for (unsigned i = 0; i < devices->count; i++) {
		if (devices->devices[i]->id == VIRTIO_ID_CONSOLE)
			return devices->devices[i];
	}
	return NULL;
}

void virtio_devices_drain(struct virtio_devices *devices,
			  const struct console_interrupt *interrupt, int timeout_ms)
{
	struct virtio *console = virtio_devices_console(devices);

	stop_loops(devices);
	if (console)
		virtio_console_drain(console, interrupt, timeout_ms);
}

void virtio_devices_print_stats(const struct virtio_devices *devices, FILE *out)
{
	for (unsigned i = 0; i < devices->count; i++) {
		if (devices->devices[i]->id == VIRTIO_ID_BALLOON)
			virtio_balloon_print_stats(devices->devices[i], out);
	}
}

bool virtio_devices_destroy(struct virtio_devices *devices)
{
	struct err err;
	bool is_quiet = true;

	if (virtio_devices_reset(devices, DRAIN_TIMEOUT_MS, &err)) {
		/* The host still works on buffers of these devices: do not free them. */
		fprintf(stderr, "tane: warning: %s\n", err.text);
		is_quiet = false;
	}
	stop_loops(devices);
	for (unsigned i = 0; i < devices->count && is_quiet; i++)
		virtio_free(devices->devices[i]);
	devices->count = 0;
	for (unsigned i = 0; i < devices->nr_loops; i++)
		io_thread_destroy(&devices->loops[i]);
	devices->nr_loops = 0;
	return is_quiet;
}

size_t virtio_mmio_params(const struct virtio_mmio_places *places, unsigned count,
			  char *text, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; i < count && i < places->count; i++) {
		const int n = snprintf(
			used < size ? text + used : NULL, used < size ? size - used : 0,
			" virtio_mmio.device=%u@0x%llx:%u", VIRTIO_MMIO_SIZE,
			(unsigned long long)(places->base + i * places->stride),
			places->gsis[i]);

		used += n > 0 ? (size_t)n : 0;
	}
	return used;
}
